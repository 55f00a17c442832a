//! YAML and JSON as documents, read as `kubectl` reads them or refused.
//!
//! What floe judges must be what `kubectl` sends, so everything in which YAML
//! readers differ is either read as `kubectl` reads it or an error: duplicate
//! keys, merge keys and keys that are not strings are errors; the words of YAML
//! 1.1 (`yes`, `no`, `on`, `off`) are booleans and `0123` is octal, as in
//! `kubectl`. Size, depth, aliases and the number of documents are bounded.

mod node;

use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, Spanned};

use node::{KEY_NOT_STRING, Node};

/// Longest text that is looked at. A Helm chart with its CRDs is a few MiB.
pub const MAX_TEXT: usize = 16 * 1024 * 1024;
/// Deepest nesting; a Pod needs about a dozen.
const MAX_DEPTH: usize = 64;
/// Events that aliases may add. Anchors save typing in a manifest; what expands
/// further is an attack.
const MAX_REPLAYED: usize = 50_000;
/// Documents in one text, and items of its lists.
const MAX_DOCUMENTS: usize = 10_000;
/// Longest account of what is wrong, in characters.
const MAX_DETAIL: usize = 300;

/// One document of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct YamlDocument {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// `items[3]` for an item of a list that was expanded; empty otherwise.
    pub path: String,
    /// The contents.
    pub value: Value,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// Longer than [`MAX_TEXT`].
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// Nested too deeply, too many aliases, documents or nodes.
    #[error("line {line}: over a limit: {detail}")]
    Limit {
        /// Where, from 1; 0 where that is not known.
        line: u64,
        /// Which limit.
        detail: String,
    },
    /// One key stands twice in a mapping.
    #[error("line {line}: duplicate key {key:?}; readers disagree about which one counts")]
    DuplicateKey {
        /// Where.
        line: u64,
        /// Which key.
        key: String,
    },
    /// `<<` was used.
    #[error("line {line}: merge keys (`<<`) are not supported; write the fields out")]
    MergeKey {
        /// Where.
        line: u64,
    },
    /// A key that is not a string.
    #[error(
        "line {line}: a key is {found}; write it in quotes (yes, no, on and off are booleans too)"
    )]
    KeyNotString {
        /// Where.
        line: u64,
        /// What it is instead.
        found: String,
    },
    /// A list that is expanded holds something that is not an object.
    #[error("line {line}: {path}: {message}")]
    List {
        /// Where its document begins.
        line: u64,
        /// Path of the item.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// Everything else that is not YAML.
    #[error("line {line}: {detail}")]
    Syntax {
        /// Where, from 1; 0 where that is not known.
        line: u64,
        /// The parser's words.
        detail: String,
    },
}

/// All documents of `text`, empty ones left out, lists expanded.
///
/// A text whose first character is `{` is read as JSON first, as `kubectl` does:
/// one or several values.
///
/// # Errors
///
/// See [`YamlError`]; nothing is skipped.
pub fn documents(text: &str) -> Result<Vec<YamlDocument>, YamlError> {
    if text.len() > MAX_TEXT {
        return Err(YamlError::TooLong);
    }
    let found = match text.trim_start().starts_with('{') {
        true => json(text).map_or_else(|| yaml(text), Ok)?,
        false => yaml(text)?,
    };
    let mut all = Vec::with_capacity(found.len());
    for document in found {
        expand(document, 0, &mut all)?;
    }
    Ok(all)
}

/// The values of a JSON text; `None` if it is not JSON, so that the YAML reader
/// says what is wrong with it.
fn json(text: &str) -> Option<Vec<YamlDocument>> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Node>();
    let mut all = Vec::new();
    loop {
        let rest = &text[stream.byte_offset()..];
        let at = text.len() - rest.trim_start().len();
        match stream.next() {
            Some(Ok(Node(value))) => all.push(YamlDocument {
                line: 1 + text[..at].bytes().filter(|b| *b == b'\n').count() as u64,
                path: String::new(),
                value,
            }),
            Some(Err(_)) => return None,
            None => return Some(all),
        }
    }
}

fn yaml(text: &str) -> Result<Vec<YamlDocument>, YamlError> {
    lines(text)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_documents: MAX_DOCUMENTS,
            max_events: 4_000_000,
            max_nodes: 2_000_000,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
        legacy_octal_numbers: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options::<Spanned<Node>>(text, options)
        .map(|found| {
            found
                .into_iter()
                .map(|node| YamlDocument {
                    line: node.referenced.line(),
                    path: String::new(),
                    value: node.value.0,
                })
                .collect()
        })
        .map_err(|error| named(&error))
}

/// Where lines and documents end, `kubectl` and YAML 1.2 do not always agree,
/// so that one of them could see an object where the other sees a comment or a
/// text. Such places are refused.
fn lines(text: &str) -> Result<(), YamlError> {
    let refused = |line: usize, detail: String| {
        Err(YamlError::Syntax {
            line: line as u64,
            detail,
        })
    };
    for (line, text) in (1..).zip(text.split('\n')) {
        let text = text.strip_suffix('\r').unwrap_or(text);
        // YAML 1.1, which `kubectl` reads, has more line breaks than YAML 1.2.
        let breaks = |c: char| matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        if let Some(found) = text.chars().find(|c| breaks(*c)) {
            let code = u32::from(found);
            return refused(
                line,
                format!("U+{code:04X} ends a line for some readers only; write it as an escape"),
            );
        }
        // `kubectl` takes `---#` for the end of a document, where YAML has the
        // beginning of a word, and refuses the rest.
        if let Some(rest) = text.strip_prefix("---") {
            let comment = rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#');
            if !rest.trim().is_empty() && !comment {
                return refused(
                    line,
                    "nothing but a comment, after a space, may follow `---` at the beginning of \
                     a line"
                        .to_owned(),
                );
            }
        }
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}

fn named(error: &serde_saphyr::Error) -> YamlError {
    use serde_saphyr::Error as E;
    let line = error.location().map_or(0, |at| at.line());
    // Quotes what stands there, and that may be megabytes.
    let detail = shortened(&error.without_snippet().to_string());
    match error.without_snippet() {
        E::AliasError { error, .. } => named(error),
        E::DuplicateMappingKey { key, .. } => YamlError::DuplicateKey {
            line,
            key: key.as_deref().map(shortened).unwrap_or_default(),
        },
        E::MergeKeyNotAllowed { .. } => YamlError::MergeKey { line },
        E::Budget { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. }
        | E::AliasReplayCounterOverflow { .. } => YamlError::Limit { line, detail },
        // The scanner counts open brackets before the budget counts nodes.
        _ if detail.starts_with("recursion limit") => YamlError::Limit { line, detail },
        _ => match detail.split_once(KEY_NOT_STRING) {
            Some((_, rest)) => YamlError::KeyNotString {
                line,
                found: rest.split(" at ").next().unwrap_or(rest).to_owned(),
            },
            None => YamlError::Syntax { line, detail },
        },
    }
}

/// `kubectl` sends the items of a list, not the list. Items without a kind have
/// that of the list without `List`.
fn expand(
    document: YamlDocument,
    depth: usize,
    all: &mut Vec<YamlDocument>,
) -> Result<(), YamlError> {
    let YamlDocument { line, path, value } = document;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let item_kind = text("kind").and_then(|kind| kind.strip_suffix("List"));
    let (Some(item_kind), Some(version), Some(Value::Array(_))) =
        (item_kind, text("apiVersion"), value.get("items"))
    else {
        if all.len() >= MAX_DOCUMENTS {
            let detail = format!("more than {MAX_DOCUMENTS} documents");
            return Err(YamlError::Limit { line, detail });
        }
        all.push(YamlDocument { line, path, value });
        return Ok(());
    };
    if depth > 4 {
        let detail = "lists within lists within lists".to_owned();
        return Err(YamlError::Limit { line, detail });
    }
    let (item_kind, version) = (item_kind.to_owned(), version.to_owned());
    let Value::Object(mut list) = value else {
        return Ok(());
    };
    let Some(Value::Array(items)) = list.remove("items") else {
        return Ok(());
    };
    for (index, mut item) in items.into_iter().enumerate() {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}items[{index}]");
        let Value::Object(fields) = &mut item else {
            let message = "an item of a list must be an object".to_owned();
            return Err(YamlError::List {
                line,
                path,
                message,
            });
        };
        if !item_kind.is_empty() {
            fields
                .entry("kind")
                .or_insert_with(|| item_kind.as_str().into());
            fields
                .entry("apiVersion")
                .or_insert_with(|| version.as_str().into());
        }
        let value = item;
        expand(YamlDocument { line, path, value }, depth + 1, all)?;
    }
    Ok(())
}

/// Whether `text` is one empty list of policies: the way to say that there are
/// to be none.
pub(super) fn explicitly_empty(text: &str) -> bool {
    yaml(text).is_ok_and(|found| match &found[..] {
        [YamlDocument { value, .. }] => {
            value.get("apiVersion").and_then(Value::as_str) == Some(super::spec::API_VERSION)
                && value.get("kind").and_then(Value::as_str) == Some("TrustPolicyList")
                && value
                    .get("items")
                    .and_then(Value::as_array)
                    .is_some_and(Vec::is_empty)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests;
