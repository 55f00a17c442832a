//! Arithmetic, conversions and work on texts.

use jiff::{SignedDuration, Timestamp};

use super::evaluate::{EvaluationError, Steps};
use super::limits::{MAX_LIST, MAX_TEXT};
use super::node::{Function, Operator, Search};
use super::value::{List, Value};

type Answer<T> = Result<T, EvaluationError>;

pub(super) fn negate<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    match value {
        Value::Int(value) => value
            .checked_neg()
            .map(Value::Int)
            .ok_or(EvaluationError::Overflow("a negation")),
        Value::Double(value) => Ok(Value::Double(-value)),
        other => Err(EvaluationError::kind("`-`", &[other])),
    }
}

pub(super) fn arithmetic<'a>(
    operator: Operator,
    a: &Value<'a>,
    b: &Value<'a>,
    steps: &mut Steps,
) -> Answer<Value<'a>> {
    let (name, overflow) = match operator {
        Operator::Add => ("`+`", "a sum"),
        Operator::Subtract => ("`-`", "a difference"),
        Operator::Multiply => ("`*`", "a product"),
        Operator::Divide => ("`/`", "a quotient"),
        _ => ("`%`", "a remainder"),
    };
    let overflow = EvaluationError::Overflow(overflow);
    if matches!(operator, Operator::Divide | Operator::Remainder)
        && matches!(
            (a, b),
            (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0))
        )
    {
        return Err(EvaluationError::DivisionByZero);
    }
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => match operator {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            Operator::Multiply => a.checked_mul(*b),
            Operator::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Int)
        .ok_or(overflow),
        (Value::Uint(a), Value::Uint(b)) => match operator {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            Operator::Multiply => a.checked_mul(*b),
            Operator::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Uint)
        .ok_or(overflow),
        (Value::Double(a), Value::Double(b)) => match operator {
            Operator::Add => Ok(Value::Double(a + b)),
            Operator::Subtract => Ok(Value::Double(a - b)),
            Operator::Multiply => Ok(Value::Double(a * b)),
            Operator::Divide => Ok(Value::Double(a / b)),
            _ => Err(EvaluationError::kind(
                name,
                &[&Value::Double(*a), &Value::Double(*b)],
            )),
        },
        (Value::Text(a), Value::Text(b)) if operator == Operator::Add => {
            let (a, b) = (a.as_str(), b.as_str());
            let length = a.len() + b.len();
            steps.take_bytes(length)?;
            if length > MAX_TEXT {
                return Err(EvaluationError::TooLong);
            }
            Ok(Value::made(format!("{a}{b}")))
        }
        (Value::List(a), Value::List(b)) if operator == Operator::Add => {
            let length = a.len() + b.len();
            steps.take(length as u64)?;
            if length > MAX_LIST {
                return Err(EvaluationError::TooLong);
            }
            Ok(Value::List(List::Made(a.iter().chain(b.iter()).collect())))
        }
        _ => times(operator, a, b).unwrap_or_else(|| Err(EvaluationError::kind(name, &[a, b]))),
    }
}

/// Sums and differences of times; `None` for anything else.
fn times<'a>(operator: Operator, a: &Value<'a>, b: &Value<'a>) -> Option<Answer<Value<'a>>> {
    let time = |time: Result<Timestamp, jiff::Error>| {
        time.map(Value::Time)
            .map_err(|_| EvaluationError::Overflow("a time"))
    };
    let span = |span: Option<SignedDuration>| {
        span.map(Value::Span)
            .ok_or(EvaluationError::Overflow("a length of time"))
    };
    Some(match (operator, a, b) {
        (Operator::Add, Value::Time(a), Value::Span(b))
        | (Operator::Add, Value::Span(b), Value::Time(a)) => time(a.checked_add(*b)),
        (Operator::Subtract, Value::Time(a), Value::Span(b)) => time(a.checked_sub(*b)),
        (Operator::Subtract, Value::Time(a), Value::Time(b)) => {
            Ok(Value::Span(a.duration_since(*b)))
        }
        (Operator::Add, Value::Span(a), Value::Span(b)) => span(a.checked_add(*b)),
        (Operator::Subtract, Value::Span(a), Value::Span(b)) => span(a.checked_sub(*b)),
        _ => return None,
    })
}

pub(super) fn search<'a>(
    search: Search,
    text: &Value<'a>,
    part: &Value<'a>,
    steps: &mut Steps,
) -> Answer<Value<'a>> {
    let name = match search {
        Search::Contains => "contains()",
        Search::StartsWith => "startsWith()",
        Search::EndsWith => "endsWith()",
    };
    let (Value::Text(text), Value::Text(part)) = (text, part) else {
        return Err(EvaluationError::kind(name, &[text, part]));
    };
    let (text, part) = (text.as_str(), part.as_str());
    Ok(Value::Bool(match search {
        Search::Contains => {
            steps.take_bytes(text.len() + part.len())?;
            text.contains(part)
        }
        Search::StartsWith => {
            steps.take_bytes(part.len())?;
            text.starts_with(part)
        }
        Search::EndsWith => {
            steps.take_bytes(part.len())?;
            text.ends_with(part)
        }
    }))
}

pub(super) fn call<'a>(
    function: Function,
    value: &Value<'a>,
    steps: &mut Steps,
) -> Answer<Value<'a>> {
    if let Value::Text(text) = value {
        steps.take_bytes(text.as_str().len())?;
    }
    match function {
        Function::Size => size(value),
        Function::Int => int(value),
        Function::Double => double(value),
        Function::Text => text(value),
        Function::Time => time(value),
        Function::Span => span(value),
    }
}

fn size<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    let size = match value {
        // Code points, as the language has it.
        Value::Text(text) => text.as_str().chars().count(),
        Value::List(list) => list.len(),
        Value::Object(object) => object.len(),
        other => return Err(EvaluationError::kind("size()", &[other])),
    };
    i64::try_from(size)
        .map(Value::Int)
        .map_err(|_| EvaluationError::Overflow("a size"))
}

/// A text that is shown in an error, shortened.
fn not(text: &str, what: &'static str) -> EvaluationError {
    EvaluationError::NotConvertible(text.chars().take(40).collect(), what)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the double is within the range of 64 bits"
)]
fn int<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    let overflow = EvaluationError::Overflow("int()");
    Ok(Value::Int(match value {
        Value::Int(value) => *value,
        Value::Uint(value) => i64::try_from(*value).map_err(|_| overflow)?,
        // Both ends are out of range: they are not exact as doubles.
        Value::Double(value) if value.abs() < 9_223_372_036_854_775_807.0 => value.trunc() as i64,
        Value::Double(_) => return Err(overflow),
        Value::Text(text) => {
            let text = text.as_str();
            let digits = text.strip_prefix('-').unwrap_or(text);
            let whole = digits.bytes().all(|b| b.is_ascii_digit());
            text.parse()
                .ok()
                .filter(|_| whole)
                .ok_or_else(|| not(text, "a whole number"))?
        }
        Value::Time(time) => time.as_second(),
        other => return Err(EvaluationError::kind("int()", &[other])),
    }))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the language rounds whole numbers to doubles"
)]
fn double<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    Ok(Value::Double(match value {
        Value::Int(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::Double(value) => *value,
        Value::Text(text) => {
            let text = text.as_str();
            let number: Option<f64> = text.parse().ok();
            // Infinity and "not a number" compare as nobody expects.
            let number = number.filter(|number| number.is_finite());
            number.ok_or_else(|| not(text, "a number"))?
        }
        other => return Err(EvaluationError::kind("double()", &[other])),
    }))
}

fn text<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    Ok(match value {
        Value::Text(_) => value.clone(),
        Value::Bool(value) => Value::made(value.to_string()),
        Value::Int(value) => Value::made(value.to_string()),
        Value::Uint(value) => Value::made(value.to_string()),
        other => return Err(EvaluationError::kind("string()", &[other])),
    })
}

fn time<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    match value {
        Value::Time(_) => Ok(value.clone()),
        Value::Text(text) => {
            let text = text.as_str();
            text.parse()
                .map(Value::Time)
                .map_err(|_| not(text, "a time in RFC 3339"))
        }
        other => Err(EvaluationError::kind("timestamp()", &[other])),
    }
}

fn span<'a>(value: &Value<'a>) -> Answer<Value<'a>> {
    match value {
        Value::Span(_) => Ok(value.clone()),
        Value::Text(text) => {
            let text = text.as_str();
            parse_span(text)
                .map(Value::Span)
                .ok_or_else(|| not(text, "a length of time in whole h, m, s"))
        }
        other => Err(EvaluationError::kind("duration()", &[other])),
    }
}

/// `1h30m`, `-90s`, `0`: whole numbers of hours, minutes and seconds.
fn parse_span(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut seconds = 0_i64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let number: i64 = number.parse().ok()?;
        let unit = match tail.as_bytes().first()? {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        rest = &tail[1..];
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
    }
    (!text.is_empty() && text != "-").then(|| SignedDuration::from_secs(sign * seconds))
}
