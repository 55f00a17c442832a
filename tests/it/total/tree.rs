//! JSON as it is written: every entry in its order, doubles included.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Object(Vec<(String, Tree)>),
    List(Vec<Tree>),
    Leaf(Value),
    /// Text that is written as it is, whether JSON or not.
    Raw(String),
}

/// Which of several entries with one key counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    First,
    Last,
    /// The last one, keys being the same in any case: how Go reads into a struct.
    AnyCase,
}

impl Tree {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// All places, from the root down, each as the indices that lead to it.
    pub(super) fn places(&self) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::new()];
        for (index, child) in self.children().into_iter().enumerate() {
            for mut place in child.places() {
                place.insert(0, index);
                all.push(place);
            }
        }
        all
    }

    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Object(entries) => entries.iter().map(|(_, child)| child).collect(),
            Self::List(items) => items.iter().collect(),
            Self::Leaf(_) | Self::Raw(_) => Vec::new(),
        }
    }

    pub(super) fn at(&mut self, place: &[usize]) -> &mut Self {
        let Some((first, rest)) = place.split_first() else {
            return self;
        };
        match self {
            Self::Object(entries) => entries[*first].1.at(rest),
            Self::List(items) => items[*first].at(rest),
            Self::Leaf(_) | Self::Raw(_) => self,
        }
    }

    /// What a reader takes it for.
    pub(super) fn read(&self, reading: Reading) -> Value {
        match self {
            Self::Object(entries) => {
                let mut map = serde_json::Map::new();
                for (key, child) in entries {
                    let key = match reading {
                        Reading::AnyCase => key.to_lowercase(),
                        Reading::First | Reading::Last => key.clone(),
                    };
                    if !(matches!(reading, Reading::First) && map.contains_key(&key)) {
                        map.insert(key, child.read(reading));
                    }
                }
                Value::Object(map)
            }
            Self::List(items) => items.iter().map(|item| item.read(reading)).collect(),
            Self::Leaf(value) => value.clone(),
            Self::Raw(_) => Value::Null,
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(entries) => {
                f.write_str("{")?;
                for (index, (key, child)) in entries.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    // A key that begins so is already written.
                    match key.strip_prefix('\0') {
                        Some(raw) => write!(f, "{comma}{raw}:{child}")?,
                        None => write!(f, "{comma}{}:{child}", Value::from(key.as_str()))?,
                    }
                }
                f.write_str("}")
            }
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Self::Leaf(value) => write!(f, "{value}"),
            Self::Raw(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Object(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::Null))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
