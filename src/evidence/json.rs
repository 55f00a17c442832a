//! Strict JSON: the same document means the same to every reader, or it is
//! refused.
//!
//! Parsers differ in what they make of a key that comes twice (first, last) or
//! in another case (Go's decoder takes `Critical` for `critical`, protobuf's
//! takes `dsse_envelope` for `dsseEnvelope`). Such a document could be signed
//! under one reading and judged under the other, so both are refused. Objects
//! are taken apart level by level; what is not read stays opaque and is only
//! checked to be JSON, without recursion.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Why a document is not the JSON that was expected: one sentence that quotes
/// no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsonError(pub(crate) String);

/// One object, its values still unread.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    path: Cow<'static, str>,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// An object never has more keys than this; what is signed has a handful.
const MAX_KEYS: usize = 1024;

/// The whole of a document, as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|_| JsonError("the document is not UTF-8".into()))
}

impl<'a> Object<'a> {
    /// Takes `text` apart, which must be one object and nothing else.
    ///
    /// `path` names the object in errors; `known` are the keys that are read,
    /// and any other spelling of them is refused. Other keys are allowed and
    /// ignored: formats grow.
    pub(crate) fn parse(
        path: impl Into<Cow<'static, str>>,
        text: &'a str,
        known: &[&str],
    ) -> Result<Self, JsonError> {
        let path = path.into();
        let start = text.trim_start_matches([' ', '\t', '\r', '\n']);
        if !start.is_empty() && !start.starts_with('{') {
            return Err(JsonError(format!("{path} is not an object")));
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = deserializer
            .deserialize_map(Fields)
            .and_then(|fields| deserializer.end().map(|()| fields))
            .map_err(|error| describe(&path, &error))?;
        for (key, _) in &fields {
            if known.contains(&&**key) {
                continue;
            }
            if let Some(name) = known.iter().find(|name| folded(name).eq(folded(key))) {
                return Err(JsonError(format!(
                    "{path} has the key {:?} where {name:?} is meant",
                    shortened(key)
                )));
            }
        }
        Ok(Self { path, fields })
    }

    /// The value of `key`; an absent one and `null` are the same.
    pub(crate) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.fields.iter().map(|(key, value)| (&**key, *value))
    }

    pub(crate) fn require(&self, key: &str) -> Result<&'a RawValue, JsonError> {
        self.get(key)
            .ok_or_else(|| JsonError(format!("{}.{key} is missing", self.path)))
    }

    pub(crate) fn object(&self, key: &str, known: &[&str]) -> Result<Object<'a>, JsonError> {
        Object::parse(self.below(key), self.require(key)?.get(), known)
    }

    pub(crate) fn string(&self, key: &str) -> Result<String, JsonError> {
        self.require(key)?;
        Ok(self.optional_string(key)?.unwrap_or_default())
    }

    pub(crate) fn optional_string(&self, key: &str) -> Result<Option<String>, JsonError> {
        self.get(key)
            .map(|value| serde_json::from_str(value.get()))
            .transpose()
            .map_err(|_| JsonError(format!("{}.{key} is not a string", self.path)))
    }

    /// The elements of a list; an absent one is empty.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<&'a RawValue>, JsonError> {
        self.get(key).map_or(Ok(Vec::new()), |value| {
            serde_json::from_str(value.get())
                .map_err(|_| JsonError(format!("{}.{key} is not a list", self.path)))
        })
    }

    /// Standard base64 with padding (RFC 4648, section 4), without line breaks.
    pub(crate) fn base64(&self, key: &str) -> Result<Vec<u8>, JsonError> {
        base64(&self.string(key)?).ok_or_else(|| {
            JsonError(format!(
                "{}.{key} is not standard base64 with padding",
                self.path
            ))
        })
    }

    pub(crate) fn optional_object(
        &self,
        key: &str,
        known: &[&str],
    ) -> Result<Option<Object<'a>>, JsonError> {
        self.get(key).map(|_| self.object(key, known)).transpose()
    }

    /// An int64 of protobuf that must not be negative: a number, or its digits
    /// as a string; an absent one is 0. One number has one spelling.
    pub(crate) fn index(&self, key: &str) -> Result<u64, JsonError> {
        let Some(value) = self.get(key) else {
            return Ok(0);
        };
        let text = match value.get().strip_prefix('"') {
            Some(_) => self.string(key)?,
            None => value.get().to_owned(),
        };
        let plain =
            text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        plain
            .then(|| text.parse::<i64>().ok())
            .flatten()
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| {
                JsonError(format!(
                    "{}.{key} is not a whole number from 0 to {}",
                    self.path,
                    i64::MAX
                ))
            })
    }

    /// The strings of an object of annotations. Values of other kinds are left
    /// out: nothing is judged by them.
    pub(crate) fn annotations(
        &self,
        key: &str,
    ) -> Result<std::collections::BTreeMap<String, String>, JsonError> {
        let Some(value) = self.get(key) else {
            return Ok(Default::default());
        };
        let object = Object::parse(self.below(key), value.get(), &[])?;
        Ok(object
            .entries()
            .filter_map(|(key, value)| {
                let text = serde_json::from_str(value.get()).ok()?;
                Some((key.to_owned(), text))
            })
            .collect())
    }

    fn below(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

/// Standard base64 with padding and zero trailing bits; one text for one value.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Hexadecimal in lower case, an even number of digits; one text for one value.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

/// `text` as errors may show it.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            if fields.len() == MAX_KEYS {
                return Err(A::Error::custom("too many keys"));
            }
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!(
                    "the key {:?} comes twice",
                    shortened(&key)
                )));
            }
            fields.push((key, value));
        }
        Ok(fields)
    }
}

/// A key, borrowed unless it has escapes.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// What other readers take for the same key: letter case by Unicode folding,
/// and the snake case of protobuf. A leading underscore is a name of its own.
fn folded(key: &str) -> impl Iterator<Item = char> {
    key.char_indices()
        .filter(|(at, c)| *c != '_' || *at == 0)
        .flat_map(|(_, c)| c.to_uppercase().flat_map(char::to_lowercase))
}

fn describe(path: &str, error: &serde_json::Error) -> JsonError {
    use serde_json::error::Category;
    JsonError(match error.classify() {
        Category::Eof => format!("{path} ends too early"),
        // That it is an object was seen before, so the message is one of ours.
        Category::Data | Category::Io => format!("{path}: {error}"),
        Category::Syntax => format!(
            "{path} is not JSON at line {} column {}",
            error.line(),
            error.column()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Object::parse("doc", text, &["critical", "dsseEnvelope", "_type"])
            .expect_err("refused")
            .0
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_even_if_escaped_or_unknown() {
        for text in [
            r#"{"critical":1,"critical":1}"#,
            r#"{"critical":1,"critic\u0061l":1}"#,
        ] {
            assert!(error(text).contains(r#"the key "critical" comes twice"#));
        }
        assert!(error(r#"{"x":1,"x":1}"#).contains(r#"the key "x" comes twice"#));
    }

    #[test]
    fn a_known_key_in_another_spelling_is_refused() {
        for (key, name) in [
            ("Critical", "critical"),
            ("dsse_envelope", "dsseEnvelope"),
            ("dsseenvelope", "dsseEnvelope"),
            ("d\u{17f}seEnvelope", "dsseEnvelope"),
            ("_TYPE", "_type"),
        ] {
            let text = format!(r#"{{"{key}":1}}"#);
            let parsed = Object::parse("doc", &text, &["critical", "dsseEnvelope", "_type"]);
            let message = parsed.expect_err(key).0;
            assert!(
                message.contains(&format!("where {name:?} is meant")),
                "{message}"
            );
        }
        assert!(Object::parse("doc", r#"{"type":1}"#, &["_type"]).is_ok());
    }

    #[test]
    fn trailing_data_other_kinds_and_broken_text_are_refused() {
        assert!(error(r#"{"x":1}{}"#).contains("is not JSON at line 1 column 8"));
        assert!(error(r#"{"x":1"#).contains("ends too early"));
        for text in ["[]", "1", "null", r#""{}""#, "\u{feff}{}", "<html>"] {
            assert_eq!(error(text), "doc is not an object");
        }
        assert!(error("").contains("ends too early"));
        assert!(error(r#"{"x":01}"#).contains("is not JSON"));
        assert!(text(b"{\"\xff\":1}").is_err());
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let object = Object::parse("doc", &deep, &[]).expect("opaque values do not recurse");
        assert!(object.list("x").is_ok());
    }

    #[test]
    fn an_index_is_a_number_or_its_digits_and_never_negative() {
        let index = |value: &str| {
            let text = format!(r#"{{"x":{value}}}"#);
            Object::parse("doc", &text, &[])
                .expect("an object")
                .index("x")
        };
        for (value, number) in [
            ("0", 0),
            ("null", 0),
            (r#""42""#, 42),
            ("9223372036854775807", i64::MAX as u64),
        ] {
            assert_eq!(index(value), Ok(number), "{value}");
        }
        for value in [
            "-1",
            r#""-1""#,
            r#""""#,
            r#""+1""#,
            r#""007""#,
            "1.0",
            "1e3",
            r#"" 1""#,
            "9223372036854775808",
            "true",
            "[1]",
        ] {
            let message = index(value).expect_err(value).0;
            assert_eq!(
                message,
                "doc.x is not a whole number from 0 to 9223372036854775807"
            );
        }
    }

    #[test]
    fn hexadecimal_has_one_spelling() {
        assert_eq!(hex("00fa19"), Some(vec![0, 0xfa, 0x19]));
        assert_eq!(hex(""), Some(vec![]));
        for text in ["0", "0F", "0x", "fg", " 0", "é"] {
            assert_eq!(hex(text), None, "{text:?}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(base64("aGk="), Some(b"hi".to_vec()));
        for text in ["aGk", "aGk=\n", " aGk=", "aGl=", "_-8=", "aGk==", "a"] {
            assert_eq!(base64(text), None, "{text:?}");
        }
    }
}
