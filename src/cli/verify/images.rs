//! The images of one run: each reference once for each place where policy
//! could see it differently.

use std::collections::HashMap;
use std::sync::Arc;

use crate::oci::Reference;
use crate::verdict::report::Place;
use crate::verdict::{Code, Finding};

/// One image to be judged.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// The reference as written.
    pub(super) written: String,
    /// The namespace it is for.
    pub(super) namespace: Option<Arc<str>>,
    /// What there is to be judged.
    pub(super) question: Question,
    /// Where it is used.
    pub(super) places: Vec<Place>,
}

/// What there is to be judged.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// May this run?
    Judge(Reference),
    /// Nothing: it is refused as it stands.
    Refused(Finding),
}

impl Image {
    /// An image as some document names it. What is no reference is refused.
    pub(super) fn written(text: &str, namespace: Option<&str>) -> Self {
        match text.parse() {
            Ok(reference) => Self {
                written: text.to_owned(),
                namespace: namespace.map(Arc::from),
                question: Question::Judge(reference),
                places: Vec::new(),
            },
            Err(error) => Self::refused(
                text,
                namespace,
                Finding::violation(Code::ReferenceInvalid, error.to_string()),
            ),
        }
    }

    /// An image that is refused whatever any policy says.
    pub(super) fn refused(text: &str, namespace: Option<&str>, finding: Finding) -> Self {
        Self {
            written: text.to_owned(),
            namespace: namespace.map(Arc::from),
            question: Question::Refused(finding),
            places: Vec::new(),
        }
    }
}

/// The images of one run, in the order in which they were first named.
#[derive(Debug, Default)]
pub(super) struct Images {
    list: Vec<Image>,
    known: HashMap<(String, Option<Arc<str>>), usize>,
}

impl Images {
    /// Adds an image, or one more place where it is used.
    pub(super) fn add(&mut self, image: Image, place: Option<Place>) {
        let key = (image.written.clone(), image.namespace.clone());
        let at = *self.known.entry(key).or_insert_with(|| {
            self.list.push(image);
            self.list.len() - 1
        });
        self.list[at].places.extend(place);
    }

    /// The images.
    pub(super) fn into_list(self) -> Vec<Image> {
        self.list
    }
}

/// An object in words: `Pod payments/web`, as far as it has a namespace and a
/// name.
pub(super) fn described(kind: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    match (namespace, name) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (Some(namespace), None) => format!("{kind} in namespace {namespace}"),
        (None, None) => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reference_is_judged_once_for_each_namespace() {
        let mut images = Images::default();
        for (text, namespace) in [
            ("a.example/x", Some("one")),
            ("a.example/y", Some("one")),
            ("a.example/x", Some("two")),
            ("a.example/x", Some("one")),
            ("a.example/x", None),
        ] {
            let place = Place {
                file: None,
                object: None,
                field: "spec".into(),
                name: None,
            };
            images.add(Image::written(text, namespace), Some(place));
        }
        let list: Vec<_> = images
            .into_list()
            .into_iter()
            .map(|image| {
                (
                    image.written,
                    image.namespace.as_deref().map(str::to_owned),
                    image.places.len(),
                )
            })
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            list,
            [
                ("a.example/x".to_owned(), some("one"), 2),
                ("a.example/y".to_owned(), some("one"), 1),
                ("a.example/x".to_owned(), some("two"), 1),
                ("a.example/x".to_owned(), None, 1),
            ]
        );
    }

    #[test]
    fn what_is_no_reference_is_refused_for_that_reason() {
        let image = Image::written("https://a.example/x", None);
        assert!(matches!(
            image.question,
            Question::Refused(Finding {
                code: Code::ReferenceInvalid,
                ..
            })
        ));
    }
}
