//! What a statement says: the predicates that floe reads fields of, and the
//! text of all others.

/// The predicate of a statement as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// The fields that typed conditions look at.
    pub kind: PredicateKind,
    /// The predicate as it was written: JSON.
    pub text: Box<str>,
}

/// The predicates whose fields are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PredicateKind {
    /// Any other: only its text is kept.
    Other,
}

impl Predicate {
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    /// Reads what `predicate_type` has fields for. What cannot be read is kept
    /// as text, and a condition on it is not met.
    pub(super) fn parse(_predicate_type: &str, text: &str) -> Self {
        Self {
            kind: PredicateKind::Other,
            text: text.into(),
        }
    }
}
