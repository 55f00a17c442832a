//! Reading an AdmissionReview of `admission.k8s.io/v1`, borrowed from its
//! bytes.
//!
//! What decides – namespace, kind, operation – comes from `request`, where the
//! API server wrote it, and never from the object, where the user did.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess};

use super::object::{Keeping, Object, Reading};
use super::wire::{Gvk, JsonObject, Text, clip};

/// The version of the protocol, read and written.
pub(super) const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind, read and written.
pub(super) const KIND: &str = "AdmissionReview";
/// Longest uid that is echoed; the API server writes 36 characters.
const MAX_UID: usize = 128;

/// What the request does to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It makes it.
    Create,
    /// It changes it.
    Update,
    /// It removes it.
    Delete,
    /// It connects to it, as `exec` does.
    Connect,
}

impl Operation {
    /// The word in the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// `request` of the review: the parts that floe reads.
#[derive(Debug)]
pub struct Request<'a> {
    /// Echoed in the answer.
    pub uid: Text<'a>,
    /// The kind of the objects, after conversion by the API server.
    pub kind: Gvk<'a>,
    /// Such as `scale`, `status`, `ephemeralcontainers`.
    pub sub_resource: Option<Text<'a>>,
    /// The object's name; missing where the API server generates it.
    pub name: Option<Text<'a>>,
    /// The namespace; missing for objects of the cluster.
    pub namespace: Option<Text<'a>>,
    /// What is done.
    pub operation: Operation,
    /// Who does it.
    pub user_info: Option<UserInfo<'a>>,
    /// The object as it would be.
    pub object: Option<Object<'a>>,
    /// The object as it is.
    pub old_object: Option<Object<'a>>,
    /// Whether nothing will be stored.
    pub dry_run: Option<bool>,
}

/// Who sends the request.
#[derive(Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    /// The name of the user.
    #[serde(borrow, default)]
    pub username: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a, T> {
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    request: Option<T>,
}

impl<'a> Review<'a, Request<'a>> {
    fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(
                serde_json::from_slice::<JsonObject<Review<'a, Keeping<'a>>>>(bytes)?
                    .0
                    .map(|request| request.0),
            );
        };
        // One fast check of the whole has saved one of each string. An object
        // that is not what its kind says is for the gate to talk about: with it
        // as text, the review itself is readable.
        if let Ok(review) = serde_json::from_str::<JsonObject<Review<'a, Reading<'a>>>>(text) {
            return Ok(review.0.map(|request| request.0));
        }
        let review = serde_json::from_str::<JsonObject<Review<'a, Keeping<'a>>>>(text)?;
        Ok(review.0.map(|request| request.0))
    }
}

impl<'a, T> Review<'a, T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Review<'a, U> {
        Review {
            api_version: self.api_version,
            kind: self.kind,
            request: self.request.map(f),
        }
    }
}

/// Why a review cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// It is not an AdmissionReview of a version that floe speaks, so that no
    /// answer would be understood.
    #[error("expected an AdmissionReview of admission.k8s.io/v1, found {found}")]
    Protocol {
        /// What the document says it is.
        found: String,
    },
    /// It cannot be read, and not even whom to answer.
    #[error("the AdmissionReview cannot be read: {detail}")]
    Unanswerable {
        /// What is wrong, at most 200 bytes.
        detail: String,
    },
    /// It cannot be read, but its uid can: a denial can be sent.
    #[error("the AdmissionReview cannot be read: {detail}")]
    Malformed {
        /// The uid to echo.
        uid: String,
        /// What is wrong, at most 200 bytes.
        detail: String,
    },
}

impl<'a> Request<'a> {
    /// Reads the review in `bytes`.
    ///
    /// # Errors
    ///
    /// [`ReviewError::Malformed`] wherever the uid could be read, so that the
    /// answer can be a denial; else one of the other two.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ReviewError> {
        let review = Review::parse(bytes).map_err(|error| unreadable(bytes, &error))?;
        let api_version = review.api_version.as_deref().unwrap_or_default();
        let kind = review.kind.as_deref().unwrap_or_default();
        if api_version != API_VERSION || kind != KIND {
            return Err(ReviewError::Protocol {
                found: if kind.is_empty() && api_version.is_empty() {
                    "neither kind nor apiVersion".to_owned()
                } else {
                    clip(&format!("{kind:?} of {api_version:?}"), 200).into_owned()
                },
            });
        }
        let request = review.request.ok_or_else(|| ReviewError::Unanswerable {
            detail: "it has no request".to_owned(),
        })?;
        if request.uid.is_empty() || request.uid.len() > MAX_UID {
            return Err(ReviewError::Unanswerable {
                detail: format!("request.uid must have 1 to {MAX_UID} characters"),
            });
        }
        Ok(request)
    }

    /// The subresource, where there is one.
    pub fn subresource(&self) -> Option<&str> {
        self.sub_resource.as_deref().filter(|name| !name.is_empty())
    }

    /// The namespace, where there is one.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref().filter(|name| !name.is_empty())
    }

    /// Whether nothing will be stored.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

fn unreadable(bytes: &[u8], error: &serde_json::Error) -> ReviewError {
    let detail = clip(&error.to_string(), 200).into_owned();
    match find_uid(bytes) {
        Some(uid) if !uid.is_empty() && uid.len() <= MAX_UID => {
            ReviewError::Malformed { uid, detail }
        }
        _ => ReviewError::Unanswerable { detail },
    }
}

/// The uid of a review that cannot be read otherwise: whatever stands at
/// `request.uid` before the first error of syntax, unless it stands there
/// twice.
fn find_uid(bytes: &[u8]) -> Option<String> {
    let mut found = Found::Nothing;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // The error is the one already known.
    let _ = Find {
        path: &["request", "uid"],
        found: &mut found,
    }
    .deserialize(&mut deserializer);
    match found {
        Found::Once(uid) => Some(uid),
        Found::Nothing | Found::Twice => None,
    }
}

enum Found {
    Nothing,
    Once(String),
    Twice,
}

struct Find<'f> {
    path: &'static [&'static str],
    found: &'f mut Found,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AdmissionReview")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.path.is_empty() {
            *self.found = match self.found {
                Found::Nothing => Found::Once(text.to_owned()),
                Found::Once(_) | Found::Twice => Found::Twice,
            };
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match self.path.split_first() {
                Some((name, rest)) if *name == key => map.next_value_seed(Find {
                    path: rest,
                    found: &mut *self.found,
                })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{
        "uid":"u-1","kind":{"group":"","version":"v1","kind":"Pod"},
        "resource":{"group":"","version":"v1","resource":"pods"},"subResource":"ephemeralcontainers",
        "name":"a","namespace":"prod","operation":"UPDATE","userInfo":{"username":"alice"},
        "object":{"kind":"Pod"},"oldObject":null,"dryRun":true,"options":null}}"#;

    fn read(text: &str) -> Result<(), ReviewError> {
        Request::read(text.as_bytes()).map(|_| ())
    }

    #[test]
    fn the_parts_that_decide_are_read_from_the_request() {
        let request = Request::read(GOOD.as_bytes()).expect("readable");
        assert_eq!(request.uid.as_str(), "u-1");
        assert_eq!(request.kind.to_string(), "Pod");
        assert_eq!(request.subresource(), Some("ephemeralcontainers"));
        assert_eq!(request.namespace(), Some("prod"));
        assert_eq!(request.operation, Operation::Update);
        assert!(request.object.is_some());
        assert!(request.old_object.is_none());
        assert!(request.is_dry_run());
    }

    #[test]
    fn a_review_that_cannot_be_read_still_gives_its_uid() {
        for (from, to) in [
            (r#""operation":"UPDATE""#, r#""operation":"PATCH""#),
            (r#""operation":"UPDATE","#, ""),
            (r#""dryRun":true"#, r#""dryRun":"yes""#),
            (r#""name":"a""#, r#""name":5"#),
            (r#""name":"a""#, r#""name":"a","name":"b""#),
            (r#""object":{"kind":"Pod"}"#, r#""object":{},"object":{}"#),
            (r#""object":{"kind":"Pod"}"#, r#""object":{"kind":"#),
            (r#""options":null}}"#, ""),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            match read(&text) {
                Err(ReviewError::Malformed { uid, .. }) => assert_eq!(uid, "u-1"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_a_denial_where_the_uid_is_readable() {
        let mut bytes = GOOD.as_bytes().to_vec();
        let at = GOOD.find("alice").expect("there");
        bytes[at] = 0xff;
        assert!(
            matches!(Request::read(&bytes), Err(ReviewError::Malformed { uid, .. }) if uid == "u-1")
        );
    }

    #[test]
    fn without_one_uid_nobody_can_be_answered() {
        for text in [
            "",
            "null",
            "{}}",
            r#"{"request":5}"#,
            &GOOD.replace(r#""uid":"u-1","#, ""),
            &GOOD.replace(r#""uid":"u-1""#, r#""uid":7"#),
            &GOOD.replace(r#""uid":"u-1""#, r#""uid":"u-1","uid":"u-2""#),
            &GOOD.replace("u-1", ""),
            &GOOD.replace("u-1", &"u".repeat(MAX_UID + 1)),
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#,
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}"#,
        ] {
            assert!(
                matches!(read(text), Err(ReviewError::Unanswerable { .. })),
                "{text}: {:?}",
                read(text)
            );
        }
    }

    #[test]
    fn another_version_or_kind_is_not_our_protocol() {
        for (from, to) in [
            ("admission.k8s.io/v1", "admission.k8s.io/v1beta1"),
            (r#""kind":"AdmissionReview""#, r#""kind":"Pod""#),
            (r#""kind":"AdmissionReview","#, ""),
            (r#""apiVersion":"admission.k8s.io/v1","#, ""),
        ] {
            assert!(
                matches!(
                    read(&GOOD.replace(from, to)),
                    Err(ReviewError::Protocol { .. })
                ),
                "{to}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Request::read(&bytes);
        }

        #[test]
        fn a_review_with_one_byte_changed_is_read_or_refused(at in 0..GOOD.len(), byte: u8) {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            match Request::read(&bytes) {
                Ok(request) => assert!(!request.uid.is_empty()),
                Err(ReviewError::Malformed { uid, .. }) => assert!(!uid.is_empty()),
                Err(ReviewError::Protocol { .. } | ReviewError::Unanswerable { .. }) => {}
            }
        }
    }
}
