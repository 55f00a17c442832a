//! Texts to expressions. Everything that is left out of the language is refused
//! here, by name.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::Env;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators as op};
use regex::RegexBuilder;

use super::limits::{MAX_DEPTH, MAX_NODES, MAX_REGEX, MAX_REGEX_PROGRAM, MAX_SOURCE};
use super::node::{Each, Expression, Function, Literal, Node, Operator, Search, Variable};

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpressionError {
    #[error("an expression has at most {MAX_SOURCE} bytes")]
    TooLong,
    #[error("an expression has at most {MAX_DEPTH} levels")]
    TooDeep,
    #[error("an expression has at most {MAX_NODES} parts; write several")]
    TooLarge,
    #[error("is not an expression: {0}")]
    Syntax(String),
    #[error("unknown variable `{name}`; known here: {}", known.join(", "))]
    Variable { name: String, known: Vec<String> },
    #[error(
        "the function `{name}` with {arguments} arguments is not offered; offered are: {}",
        offered()
    )]
    Function { name: String, arguments: usize },
    #[error("{0} are not offered")]
    NotOffered(&'static str),
    #[error("has() needs a field: has(a.b)")]
    Has,
    #[error("the first argument of {0}() must be a name")]
    Name(String),
    #[error("the pattern of matches() must be written out as a text in quotes")]
    PatternNotWritten,
    #[error("is not a regular expression of at most {MAX_REGEX} bytes that stays small: {0}")]
    Pattern(String),
}

fn offered() -> String {
    let functions = Function::ALL.map(|(name, _)| name);
    let searches = Search::ALL.map(|(name, _)| name);
    let each = Each::ALL.map(|(name, _)| name);
    let mut all = [&functions[..], &searches, &each].concat();
    all.extend(["has", "map", "matches"]);
    all.sort_unstable();
    all.join(", ")
}

/// Compiles an expression.
pub(super) fn compile(source: &str) -> Result<Expression, ExpressionError> {
    if source.len() > MAX_SOURCE {
        return Err(ExpressionError::TooLong);
    }
    // The parser recurses for each.
    if deepest(source) > MAX_DEPTH {
        return Err(ExpressionError::TooDeep);
    }
    let parsed = parse(source)?;
    let mut translation = Translation {
        locals: Vec::new(),
        nodes: 0,
    };
    let root = translation.node(&parsed, 0)?;
    Ok(Expression {
        source: source.into(),
        root,
    })
}

/// Brackets inside each other at the deepest point; those in texts count too.
fn deepest(source: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for b in source.bytes() {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Parses without the macros of the standard library, so that they stay the
/// calls they are written as.
///
/// The generated parser is not ours and not written for hostile input: whatever
/// it does not survive is no expression.
fn parse(source: &str) -> Result<IdedExpr, ExpressionError> {
    let depth = u16::try_from(MAX_DEPTH).unwrap_or(u16::MAX);
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        Env::default()
            .with_optional_support(false)
            .parser()
            .max_recursion_depth(depth)
            .error_recovery_limit(1)
            .parse(source)
            .map_err(|errors| {
                let first = errors.errors.first();
                first.map_or_else(
                    || "it cannot be parsed".to_owned(),
                    |error| error.msg.clone(),
                )
            })
    }));
    match parsed {
        Ok(Ok(expression)) => Ok(expression),
        Ok(Err(message)) => Err(ExpressionError::Syntax(message)),
        Err(_) => Err(ExpressionError::Syntax(
            "the parser does not survive it".to_owned(),
        )),
    }
}

#[derive(Debug)]
struct Translation {
    /// Names of the local variables in scope, the outermost first.
    locals: Vec<String>,
    nodes: usize,
}

impl Translation {
    fn node(&mut self, parsed: &IdedExpr, depth: usize) -> Result<Node, ExpressionError> {
        if depth > MAX_DEPTH {
            return Err(ExpressionError::TooDeep);
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(ExpressionError::TooLarge);
        }
        let depth = depth + 1;
        match &parsed.expr {
            Expr::Literal(literal) => self::literal(literal).map(Node::Literal),
            Expr::Ident(name) => self.variable(name),
            Expr::List(list) => {
                let elements = list.elements.iter();
                let elements = elements.map(|element| self.node(element, depth));
                Ok(Node::List(elements.collect::<Result<_, _>>()?))
            }
            Expr::Select(select) => {
                let operand = Box::new(self.node(&select.operand, depth)?);
                let field = select.field.as_str().into();
                Ok(if select.test {
                    Node::Has(operand, field)
                } else {
                    Node::Select(operand, field)
                })
            }
            Expr::Call(call) => self.call(call, depth),
            Expr::Map(_) => Err(ExpressionError::NotOffered("maps that are written out")),
            Expr::Struct(_) => Err(ExpressionError::NotOffered("messages")),
            Expr::Comprehension(_) | Expr::Unspecified => {
                Err(ExpressionError::NotOffered("such expressions"))
            }
        }
    }

    fn boxed(&mut self, parsed: &IdedExpr, depth: usize) -> Result<Box<Node>, ExpressionError> {
        self.node(parsed, depth).map(Box::new)
    }

    fn variable(&self, name: &str) -> Result<Node, ExpressionError> {
        // The innermost one hides the others.
        if let Some(at) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(at));
        }
        if let Some((_, variable)) = Variable::ALL.iter().find(|(known, _)| *known == name) {
            return Ok(Node::Variable(*variable));
        }
        let known = Variable::ALL.iter().map(|(known, _)| (*known).to_owned());
        Err(ExpressionError::Variable {
            name: name.to_owned(),
            known: known.chain(self.locals.iter().cloned()).collect(),
        })
    }

    fn call(&mut self, call: &CallExpr, depth: usize) -> Result<Node, ExpressionError> {
        let name = call.func_name.as_str();
        // `f(a, b)` and `a.f(b)` are one and the same, where both are allowed.
        let all: Vec<&IdedExpr> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect();
        let method = call.target.is_some();
        let operator = |name: &str| {
            Some(match name {
                op::ADD => Operator::Add,
                op::SUBSTRACT => Operator::Subtract,
                op::MULTIPLY => Operator::Multiply,
                op::DIVIDE => Operator::Divide,
                op::MODULO => Operator::Remainder,
                op::EQUALS => Operator::Equal,
                op::NOT_EQUALS => Operator::NotEqual,
                op::LESS => Operator::Less,
                op::LESS_EQUALS => Operator::AtMost,
                op::GREATER => Operator::More,
                op::GREATER_EQUALS => Operator::AtLeast,
                op::IN => Operator::In,
                _ => return None,
            })
        };
        let each = |name: &str| Each::ALL.iter().find(|(known, _)| *known == name);
        let search = |name: &str| Search::ALL.iter().find(|(known, _)| *known == name);
        let function = |name: &str| Function::ALL.iter().find(|(known, _)| *known == name);
        match all[..] {
            [a, b] if operator(name).is_some() && !method => {
                let operator = operator(name).unwrap_or(Operator::Equal);
                let (a, b) = (self.boxed(a, depth)?, self.boxed(b, depth)?);
                Ok(Node::Binary(operator, a, b))
            }
            [a, b] if name == op::LOGICAL_AND => {
                Ok(Node::And(self.boxed(a, depth)?, self.boxed(b, depth)?))
            }
            [a, b] if name == op::LOGICAL_OR => {
                Ok(Node::Or(self.boxed(a, depth)?, self.boxed(b, depth)?))
            }
            [a, b] if name == op::INDEX => {
                Ok(Node::Index(self.boxed(a, depth)?, self.boxed(b, depth)?))
            }
            [a] if name == op::LOGICAL_NOT => Ok(Node::Not(self.boxed(a, depth)?)),
            [a] if name == op::NEGATE => Ok(Node::Negate(self.boxed(a, depth)?)),
            [a, b, c] if name == op::CONDITIONAL => Ok(Node::If(
                self.boxed(a, depth)?,
                self.boxed(b, depth)?,
                self.boxed(c, depth)?,
            )),
            [a] if name == op::HAS && !method => match self.node(a, depth)? {
                Node::Select(operand, field) => Ok(Node::Has(operand, field)),
                _ => Err(ExpressionError::Has),
            },
            [range, name, body] if method && each(&call.func_name).is_some() => {
                let each = each(&call.func_name).map_or(Each::All, |(_, each)| *each);
                let range = self.boxed(range, depth)?;
                let [body] = self.scope(call, name, [body], depth)?;
                Ok(Node::Each(each, range, Box::new(body)))
            }
            [range, name, body] if method && call.func_name == op::MAP => {
                let range = self.boxed(range, depth)?;
                let [body] = self.scope(call, name, [body], depth)?;
                Ok(Node::Map {
                    range,
                    filter: None,
                    body: Box::new(body),
                })
            }
            [range, name, filter, body] if method && call.func_name == op::MAP => {
                let range = self.boxed(range, depth)?;
                let [filter, body] = self.scope(call, name, [filter, body], depth)?;
                Ok(Node::Map {
                    range,
                    filter: Some(Box::new(filter)),
                    body: Box::new(body),
                })
            }
            [text, part] if method && search(name).is_some() => {
                let search = search(name).map_or(Search::Contains, |(_, search)| *search);
                let (text, part) = (self.boxed(text, depth)?, self.boxed(part, depth)?);
                Ok(Node::Search(search, text, part))
            }
            [text, pattern] if name == "matches" => {
                let text = self.boxed(text, depth)?;
                let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
                    return Err(ExpressionError::PatternNotWritten);
                };
                Ok(Node::Matches(text, regex(pattern.inner())?))
            }
            // Only `size` is a method too.
            [a] if function(name).is_some() && (!method || name == "size") => {
                let function = function(name).map_or(Function::Size, |(_, function)| *function);
                Ok(Node::Call(function, self.boxed(a, depth)?))
            }
            _ => Err(ExpressionError::Function {
                name: name.to_owned(),
                arguments: all.len(),
            }),
        }
    }

    /// Translates the parts of a macro in which `name` is a variable.
    fn scope<const N: usize>(
        &mut self,
        call: &CallExpr,
        name: &IdedExpr,
        parts: [&IdedExpr; N],
        depth: usize,
    ) -> Result<[Node; N], ExpressionError> {
        let Expr::Ident(name) = &name.expr else {
            return Err(ExpressionError::Name(call.func_name.clone()));
        };
        self.locals.push(name.clone());
        let mut nodes = Vec::with_capacity(N);
        for part in parts {
            nodes.push(self.node(part, depth)?);
        }
        self.locals.pop();
        // As many as there are parts.
        nodes
            .try_into()
            .map_err(|_| ExpressionError::NotOffered("such expressions"))
    }
}

fn literal(literal: &LiteralValue) -> Result<Literal, ExpressionError> {
    Ok(match literal {
        LiteralValue::Null => Literal::Null,
        LiteralValue::Boolean(value) => Literal::Bool(*value.inner()),
        LiteralValue::Int(value) => Literal::Int(*value.inner()),
        LiteralValue::UInt(value) => Literal::Uint(*value.inner()),
        LiteralValue::Double(value) => Literal::Double(*value.inner()),
        LiteralValue::String(value) => Literal::Text(value.inner().into()),
        LiteralValue::Bytes(_) => return Err(ExpressionError::NotOffered("bytes")),
    })
}

/// Matching takes time in the order of text times program, so the program is
/// kept small.
fn regex(pattern: &str) -> Result<regex::Regex, ExpressionError> {
    if pattern.len() > MAX_REGEX {
        return Err(ExpressionError::Pattern(format!(
            "it has {} bytes",
            pattern.len()
        )));
    }
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_PROGRAM)
        .dfa_size_limit(MAX_REGEX_PROGRAM)
        .nest_limit(16)
        .build()
        .map_err(|error| {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default();
            ExpressionError::Pattern(last.trim().to_owned())
        })
}
