//! Any value, through serde: keys are strings and stand once.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value whose keys are strings and distinct.
pub(super) struct Node(pub(super) Value);

/// A key, which must be a string.
struct Key(String);

/// Begins the error about such a key, so that it is recognised again.
pub(super) const KEY_NOT_STRING: &str = "a key that is not a string: ";

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl KeyVisitor {
    fn refuse<E: de::Error>(found: impl fmt::Display) -> E {
        E::custom(format_args!("{KEY_NOT_STRING}{found}"))
    }
}

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string as key")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
        Ok(Key(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Key, E> {
        Ok(Key(text))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Key, E> {
        Err(Self::refuse(format_args!("the boolean {value}")))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Key, E> {
        Err(Self::refuse(format_args!("the number {value}")))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Key, E> {
        Err(Self::refuse(format_args!("the number {value}")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Key, E> {
        Err(Self::refuse(format_args!("the number {value}")))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Key, E> {
        Err(Self::refuse("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Key, A::Error> {
        Err(Self::refuse("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Key, A::Error> {
        Err(Self::refuse("a mapping"))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value)
            .map(|number| Node(number.into()))
            .ok_or_else(|| E::custom("a number that JSON cannot express"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(Node(value)) = items.next_element()? {
            all.push(value);
        }
        Ok(Node(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut all = Map::new();
        while let Some(Key(key)) = entries.next_key()? {
            if all.contains_key(&key) {
                return Err(de::Error::custom(format_args!("duplicate key {key:?}")));
            }
            let Node(value) = entries.next_value()?;
            all.insert(key, value);
        }
        Ok(Node(all.into()))
    }
}
