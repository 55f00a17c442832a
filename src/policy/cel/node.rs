//! The language that expressions are translated into.

use regex::Regex;

/// One expression, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Expression {
    /// As it was written.
    pub(super) source: Box<str>,
    pub(super) root: Node,
}

#[derive(Debug)]
pub(super) enum Node {
    Literal(Literal),
    Variable(Variable),
    /// A variable of a macro, by its place among those in scope.
    Local(usize),
    List(Vec<Node>),
    /// `operand.field`
    Select(Box<Node>, Box<str>),
    /// `has(operand.field)`
    Has(Box<Node>, Box<str>),
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// Condition, then, else.
    If(Box<Node>, Box<Node>, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Box<Node>),
    /// Text in text.
    Search(Search, Box<Node>, Box<Node>),
    Matches(Box<Node>, Regex),
    /// Each element of the range in turn is the next local variable.
    Each(Each, Box<Node>, Box<Node>),
    /// `range.map(x, filter, body)`
    Map {
        range: Box<Node>,
        filter: Option<Box<Node>>,
        body: Box<Node>,
    },
}

#[derive(Debug)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Box<str>),
}

/// What an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    /// The predicate, as JSON.
    Predicate,
    /// Its type.
    PredicateType,
    /// The digest that the statement is about.
    Subject,
}

impl Variable {
    pub(super) const ALL: [(&'static str, Self); 3] = [
        ("predicate", Self::Predicate),
        ("predicateType", Self::PredicateType),
        ("subject", Self::Subject),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Int,
    Double,
    Text,
    Time,
    Span,
}

impl Function {
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("size", Self::Size),
        ("int", Self::Int),
        ("double", Self::Double),
        ("string", Self::Text),
        ("timestamp", Self::Time),
        ("duration", Self::Span),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    Contains,
    StartsWith,
    EndsWith,
}

impl Search {
    pub(super) const ALL: [(&'static str, Self); 3] = [
        ("contains", Self::Contains),
        ("startsWith", Self::StartsWith),
        ("endsWith", Self::EndsWith),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    All,
    Exists,
    ExistsOne,
    Filter,
}

impl Each {
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("all", Self::All),
        ("exists", Self::Exists),
        ("exists_one", Self::ExistsOne),
        ("filter", Self::Filter),
    ];
}
