//! What expressions may cost, and what they survive.

use super::*;
use crate::evidence::TreeError;
use crate::policy::cel::limits::{MAX_DEPTH, MAX_NODES, MAX_REGEX, MAX_SOURCE, MAX_STEPS};
use crate::policy::cel::{Expressions, Unsatisfied};

#[test]
fn the_size_of_expressions_is_bounded() {
    let refused = |source: &str| compile(source).expect_err("refused").to_string();
    let long = format!("'{}' == ''", "x".repeat(MAX_SOURCE));
    assert_eq!(refused(&long), "an expression has at most 1024 bytes");
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(compile(&nested(8)).is_ok());
    assert_eq!(
        refused(&nested(MAX_DEPTH + 1)),
        format!("an expression has at most {MAX_DEPTH} levels")
    );
    let many = vec!["1"; MAX_NODES].join(",");
    assert!(compile(&format!("1 in [{}]", &many[..401])).is_ok());
    assert_eq!(
        refused(&format!("[{}]", many)),
        format!("an expression has at most {MAX_NODES} parts; write several"),
    );
}

#[test]
fn chains_do_not_end_the_stack() {
    let chains = [
        "!".repeat(1000) + "true",
        "-".repeat(1000) + "1 == 1",
        "predicate".to_owned() + &".a".repeat(500),
        "predicate".to_owned() + &"[0]".repeat(300),
        "1".to_owned() + &"+1".repeat(500),
        "true?".repeat(160) + "1" + &":1".repeat(160),
        "predicate".to_owned() + &".map(x,x)".repeat(100),
        "[".repeat(1000),
        "'".repeat(1001),
        "\\".repeat(1000),
        "\u{1F600}".repeat(200),
        "a(".repeat(500),
        "?:".repeat(500),
        "\0".repeat(1000),
    ];
    for source in chains {
        // Whatever it is, it ends.
        if let Ok(expression) = compile(&source) {
            let _ = evaluate(&expression, &tree(PREDICATE), TYPE, "");
        }
    }
}

#[test]
fn a_regular_expression_is_bounded_when_it_is_compiled() {
    for pattern in [
        "(",
        "a{1000}{1000}",
        "(?:\\\\w{50}){50}",
        "[[:word:",
        "(?P<a>x)(?P<a>y)",
    ] {
        let source = format!("predicate.name.matches('{pattern}')");
        let message = compile(&source).expect_err(pattern).to_string();
        assert!(
            message.starts_with("is not a regular expression of at most 256 bytes"),
            "{pattern}: {message}"
        );
    }
    let long = format!("predicate.name.matches('{}')", "a".repeat(MAX_REGEX + 1));
    let message = compile(&long).expect_err("long").to_string();
    assert!(message.ends_with("it has 257 bytes"), "{message}");
    // What makes other engines run for ever is linear here.
    let text = format!(r#"{{"x":"{}"}}"#, "a".repeat(100_000));
    assert_eq!(
        run_on("predicate.x.matches('^(a+)+$')", &tree(&text)),
        Ok(true)
    );
    assert_eq!(
        run_on("predicate.x.matches('^(a|aa)+b$')", &tree(&text)),
        Ok(false)
    );
}

#[test]
fn work_is_bounded_whatever_the_expression_does() {
    let list = vec!["\"abc\""; 5_000].join(",");
    let predicate = tree(&format!(r#"{{"l":[{list}],"t":"{}"}}"#, "x".repeat(60_000)));
    for source in [
        "predicate.l.all(a, predicate.l.all(b, a == b))",
        "predicate.l.map(a, predicate.l.map(b, predicate.l)).size() == 1",
        "predicate.l.filter(a, predicate.l.filter(b, true).size() > 0).size() == 1",
        "predicate.l.exists(a, predicate.l == [a])|| predicate.l.all(a, predicate.l == predicate.l)",
        "predicate.l.all(a, 'zzz' in predicate.l || true)",
        "predicate.l.all(a, predicate.t.contains('xxxy') || true)",
        "predicate.l.all(a, predicate.t.matches('x+y') || true)",
        "predicate.l.all(a, (predicate.l + predicate.l).size() > 0)",
        "predicate.l.map(a, predicate.l.map(b, b)).map(c, c.map(d, d)).size() > 0",
    ] {
        assert_eq!(
            run_on(source, &predicate),
            Err(EvaluationError::OverBudget),
            "{source}"
        );
    }
    // Doubling, thirty times.
    let doubled = format!("[predicate.t]{}.size() == 1", ".map(a, a + a)".repeat(24));
    assert_eq!(run_on(&doubled, &predicate), Err(EvaluationError::TooLong));
    let lists = format!("[predicate.l]{}.size() == 1", ".map(a, a + a)".repeat(12));
    assert_eq!(run_on(&lists, &predicate), Err(EvaluationError::TooLong));
    // Shared, it takes no memory; compared, it takes steps.
    let shared = format!("[[1]]{}", ".map(a, [a, a])".repeat(24));
    let compared = format!("{shared} == {shared}");
    assert_eq!(
        run_on(&compared, &predicate),
        Err(EvaluationError::OverBudget)
    );
}

#[test]
fn the_end_of_the_budget_is_not_outvoted() {
    let list = vec!["1"; 2_000].join(",");
    let predicate = tree(&format!("{{\"l\":[{list}]}}"));
    let hungry = "predicate.l.all(a, predicate.l.all(b, a == b))";
    for source in [
        format!("{hungry} || true"),
        format!("!({hungry} && false)"),
        format!("[1].exists(x, {hungry} || x == 1) || true"),
    ] {
        assert_eq!(
            run_on(&source, &predicate),
            Err(EvaluationError::OverBudget),
            "{source}"
        );
    }
    assert_eq!(MAX_STEPS, 2_000_000);
}

#[test]
fn a_statement_is_not_evaluated_twice_and_others_are_not_mistaken_for_it() {
    let expressions =
        Expressions::compile(["predicate.score > 6", "predicate.passed"]).expect("good");
    let good = claim(r#"{"score": 7, "passed": true}"#);
    let bad = claim(r#"{"score": 6, "passed": true}"#);
    for _ in 0..2 {
        assert_eq!(expressions.unsatisfied(&good), []);
        assert_eq!(
            expressions.unsatisfied(&bad),
            [Unsatisfied::False("predicate.score > 6".into())]
        );
    }
    // What is remembered goes by document and subject alone.
    let disguised = AttestationClaim {
        predicate: Arc::clone(&bad.predicate),
        ..good.clone()
    };
    assert_eq!(expressions.unsatisfied(&disguised), []);
    let elsewhere = AttestationClaim {
        subject: Digest::sha256(b"another image"),
        ..disguised
    };
    assert_eq!(expressions.unsatisfied(&elsewhere).len(), 1);
}

#[test]
fn every_expression_that_is_not_true_is_reported() {
    let expressions =
        Expressions::compile(["predicate.a", "predicate.b == 1", "true"]).expect("good");
    assert_eq!(
        expressions.unsatisfied(&claim(r#"{"a":false}"#)),
        [
            Unsatisfied::False("predicate.a".into()),
            Unsatisfied::Failed(
                "predicate.b == 1".into(),
                EvaluationError::NoField("b".into())
            ),
        ]
    );
}

#[test]
fn a_predicate_that_is_not_strict_or_too_large_satisfies_nothing() {
    let expressions = Expressions::compile(["true"]).expect("good");
    let input = |text: &str| match &expressions.unsatisfied(&claim(text))[..] {
        [Unsatisfied::Input(error)] => error.clone(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        input(r#"{"a":[{"b":1,"b":2}]}"#),
        TreeError::Malformed(_)
    ));
    let large = format!("\"{}\"", "x".repeat(MAX_INPUT_BYTES));
    assert!(matches!(input(&large), TreeError::TooLarge { .. }));
    let many = format!("[{}]", vec!["0"; MAX_INPUT_VALUES].join(","));
    assert_eq!(input(&many), TreeError::TooManyValues(MAX_INPUT_VALUES));
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert!(matches!(input(&deep), TreeError::Malformed(_)));
}
