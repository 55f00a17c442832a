//! What expressions and their evaluation may cost.

/// Expressions of one requirement.
pub(super) const MAX_EXPRESSIONS: usize = 16;
/// Bytes of one expression. One that a reader can still judge has two hundred.
pub(super) const MAX_SOURCE: usize = 1024;
/// Brackets inside each other, and levels of the translated expression. Parser
/// and evaluation recurse as deep.
pub(super) const MAX_DEPTH: usize = 32;
/// Nodes of one translated expression.
pub(super) const MAX_NODES: usize = 256;
/// Bytes of one regular expression.
pub(super) const MAX_REGEX: usize = 256;
/// Bytes of a compiled regular expression, which bounds its states and so the
/// time for each byte of text.
pub(super) const MAX_REGEX_PROGRAM: usize = 64 << 10;

/// Bytes of a predicate that expressions are evaluated on. Bills of materials
/// of large images have two or three MiB; as a tree they take ten times as much
/// memory while they are evaluated.
pub(super) const MAX_INPUT_BYTES: usize = 4 << 20;
/// Values in it, at any depth.
pub(super) const MAX_INPUT_VALUES: usize = 250_000;

/// Steps of one evaluation. A step takes some ten nanoseconds, so all of them
/// take some ten milliseconds: enough to look at a few fields of each of the
/// largest predicate's values.
pub(super) const MAX_STEPS: u64 = 2_000_000;
/// Bytes that are compared, searched or copied in one step.
pub(super) const BYTES_A_STEP: usize = 16;
/// The longest text that an expression may put together.
pub(super) const MAX_TEXT: usize = 64 << 10;
/// The longest list that an expression may put together.
pub(super) const MAX_LIST: usize = 250_000;

/// Statements whose evaluation is remembered, for each requirement.
pub(super) const REMEMBERED: usize = 256;
