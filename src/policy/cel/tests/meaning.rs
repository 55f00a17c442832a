//! What expressions mean, and what is left out of the language.

use std::collections::HashMap;

use cel::{Context, Env, Program, Value as Theirs};

use super::*;

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

/// The same value for the library: it would take whole numbers for unsigned.
fn converted(json: &Json) -> Theirs {
    match json {
        Json::Null => Theirs::Null,
        Json::Bool(value) => Theirs::Bool(*value),
        Json::Int(value) => Theirs::Int(*value),
        Json::Uint(value) => Theirs::UInt(*value),
        Json::Double(value) => Theirs::Float(*value),
        Json::String(text) => Theirs::from(&**text),
        Json::List(items) => Theirs::from(items.iter().map(converted).collect::<Vec<_>>()),
        Json::Object(object) => {
            let entries = object
                .iter()
                .map(|(key, value)| (key.to_string(), converted(value)));
            Theirs::from(entries.collect::<HashMap<_, _>>())
        }
    }
}

/// The library's own interpreter on the same predicate.
fn theirs(source: &str) -> Result<Theirs, String> {
    let program = Program::compile(source).map_err(|error| error.to_string())?;
    let mut context = Context::with_env(Arc::new(Env::stdlib()));
    context.add_variable_from_value("predicate", converted(&tree(PREDICATE)));
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
