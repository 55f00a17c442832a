//! Borrowed pieces of JSON.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};

/// A JSON string, borrowed from the input unless it has escapes.
///
/// A type of its own because serde borrows into `Cow` only where it stands
/// alone: an `Option<Cow<str>>` would be copied always.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// A value that is written as a JSON object.
///
/// serde reads a struct from a list of its fields too. No API server does, and
/// a Pod whose `spec` is a list would seem to name no image.
#[derive(Debug)]
pub(super) struct JsonObject<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = JsonObject<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(JsonObject)
            }
        }

        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// For a field that must be an [`JsonObject`].
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    JsonObject::deserialize(deserializer).map(|JsonObject(value)| value)
}

/// For a field that must be an [`JsonObject`] where it is set.
pub(super) fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let found = Option::<JsonObject<T>>::deserialize(deserializer)?;
    Ok(found.map(|JsonObject(value)| value))
}

/// Group, version and kind of an object. The core group is the empty text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Gvk<'a> {
    /// The API group, such as `apps`.
    #[serde(borrow)]
    pub group: Text<'a>,
    /// The version, such as `v1`.
    #[serde(borrow)]
    pub version: Text<'a>,
    /// The kind, such as `Deployment`.
    #[serde(borrow)]
    pub kind: Text<'a>,
}

impl<'a> Gvk<'a> {
    /// From the two fields of a manifest: `apps/v1` and `Deployment`, or `v1`
    /// and `Pod`.
    pub fn from_manifest(api_version: &'a str, kind: &'a str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self {
            group: Text(Cow::Borrowed(group)),
            version: Text(Cow::Borrowed(version)),
            kind: Text(Cow::Borrowed(kind)),
        }
    }
}

impl fmt::Display for Gvk<'_> {
    /// `Pod`, `Deployment.apps`: the form in which `kubectl` names kinds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

/// The first `limit` bytes of a text, cut between characters, and `…` where
/// something was left out.
pub(crate) fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut end = limit.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_string_is_borrowed_and_one_with_escapes_is_not() {
        let read = |json| serde_json::from_str::<Option<Text<'static>>>(json);
        assert!(matches!(
            read(r#""a/b""#),
            Ok(Some(Text(Cow::Borrowed("a/b"))))
        ));
        assert!(matches!(read(r#""a\/b""#), Ok(Some(Text(Cow::Owned(t)))) if t == "a/b"));
        assert!(matches!(read("null"), Ok(None)));
        assert!(read("5").is_err());
    }

    #[test]
    fn kinds_read_and_print_as_in_kubectl() {
        assert_eq!(Gvk::from_manifest("v1", "Pod").to_string(), "Pod");
        let deployment = Gvk::from_manifest("apps/v1", "Deployment");
        assert_eq!(deployment.version.as_str(), "v1");
        assert_eq!(deployment.to_string(), "Deployment.apps");
    }

    #[test]
    fn clipping_cuts_between_characters_and_within_the_limit() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abcdef", 5), "ab…");
        assert_eq!(clip("ééé", 5), "é…");
        assert_eq!(clip("abcdef", 0), "…");
    }
}
