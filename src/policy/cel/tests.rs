//! Expressions: what they mean, what they may cost, and what they survive.

use std::sync::Arc;

use cel::{Context, Env, Program, Value as Theirs};

use super::evaluate::{EvaluationError, evaluate};
use super::limits::{
    MAX_DEPTH, MAX_INPUT_BYTES, MAX_INPUT_VALUES, MAX_NODES, MAX_REGEX, MAX_SOURCE, MAX_STEPS,
};
use super::translate::compile;
use super::{Expressions, Unsatisfied};
use crate::evidence::{Json, Predicate, TreeError};
use crate::oci::Digest;
use crate::trust::{AttestationClaim, SignatureLayout};

const TYPE: &str = "https://example.com/review/v1";
const PREDICATE: &str = r#"{
    "passed": true, "score": 7, "ratio": 0.5, "big": 18446744073709551615, "nothing": null,
    "name": "Grüße", "finishedOn": "2026-03-04T05:06:07Z", "empty": [], "none": {},
    "reviewers": [{"name": "ann", "team": "core", "votes": 2}, {"name": "bob", "votes": 1}],
    "tags": ["a", "b", "c"], "labels": {"x": "1", "y": "2"}
}"#;

fn tree(text: &str) -> Json {
    Predicate::parse(TYPE, text)
        .tree(MAX_INPUT_BYTES, MAX_INPUT_VALUES)
        .expect("strict JSON")
}

fn run_on(source: &str, predicate: &Json) -> Result<bool, EvaluationError> {
    let expression = compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    evaluate(&expression, predicate, TYPE, "sha256:abc")
}

fn run(source: &str) -> Result<bool, EvaluationError> {
    run_on(source, &tree(PREDICATE))
}

fn claim(text: &str) -> AttestationClaim {
    AttestationClaim {
        subject: Digest::sha256(b"image"),
        layout: SignatureLayout::Bundle,
        document: Digest::sha256(text.as_bytes()),
        predicate_type: TYPE.into(),
        predicate: Arc::new(Predicate::parse(TYPE, text)),
    }
}

/// What each expression is, by the definition of the language.
const TRUE: &[&str] = &[
    "predicate.passed",
    "predicate.passed == true && predicate.score >= 7",
    "predicate.score == 7.0 && predicate.score < 7.5 && 6u < predicate.score",
    "predicate.score != 8 && !(predicate.score > 7)",
    "predicate.big > 9223372036854775807",
    "predicate.big == 18446744073709551615u",
    "predicate.ratio * 2.0 == 1.0 && -predicate.ratio < 0.0",
    "predicate.score + 1 == 8 && predicate.score - 8 == -1 && predicate.score * 2 == 14",
    "predicate.score / 2 == 3 && predicate.score % 4 == 3 && -7 / 2 == -3 && -7 % 4 == -3",
    "predicate.nothing == null && predicate.score != null",
    "predicate.score != '7' && predicate.passed != 1",
    "size(predicate.name) == 5 && predicate.name.size() == 5",
    "predicate.name.startsWith('Gr') && predicate.name.endsWith('ße')",
    "predicate.name.contains('üß') && !predicate.name.contains('uss')",
    "predicate.name.matches('^Gr.+e$') && predicate.name.matches('üß')",
    "matches(predicate.name, 'r')",
    "predicate.name < 'Gs' && 'a' <= 'a'",
    "'x' + predicate.name == \"xGrüße\"",
    "predicate['passed'] && predicate.labels['x'] == '1'",
    "'x' in predicate.labels && !('z' in predicate.labels)",
    "'b' in predicate.tags && !('d' in predicate.tags) && 7 in [1, 7.0]",
    "predicate.tags[0] == 'a' && predicate.tags == ['a', 'b', 'c']",
    "predicate.tags + ['d'] == ['a', 'b', 'c', 'd']",
    "has(predicate.score) && !has(predicate.missing) && has(predicate.nothing)",
    "has(predicate.none) && !has(predicate.none.more)",
    "predicate.reviewers.all(r, r.votes > 0)",
    "predicate.reviewers.exists(r, r.name == 'bob')",
    "predicate.reviewers.exists_one(r, r.votes == 2)",
    "predicate.reviewers.filter(r, has(r.team)).size() == 1",
    "predicate.reviewers.map(r, r.name) == ['ann', 'bob']",
    "predicate.reviewers.map(r, r.votes > 1, r.name) == ['ann']",
    "predicate.labels.all(k, k in ['x', 'y']) && predicate.labels.exists(k, k == 'y')",
    "predicate.empty.all(x, x.y) && !predicate.empty.exists(x, x.y)",
    "predicate.tags.all(r, predicate.reviewers.all(r, has(r.name)))",
    "predicate.passed ? predicate.score == 7 : predicate.missing",
    "predicate.passed || predicate.missing",
    "predicate.missing || predicate.passed",
    "!(predicate.missing && !predicate.passed)",
    "predicate.reviewers.exists(r, r.team == 'core')",
    "predicate.reviewers.exists(r, r.team == 'nobody' || r.name == 'bob')",
    "int('12') == 12 && int(2.9) == 2 && int(-2.9) == -2 && int(3u) == 3",
    "double('1.5') == 1.5 && double(3) == 3.0",
    "string(7) == '7' && string(true) == 'true' && string('x') == 'x'",
    "timestamp(predicate.finishedOn) > timestamp('2026-01-01T00:00:00Z')",
    "timestamp(predicate.finishedOn) - timestamp('2026-03-04T05:06:00Z') == duration('7s')",
    "timestamp(predicate.finishedOn) + duration('1h') > timestamp(predicate.finishedOn)",
    "duration('1h30m') == duration('5400s') && duration('-1m') < duration('0s')",
    "predicateType == 'https://example.com/review/v1' && subject.startsWith('sha256:')",
    "'\\u00fc' == 'ü' && r'\\d' == '\\\\d' && \"\"\"a\nb\"\"\".contains('\\n')",
    "[[1, 2], [3]] == [[1, 2], [3.0]] && predicate.labels == predicate.labels",
    "1.0 / 0.0 > 1.0 && 5 in [null, 'x', 5]",
];

/// What has no value, and why.
fn errors() -> Vec<(&'static str, EvaluationError)> {
    let kind = |what, with: &str| EvaluationError::Kind {
        what,
        with: with.to_owned(),
    };
    vec![
        (
            "predicate.missing",
            EvaluationError::NoField("missing".into()),
        ),
        (
            "predicate.labels['z'] == ''",
            EvaluationError::NoField("z".into()),
        ),
        ("predicate.score", EvaluationError::NotABoolean("a number")),
        ("predicate.nothing", EvaluationError::NotABoolean("null")),
        ("predicate", EvaluationError::NotABoolean("an object")),
        ("predicate.tags", EvaluationError::NotABoolean("a list")),
        ("'true'", EvaluationError::NotABoolean("a text")),
        ("!predicate.score", kind("`!`", "a number")),
        ("predicate.score && true", kind("a condition", "a number")),
        (
            "true && predicate.missing",
            EvaluationError::NoField("missing".into()),
        ),
        (
            "predicate.missing || false",
            EvaluationError::NoField("missing".into()),
        ),
        (
            "predicate.tags[3] == ''",
            EvaluationError::NoElement { at: 3, length: 3 },
        ),
        (
            "predicate.tags[-1] == ''",
            EvaluationError::NoElement { at: -1, length: 3 },
        ),
        (
            "predicate.name[0] == ''",
            kind("`[]`", "a text and a number"),
        ),
        ("predicate.name.size.x", kind("a field", "a text")),
        (
            "has(predicate.missing.more)",
            EvaluationError::NoField("missing".into()),
        ),
        ("has(predicate.score.more)", kind("has()", "a number")),
        ("predicate.score < '8'", kind("`<`", "a number and a text")),
        ("predicate.nothing < 1", kind("`<`", "null and a number")),
        (
            "predicate.tags < predicate.tags",
            kind("`<`", "a list and a list"),
        ),
        (
            "predicate.score + 1.0 == 8.0",
            kind("`+`", "a number and a number"),
        ),
        (
            "predicate.score + '1' == '71'",
            kind("`+`", "a number and a text"),
        ),
        (
            "9223372036854775807 + 1 > 0",
            EvaluationError::Overflow("a sum"),
        ),
        (
            "-(-9223372036854775807 - 1) > 0",
            EvaluationError::Overflow("a negation"),
        ),
        ("0u - 1u > 0u", EvaluationError::Overflow("a difference")),
        ("1 / 0 == 0", EvaluationError::DivisionByZero),
        ("1 % 0 == 0", EvaluationError::DivisionByZero),
        (
            "int('1x') == 1",
            EvaluationError::NotConvertible("1x".into(), "a whole number"),
        ),
        ("int(1.0e300) == 1", EvaluationError::Overflow("int()")),
        (
            "double('nan') < 1.0",
            EvaluationError::NotConvertible("nan".into(), "a number"),
        ),
        (
            "timestamp('today') < timestamp(predicate.finishedOn)",
            EvaluationError::NotConvertible("today".into(), "a time in RFC 3339"),
        ),
        (
            "duration('1d') < duration('1h')",
            EvaluationError::NotConvertible("1d".into(), "a length of time in whole h, m, s"),
        ),
        (
            "timestamp(predicate.finishedOn) + duration('9999999999h') > timestamp(predicate.finishedOn)",
            EvaluationError::Overflow("a time"),
        ),
        (
            "predicate.reviewers.all(r, r.team == 'core')",
            EvaluationError::NoField("team".into()),
        ),
        (
            "predicate.reviewers.exists(r, r.team == 'x')",
            EvaluationError::NoField("team".into()),
        ),
        (
            "predicate.reviewers.exists_one(r, r.team == 'core')",
            EvaluationError::NoField("team".into()),
        ),
        (
            "predicate.reviewers.filter(r, r.team == 'core').size() == 1",
            EvaluationError::NoField("team".into()),
        ),
        ("predicate.tags.all(t, t)", kind("a condition", "a text")),
        ("predicate.score.all(t, true)", kind("a macro", "a number")),
        ("'a' in 'abc'", kind("`in`", "a text and a text")),
        ("size(predicate.score) == 1", kind("size()", "a number")),
        (
            "predicate.score.contains('7')",
            kind("contains()", "a number and a text"),
        ),
        (
            "predicate.score.matches('7')",
            kind("matches()", "a number"),
        ),
    ]
}

#[test]
fn expressions_mean_what_the_language_says() {
    for source in TRUE {
        assert_eq!(run(source), Ok(true), "{source}");
        assert_eq!(run(&format!("!({source})")), Ok(false), "{source}");
    }
}

#[test]
fn what_has_no_value_says_why_and_its_negation_has_none_either() {
    for (source, error) in errors() {
        assert_eq!(run(source), Err(error), "{source}");
        assert!(run(&format!("!({source})")).is_err(), "{source}");
    }
}

/// The library's own interpreter on the same predicate.
fn theirs(source: &str) -> Result<Theirs, String> {
    let program = Program::compile(source).map_err(|error| error.to_string())?;
    let mut context = Context::with_env(Arc::new(Env::stdlib()));
    let predicate: serde_json::Value = serde_json::from_str(PREDICATE).expect("JSON");
    context
        .add_variable("predicate", predicate)
        .expect("a value");
    context.add_variable_from_value("predicateType", TYPE);
    context.add_variable_from_value("subject", "sha256:abc");
    program.execute(&context).map_err(|error| error.to_string())
}

#[test]
fn nothing_is_true_here_that_the_library_does_not_hold_for_true() {
    let mut compared = 0;
    let errors = errors();
    let sources = TRUE.iter().chain(errors.iter().map(|(source, _)| source));
    for source in sources {
        for source in [(*source).to_owned(), format!("!({source})")] {
            let ours = run(&source);
            let other = theirs(&source);
            match ours {
                Ok(value) => assert_eq!(other, Ok(Theirs::Bool(value)), "{source}"),
                // Stricter here: what is no boolean, or out of range.
                Err(_) => continue,
            }
            compared += 1;
        }
    }
    assert_eq!(compared, TRUE.len() * 2);
}

#[test]
fn what_is_left_out_is_refused_by_name() {
    let refused = |source: &str| compile(source).expect_err(source).to_string();
    let functions = "offered are: all, contains, double, duration, endsWith, exists, exists_one, \
                     filter, has, int, map, matches, size, startsWith, string, timestamp";
    for (source, name, arguments) in [
        ("now() > timestamp('2026-01-01T00:00:00Z')", "now", 0),
        ("type(predicate) == type(1)", "type", 1),
        ("predicate.name.lowerAscii() == 'x'", "lowerAscii", 1),
        ("predicate.tags.size(1) == 1", "size", 2),
        ("startsWith('a', 'b')", "startsWith", 2),
        ("predicate.score.int() == 1", "int", 1),
        ("all(predicate.tags, t, true)", "all", 3),
        ("timestamp('x').getFullYear() == 2026", "getFullYear", 1),
        ("predicate.tags.exists(t)", "exists", 2),
        ("cel.bind(x, 1, x == 1)", "bind", 4),
    ] {
        if name == "bind" {
            // Its receiver is looked at first.
            assert!(compile(source).is_err());
            continue;
        }
        assert_eq!(
            refused(source),
            format!("the function `{name}` with {arguments} arguments is not offered; {functions}")
        );
    }
    for (source, message) in [
        (
            "{'a': 1} == predicate",
            "maps that are written out are not offered",
        ),
        ("b'x' == b'x'", "bytes are not offered"),
        ("Review{name: 'x'} == predicate", "messages are not offered"),
        (
            "missing == 1",
            "unknown variable `missing`; known here: predicate, predicateType, subject",
        ),
        (
            "predicate.tags.all(t, u == t)",
            "unknown variable `u`; known here: predicate, predicateType, subject, t",
        ),
        (
            "predicate.tags.all(t, true) && t == 'a'",
            "unknown variable `t`; known here: predicate, predicateType, subject",
        ),
        ("has(predicate)", "has() needs a field: has(a.b)"),
        ("has(predicate.tags[0])", "has() needs a field: has(a.b)"),
        (
            "predicate.tags.all(t.x, true)",
            "the first argument of all() must be a name",
        ),
        (
            "predicate.name.matches(predicate.pattern)",
            "the pattern of matches() must be written out as a text in quotes",
        ),
    ] {
        assert_eq!(refused(source), message);
    }
    for source in [
        "predicate.?a == 1",
        "",
        " ",
        "a b",
        "(",
        "'x",
        "predicate.",
        "1 +",
    ] {
        let message = refused(source);
        assert!(
            message.starts_with("is not an expression: "),
            "{source}: {message}"
        );
        assert!(!message.contains('\n'), "{message}");
    }
}

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
    assert!(compile(&format!("1 in [{}]", &many[..900])).is_ok());
    assert_eq!(
        refused(&format!("[{}]", many.get(..1022).expect("long"))),
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
    let doubled = format!("[predicate.t]{}.size() == 1", ".map(a, a + a)".repeat(30));
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
