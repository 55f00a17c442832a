//! Conditions in the Common Expression Language, for what typed conditions do
//! not cover.
//!
//! A library parses, and nothing else: expressions are translated into a small
//! language of ours when a policy is compiled, and evaluated here, because
//! evaluation must be bounded in every step. What is left out is refused by name
//! when the policy is compiled, never at the moment of a decision. Wherever this
//! language gives an answer, it is the answer that the language's definition
//! asks for; tests compare it with the library's own interpreter.
//!
//! Bounds: the length, number, depth and nodes of expressions; the bytes and
//! values of the predicate; and for each evaluation a budget of steps, in which
//! work that is not of constant size counts by its size. An expression that is
//! not true – false, no boolean, an error, a missing field, over the budget – is
//! not met. There is no clock in it and nothing outside the statement.

mod evaluate;
mod functions;
mod limits;
mod node;
#[cfg(test)]
mod tests;
mod translate;
mod value;

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;

use self::evaluate::{EvaluationError, evaluate};
use self::limits::{MAX_EXPRESSIONS, MAX_INPUT_BYTES, MAX_INPUT_VALUES, REMEMBERED};
use self::node::Expression;
use super::fields::{Object, Walk, kind_of};
use crate::evidence::TreeError;
use crate::oci::Digest;
use crate::trust::AttestationClaim;

/// Longest part of an expression that is shown, in characters.
const MAX_SHOWN: usize = 120;

/// The expressions of one requirement. All must be true.
#[derive(Clone)]
pub(super) struct Expressions(Arc<Inner>);

struct Inner {
    expressions: Vec<Expression>,
    /// What is not true of a statement, by document and subject: that is all
    /// that expressions can see.
    remembered: Cache<(Digest, Digest), Arc<[Unsatisfied]>>,
}

/// An expression that is not true of a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsatisfied {
    #[error("no expression can be evaluated: {0}")]
    Input(#[from] TreeError),
    #[error("the expression {0:?} is false")]
    False(Box<str>),
    #[error("the expression {0:?} cannot be evaluated: {1}")]
    Failed(Box<str>, EvaluationError),
}

impl Expressions {
    /// Compiles expressions; fails with the first that is not one, by its
    /// number, and why.
    fn compile<'s>(sources: impl IntoIterator<Item = &'s str>) -> Result<Self, (usize, String)> {
        let expressions = sources
            .into_iter()
            .enumerate()
            .map(|(at, source)| translate::compile(source).map_err(|error| (at, error.to_string())))
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner {
            expressions,
            remembered: Cache::new(REMEMBERED),
        })))
    }

    /// The expressions that are not true of `claim`.
    pub(super) fn unsatisfied(&self, claim: &AttestationClaim) -> Vec<Unsatisfied> {
        let inner = &*self.0;
        let key = (claim.document, claim.subject);
        if let Some(known) = inner.remembered.get(&key) {
            return known.to_vec();
        }
        let found: Arc<[_]> = inner.evaluate(claim).into();
        inner.remembered.insert(key, Arc::clone(&found));
        found.to_vec()
    }
}

impl Inner {
    fn evaluate(&self, claim: &AttestationClaim) -> Vec<Unsatisfied> {
        let predicate = match claim.predicate.tree(MAX_INPUT_BYTES, MAX_INPUT_VALUES) {
            Ok(predicate) => predicate,
            Err(error) => return vec![error.into()],
        };
        let subject = claim.subject.to_string();
        self.expressions
            .iter()
            .filter_map(|expression| {
                let shown = || {
                    expression
                        .source
                        .chars()
                        .take(MAX_SHOWN)
                        .collect::<String>()
                };
                match evaluate(expression, &predicate, &claim.predicate_type, &subject) {
                    Ok(true) => None,
                    Ok(false) => Some(Unsatisfied::False(shown().into())),
                    Err(error) => Some(Unsatisfied::Failed(shown().into(), error)),
                }
            })
            .collect()
    }

    fn sources(&self) -> impl Iterator<Item = &str> {
        self.expressions
            .iter()
            .map(|expression| &*expression.source)
    }
}

impl fmt::Debug for Expressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.sources()).finish()
    }
}

impl PartialEq for Expressions {
    /// Whether they say the same: the same texts.
    fn eq(&self, other: &Self) -> bool {
        self.0.sources().eq(other.0.sources())
    }
}

impl Eq for Expressions {}

/// Reads the field `cel` of a requirement: a list of expressions.
pub(super) fn read(walk: &mut Walk<'_>, object: &Object<'_>) -> Option<Expressions> {
    let path = object.path_of("cel");
    let why = "is empty; remove it, or write an expression";
    let items = walk.list(object, "cel", why)?;
    if items.len() > MAX_EXPRESSIONS {
        walk.complain(path, format!("at most {MAX_EXPRESSIONS} expressions"));
        return None;
    }
    let mut sources = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match item.as_str() {
            Some(source) => sources.push(source),
            None => walk.complain(
                format!("{path}[{at}]"),
                format!("must be an expression in quotes, not {}", kind_of(item)),
            ),
        }
    }
    match Expressions::compile(sources) {
        Ok(expressions) => Some(expressions),
        Err((at, message)) => {
            walk.complain(format!("{path}[{at}]"), message);
            None
        }
    }
}
