//! Evaluation, in counted steps.

use super::functions;
use super::limits::{BYTES_A_STEP, MAX_LIST, MAX_STEPS};
use super::node::{Each, Expression, Literal, Node, Operator, Variable};
use super::value::{List, Text, Value};
use crate::evidence::Json;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::policy) enum EvaluationError {
    #[error("it needs more than {MAX_STEPS} steps")]
    OverBudget,
    #[error("it is {0}, and must be true or false")]
    NotABoolean(&'static str),
    #[error("there is no field {0:?}")]
    NoField(Box<str>),
    #[error("a list of {length} has no element {at}")]
    NoElement { at: i64, length: usize },
    #[error("{what} does not work with {with}")]
    Kind { what: &'static str, with: String },
    #[error("{0} goes beyond what numbers and times can hold")]
    Overflow(&'static str),
    #[error("a division by zero")]
    DivisionByZero,
    #[error("{0:?} is not {1}")]
    NotConvertible(Box<str>, &'static str),
    #[error("it makes a text or list that is too long")]
    TooLong,
}

impl EvaluationError {
    pub(super) fn kind(what: &'static str, with: &[&Value<'_>]) -> Self {
        let with: Vec<_> = with.iter().map(|value| value.kind()).collect();
        Self::Kind {
            what,
            with: with.join(" and "),
        }
    }
}

/// Whether `expression` is true of a statement.
pub(super) fn evaluate(
    expression: &Expression,
    predicate: &Json,
    predicate_type: &str,
    subject: &str,
) -> Result<bool, EvaluationError> {
    let mut evaluation = Evaluation {
        predicate,
        predicate_type,
        subject,
        locals: Vec::new(),
        steps: Steps(MAX_STEPS),
    };
    match evaluation.value(&expression.root)? {
        Value::Bool(value) => Ok(value),
        other => Err(EvaluationError::NotABoolean(other.kind())),
    }
}

/// What is left of the budget.
#[derive(Debug)]
pub(super) struct Steps(u64);

impl Steps {
    pub(super) const fn take(&mut self, steps: u64) -> Result<(), EvaluationError> {
        match self.0.checked_sub(steps) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = 0;
                Err(EvaluationError::OverBudget)
            }
        }
    }

    /// Takes what work on so many bytes costs.
    pub(super) const fn take_bytes(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.take((bytes / BYTES_A_STEP) as u64)
    }
}

struct Evaluation<'a> {
    predicate: &'a Json,
    predicate_type: &'a str,
    subject: &'a str,
    /// The variables of the macros around, the outermost first.
    locals: Vec<Value<'a>>,
    steps: Steps,
}

type Answer<T> = Result<T, EvaluationError>;

impl<'a> Evaluation<'a> {
    fn value(&mut self, node: &'a Node) -> Answer<Value<'a>> {
        self.steps.take(1)?;
        match node {
            Node::Literal(literal) => Ok(literal.into()),
            Node::Variable(variable) => Ok(match variable {
                Variable::Predicate => self.predicate.into(),
                Variable::PredicateType => Value::Text(Text::Found(self.predicate_type)),
                Variable::Subject => Value::Text(Text::Found(self.subject)),
            }),
            // Translation has seen that it is in scope.
            Node::Local(at) => Ok(self.locals.get(*at).cloned().unwrap_or(Value::Null)),
            Node::List(items) => {
                let items = items.iter().map(|item| self.value(item));
                Ok(Value::List(List::Made(items.collect::<Result<_, _>>()?)))
            }
            Node::Select(operand, field) => {
                let operand = self.value(operand)?;
                self.field(&operand, field)
            }
            Node::Has(operand, field) => match self.value(operand)? {
                Value::Object(object) => Ok(Value::Bool(object.contains_key(field))),
                other => Err(EvaluationError::kind("has()", &[&other])),
            },
            Node::Index(operand, index) => {
                let (operand, index) = (self.value(operand)?, self.value(index)?);
                self.element(&operand, &index)
            }
            Node::Not(operand) => match self.value(operand)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                other => Err(EvaluationError::kind("`!`", &[&other])),
            },
            Node::Negate(operand) => functions::negate(&self.value(operand)?),
            Node::And(a, b) => self.logical(a, b, false),
            Node::Or(a, b) => self.logical(a, b, true),
            Node::If(condition, then, otherwise) => {
                if self.boolean(condition)? {
                    self.value(then)
                } else {
                    self.value(otherwise)
                }
            }
            Node::Binary(operator, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.binary(*operator, &a, &b)
            }
            Node::Call(function, operand) => {
                let operand = self.value(operand)?;
                functions::call(*function, &operand, &mut self.steps)
            }
            Node::Search(search, text, part) => {
                let (text, part) = (self.value(text)?, self.value(part)?);
                functions::search(*search, &text, &part, &mut self.steps)
            }
            Node::Matches(text, regex) => match self.value(text)? {
                Value::Text(text) => {
                    let text = text.as_str();
                    // Far slower for each byte than to compare it.
                    self.steps.take(text.len() as u64)?;
                    Ok(Value::Bool(regex.is_match(text)))
                }
                other => Err(EvaluationError::kind("matches()", &[&other])),
            },
            Node::Each(each, range, body) => self.each(*each, range, body),
            Node::Map {
                range,
                filter,
                body,
            } => self.map(range, filter.as_deref(), body),
        }
    }

    fn boolean(&mut self, node: &'a Node) -> Answer<bool> {
        match self.value(node)? {
            Value::Bool(value) => Ok(value),
            other => Err(EvaluationError::kind("a condition", &[&other])),
        }
    }

    /// `&&` and `||`: where one operand decides, an error of the other does not
    /// matter, on whichever side it is. `decisive` is what decides.
    fn logical(&mut self, a: &'a Node, b: &'a Node, decisive: bool) -> Answer<Value<'a>> {
        let first = self.boolean(a);
        if first == Ok(decisive) {
            return Ok(Value::Bool(decisive));
        }
        self.alive(&first)?;
        let second = self.boolean(b)?;
        if second == decisive {
            return Ok(Value::Bool(decisive));
        }
        first.map(Value::Bool)
    }

    /// An error may be outvoted; the end of the budget may not.
    fn alive<T>(&self, answer: &Answer<T>) -> Answer<()> {
        match answer {
            Err(EvaluationError::OverBudget) => Err(EvaluationError::OverBudget),
            _ => Ok(()),
        }
    }

    fn field(&mut self, operand: &Value<'a>, field: &str) -> Answer<Value<'a>> {
        match operand {
            Value::Object(object) => match object.get(field) {
                Some(value) => Ok(value.into()),
                None => Err(EvaluationError::NoField(field.into())),
            },
            other => Err(EvaluationError::kind("a field", &[other])),
        }
    }

    fn element(&mut self, operand: &Value<'a>, index: &Value<'a>) -> Answer<Value<'a>> {
        match (operand, index) {
            (Value::List(list), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| list.get(at))
                .ok_or(EvaluationError::NoElement {
                    at: *at,
                    length: list.len(),
                }),
            (Value::Object(_), Value::Text(key)) => {
                self.steps.take_bytes(key.as_str().len())?;
                self.field(operand, key.as_str())
            }
            _ => Err(EvaluationError::kind("`[]`", &[operand, index])),
        }
    }

    fn binary(&mut self, operator: Operator, a: &Value<'a>, b: &Value<'a>) -> Answer<Value<'a>> {
        let order = |this: &mut Self, what| {
            if let (Value::Text(a), Value::Text(b)) = (a, b) {
                this.steps
                    .take_bytes(a.as_str().len().min(b.as_str().len()))?;
            }
            // A number that is none has no order, and no answer but an error.
            a.compare(b)
                .ok_or_else(|| EvaluationError::kind(what, &[a, b]))
        };
        Ok(Value::Bool(match operator {
            Operator::Equal => self.equal(a, b)?,
            Operator::NotEqual => !self.equal(a, b)?,
            Operator::Less => order(self, "`<`")?.is_lt(),
            Operator::AtMost => order(self, "`<=`")?.is_le(),
            Operator::More => order(self, "`>`")?.is_gt(),
            Operator::AtLeast => order(self, "`>=`")?.is_ge(),
            Operator::In => self.contained(a, b)?,
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => {
                return functions::arithmetic(operator, a, b, &mut self.steps);
            }
        }))
    }

    /// Values of different kinds are not equal; that is no error.
    fn equal(&mut self, a: &Value<'_>, b: &Value<'_>) -> Answer<bool> {
        self.steps.take(1)?;
        Ok(match (a, b) {
            (Value::Null, Value::Null) => true,
            (Value::Text(a), Value::Text(b)) => {
                let (a, b) = (a.as_str(), b.as_str());
                self.steps.take_bytes(a.len().min(b.len()))?;
                a == b
            }
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.equal(&a, &b)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Object(a), Value::Object(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for ((key, a), (other, b)) in a.iter().zip(b.iter()) {
                    self.steps.take_bytes(key.len())?;
                    if key != other || !self.equal(&a.into(), &b.into())? {
                        return Ok(false);
                    }
                }
                true
            }
            (a, b) => a.compare(b).is_some_and(std::cmp::Ordering::is_eq),
        })
    }

    fn contained(&mut self, item: &Value<'a>, within: &Value<'a>) -> Answer<bool> {
        match within {
            Value::List(list) => {
                for other in list.iter() {
                    if self.equal(item, &other)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Object(object) => match item {
                Value::Text(key) => {
                    self.steps.take_bytes(key.as_str().len())?;
                    Ok(object.contains_key(key.as_str()))
                }
                _ => Ok(false),
            },
            other => Err(EvaluationError::kind("`in`", &[item, other])),
        }
    }

    /// The elements of a list, or the keys of an object.
    fn range(&mut self, node: &'a Node) -> Answer<List<'a>> {
        match self.value(node)? {
            Value::List(list) => Ok(list),
            Value::Object(object) => {
                self.steps.take(object.len() as u64)?;
                let keys = object.keys().map(|key| Value::Text(Text::Found(key)));
                Ok(List::Made(keys.collect()))
            }
            other => Err(EvaluationError::kind("a macro", &[&other])),
        }
    }

    /// `value` of `node` with `item` as the innermost variable.
    fn with<T>(
        &mut self,
        item: Value<'a>,
        value: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<T> {
        self.locals.push(item);
        let answer = value(self);
        self.locals.pop();
        answer
    }

    fn each(&mut self, each: Each, range: &'a Node, body: &'a Node) -> Answer<Value<'a>> {
        let range = self.range(range)?;
        let decisive = each == Each::Exists;
        let mut error = None;
        let mut kept = Vec::new();
        for item in range.iter() {
            let held = self.with(item.clone(), |this| this.boolean(body));
            self.alive(&held)?;
            match each {
                // As a chain of `&&` or `||`.
                Each::All | Each::Exists => match held {
                    Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                    Ok(_) => {}
                    Err(found) => error = error.or(Some(found)),
                },
                Each::ExistsOne | Each::Filter => {
                    if held? {
                        kept.push(item);
                    }
                }
            }
        }
        match each {
            Each::All | Each::Exists => error.map_or(Ok(Value::Bool(!decisive)), Err),
            Each::ExistsOne => Ok(Value::Bool(kept.len() == 1)),
            Each::Filter => made(kept),
        }
    }

    fn map(
        &mut self,
        range: &'a Node,
        filter: Option<&'a Node>,
        body: &'a Node,
    ) -> Answer<Value<'a>> {
        let range = self.range(range)?;
        let mut all = Vec::new();
        for item in range.iter() {
            let mapped = self.with(item, |this| {
                let kept = filter.map_or(Ok(true), |filter| this.boolean(filter))?;
                kept.then(|| this.value(body)).transpose()
            })?;
            all.extend(mapped);
        }
        made(all)
    }
}

fn made(items: Vec<Value<'_>>) -> Answer<Value<'_>> {
    if items.len() > MAX_LIST {
        return Err(EvaluationError::TooLong);
    }
    Ok(Value::List(List::Made(items.into())))
}

impl<'a> From<&'a Literal> for Value<'a> {
    fn from(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::Uint(value) => Self::Uint(*value),
            Literal::Double(value) => Self::Double(*value),
            Literal::Text(text) => Self::Text(Text::Found(text)),
        }
    }
}
