//! A whole predicate as a tree: strict, and bounded before it is built.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A value of strict JSON: no key of an object comes twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A whole number above the largest [`Json::Int`].
    Uint(u64),
    /// Any other number.
    Double(f64),
    /// Text.
    String(Box<str>),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<Box<str>, Json>),
}

/// Why a predicate is not made a tree of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// More text than is read.
    #[error("the predicate has {found} bytes; {limit} are read at most")]
    TooLarge {
        /// Its bytes.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// More values than are read, at any depth.
    #[error("the predicate has more than {0} values")]
    TooManyValues(usize),
    /// Not strict JSON: a key twice, deeper than 127 levels, a number that is
    /// out of range.
    #[error("the predicate is not strict JSON: {0}")]
    Malformed(String),
}

pub(super) fn read(text: &str, max_bytes: usize, max_values: usize) -> Result<Json, TreeError> {
    if text.len() > max_bytes {
        return Err(TreeError::TooLarge {
            found: text.len(),
            limit: max_bytes,
        });
    }
    let left = Cell::new(max_values);
    let exhausted = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Value {
        left: &left,
        exhausted: &exhausted,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value))
    .map_err(|error| {
        if exhausted.get() {
            TreeError::TooManyValues(max_values)
        } else {
            TreeError::Malformed(error.to_string())
        }
    })
}

/// Reads one value, and counts it.
#[derive(Clone, Copy)]
struct Value<'c> {
    left: &'c Cell<usize>,
    exhausted: &'c Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            self.exhausted.set(true);
            return Err(D::Error::custom("too many values"));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Uint(value), Json::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if object.insert(key.into_boxed_str(), value).is_some() {
                return Err(A::Error::custom("a key comes twice"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Json, TreeError> {
        read(text, 1 << 20, 1000)
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x\n"],"b":{}}"#;
        let list = vec![
            Json::Null,
            Json::Bool(true),
            Json::Int(-1),
            Json::Uint(u64::MAX),
            Json::Double(1.5),
            Json::String("x\n".into()),
        ];
        let expected = BTreeMap::from([
            ("a".into(), Json::List(list)),
            ("b".into(), Json::Object(BTreeMap::new())),
        ]);
        assert_eq!(tree(text), Ok(Json::Object(expected)));
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[[{"x":{"a":1,"b":2,"a":3}}]]"#,
            r#"{"a":1,"\u0061":2}"#,
            "{} {}",
            "1e999",
            r#""\ud800""#,
            "",
        ] {
            assert!(matches!(tree(text), Err(TreeError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn bytes_values_and_depth_are_bounded() {
        assert_eq!(
            read("[1, 2]", 5, 10),
            Err(TreeError::TooLarge { found: 6, limit: 5 })
        );
        let list = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(tree(&list(999)).is_ok());
        assert_eq!(tree(&list(1000)), Err(TreeError::TooManyValues(1000)));
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tree(&deep(100)).is_ok());
        assert!(matches!(tree(&deep(200)), Err(TreeError::Malformed(_))));
        assert!(matches!(
            read(&"[".repeat(500_000), 1 << 20, 1 << 20),
            Err(TreeError::Malformed(_))
        ));
    }
}
