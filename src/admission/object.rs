//! The objects of a request, read in the same pass as the request around them.
//!
//! The API server writes the kind before the objects, so that it is known what
//! to look for when they come: reading them as text first and then again for
//! their images would double the cost of the largest part of a review. Where
//! the kind comes later, or has its images elsewhere, the text is kept.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::kinds::{self, Shape};
use super::references::ReadPod;
use super::review::Request;
use super::wire::JsonObject;
use super::workload::PodSpec;

/// An object of a request.
#[derive(Debug)]
pub struct Object<'a>(pub(super) Form<'a>);

#[derive(Debug)]
pub(super) enum Form<'a> {
    /// Not looked into yet.
    Text(&'a RawValue),
    /// Read as what its kind says.
    Pod(Shape, PodSpec<'a>),
}

/// Whether objects are read on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objects {
    Read,
    Keep,
}

/// A [`Request`] whose objects are read on the way; an object that is not what
/// its kind says is an error.
pub(super) struct Reading<'a>(pub(super) Request<'a>);

/// A [`Request`] whose objects stay text.
pub(super) struct Keeping<'a>(pub(super) Request<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Reading<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Fields(Objects::Read))
            .map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Keeping<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Fields(Objects::Keep))
            .map(Self)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Uid,
    Kind,
    SubResource,
    Name,
    Namespace,
    Operation,
    UserInfo,
    Object,
    OldObject,
    DryRun,
    #[serde(other)]
    Other,
}

/// The fields of a request.
struct Fields(Objects);

impl<'de> de::Visitor<'de> for Fields {
    type Value = Request<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request of an AdmissionReview")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut uid = None;
        let mut kind = None;
        let mut sub_resource = None;
        let mut name = None;
        let mut namespace = None;
        let mut operation = None;
        let mut user_info = None;
        let mut object = None;
        let mut old_object = None;
        let mut dry_run = None;
        while let Some(field) = map.next_key::<Field>()? {
            let shape = match self.0 {
                Objects::Read => kind.as_ref().and_then(kinds::shape),
                Objects::Keep => None,
            };
            match field {
                Field::Uid => once(&mut uid, "uid", map.next_value()?)?,
                Field::Kind => {
                    let JsonObject(value) = map.next_value()?;
                    once(&mut kind, "kind", value)?;
                }
                Field::SubResource => {
                    once(&mut sub_resource, "subResource", map.next_value()?)?;
                }
                Field::Name => once(&mut name, "name", map.next_value()?)?,
                Field::Namespace => once(&mut namespace, "namespace", map.next_value()?)?,
                Field::Operation => once(&mut operation, "operation", map.next_value()?)?,
                Field::UserInfo => {
                    let value: Option<JsonObject<_>> = map.next_value()?;
                    once(
                        &mut user_info,
                        "userInfo",
                        value.map(|JsonObject(value)| value),
                    )?;
                }
                Field::Object => {
                    once(&mut object, "object", map.next_value_seed(Read(shape))?)?;
                }
                Field::OldObject => {
                    let value = map.next_value_seed(Read(shape))?;
                    once(&mut old_object, "oldObject", value)?;
                }
                Field::DryRun => once(&mut dry_run, "dryRun", map.next_value()?)?,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let missing = de::Error::missing_field;
        Ok(Request {
            uid: uid.ok_or_else(|| missing("uid"))?,
            kind: kind.ok_or_else(|| missing("kind"))?,
            sub_resource: sub_resource.flatten(),
            name: name.flatten(),
            namespace: namespace.flatten(),
            operation: operation.ok_or_else(|| missing("operation"))?,
            user_info: user_info.flatten(),
            object: object.flatten(),
            old_object: old_object.flatten(),
            dry_run: dry_run.flatten(),
        })
    }
}

/// Takes a field, unless it was there before.
fn once<T, E: de::Error>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// Reads an object: as a Pod of this shape, or as text.
struct Read(Option<Shape>);

impl<'de> DeserializeSeed<'de> for Read {
    type Value = Option<Object<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> de::Visitor<'de> for Read {
    type Value = Option<Object<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let form = match self.0 {
            Some(shape) => Form::Pod(shape, ReadPod(shape).deserialize(deserializer)?),
            None => Form::Text(Deserialize::deserialize(deserializer)?),
        };
        Ok(Some(Object(form)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::references::{Coverage, ReferencesError};
    use super::*;

    fn review(request: &str) -> String {
        format!(
            r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","operation":"CREATE",{request}}}}}"#
        )
    }

    const KIND: &str = r#""kind":{"group":"","version":"v1","kind":"Pod"}"#;
    const POD: &str =
        r#""object":{"metadata":{"managedFields":[1]},"spec":{"containers":[{"image":"a"}]}}"#;

    fn images(request: &Request<'_>) -> Result<Vec<String>, ReferencesError> {
        let uses = Coverage::builtin().references_in(request, request.object.as_ref())?;
        Ok(uses.iter().map(|entry| entry.image.to_string()).collect())
    }

    #[test]
    fn a_kind_that_comes_after_the_object_leaves_it_text_with_the_same_images() {
        let before = review(&format!("{KIND},{POD}"));
        let after = review(&format!("{POD},{KIND}"));
        let before = Request::read(before.as_bytes()).expect("readable");
        let after = Request::read(after.as_bytes()).expect("readable");
        assert!(matches!(before.object, Some(Object(Form::Pod(..)))));
        assert!(matches!(after.object, Some(Object(Form::Text(_)))));
        assert_eq!(images(&before), Ok(vec!["a".to_owned()]));
        assert_eq!(images(&after), Ok(vec!["a".to_owned()]));
    }

    #[test]
    fn an_object_that_is_not_what_its_kind_says_leaves_the_review_readable() {
        for object in [
            r#""object":{"spec":{"containers":"a"}}"#,
            r#""object":{"spec":{"containers":[{"image":"a","image":"b"}]}}"#,
            r#""object":"a""#,
        ] {
            let text = review(&format!("{KIND},{object}"));
            let request = Request::read(text.as_bytes()).expect("readable");
            assert!(
                matches!(images(&request), Err(ReferencesError::Malformed { kind, .. }) if kind == "Pod"),
                "{object}"
            );
        }
    }

    #[test]
    fn an_object_that_is_null_or_missing_is_none() {
        for object in ["", r#","object":null,"oldObject":null"#] {
            let text = review(&format!("{KIND}{object}"));
            let request = Request::read(text.as_bytes()).expect("readable");
            assert!(request.object.is_none() && request.old_object.is_none());
        }
    }

    #[test]
    fn a_subresource_without_images_has_none_whatever_the_object_says() {
        let text = review(&format!(r#"{KIND},{POD},"subResource":"status""#));
        let request = Request::read(text.as_bytes()).expect("readable");
        assert_eq!(images(&request), Ok(vec![]));
    }
}
