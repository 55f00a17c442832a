//! Field paths of kinds that the configuration describes: `spec.image`,
//! `spec.jobs[*].image`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::wire::Text;

/// Most steps of a path, so that a walk has a bound of its own.
const MAX_STEPS: usize = 32;

/// Where an object keeps image references.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ImagePath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Field(String),
    Every,
}

/// Why a text is not a field path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is there, or nothing stands between two dots.
    #[error("a field path is written as spec.image or spec.jobs[*].image")]
    EmptyStep,
    /// Brackets hold something else than `*`.
    #[error("only [*] can stand in brackets, meaning every element")]
    Bracket,
    /// More steps than are walked.
    #[error("a field path has at most {MAX_STEPS} steps")]
    TooLong,
}

impl FromStr for ImagePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (field, brackets) = match part.find('[') {
                Some(at) => part.split_at(at),
                None => (part, ""),
            };
            if field.is_empty() {
                return Err(PathError::EmptyStep);
            }
            steps.push(Step::Field(field.to_owned()));
            let mut rest = brackets;
            while !rest.is_empty() {
                rest = rest.strip_prefix("[*]").ok_or(PathError::Bracket)?;
                steps.push(Step::Every);
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(PathError::TooLong);
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }
}

impl ImagePath {
    /// The path as written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Finds what stands at this path in `object`: the path of each value with
    /// its indices, and the value. A field that is missing or null names no
    /// image.
    ///
    /// # Errors
    ///
    /// The object is not JSON, a field of the path stands there twice, or a
    /// value has another type than the path says.
    pub(super) fn find<'a>(
        &self,
        object: &'a str,
    ) -> Result<Vec<(String, Text<'a>)>, serde_json::Error> {
        let mut found = Vec::new();
        let mut at = String::new();
        let mut deserializer = serde_json::Deserializer::from_str(object);
        Walk {
            steps: &self.steps,
            at: &mut at,
            found: &mut found,
        }
        .deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }
}

struct Walk<'w, 'a> {
    steps: &'w [Step],
    at: &'w mut String,
    found: &'w mut Vec<(String, Text<'a>)>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // `null` is taken for absent at every step, as the API server does.
        deserializer.deserialize_option(self)
    }
}

impl<'de> de::Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps.first() {
            None => f.write_str("an image reference"),
            Some(Step::Field(name)) => write!(f, "an object with the field {name}"),
            Some(Step::Every) => f.write_str("a list"),
        }
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.steps.first() {
            None => {
                let text = serde::Deserialize::deserialize(deserializer)?;
                self.found.push((self.at.clone(), text));
                Ok(())
            }
            Some(Step::Field(_)) => deserializer.deserialize_map(self),
            Some(Step::Every) => deserializer.deserialize_seq(self),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Field(name), rest)) = self.steps.split_first() else {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        };
        let mut seen = false;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if key.as_str() != name {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut seen, true) {
                return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let length = self.at.len();
            if length > 0 {
                self.at.push('.');
            }
            self.at.push_str(name);
            map.next_value_seed(Walk {
                steps: rest,
                at: &mut *self.at,
                found: &mut *self.found,
            })?;
            self.at.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Every, rest)) = self.steps.split_first() else {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        };
        let length = self.at.len();
        for index in 0.. {
            use fmt::Write as _;
            // Writing to a String does not fail.
            let _ = write!(self.at, "[{index}]");
            let next = list.next_element_seed(Walk {
                steps: rest,
                at: &mut *self.at,
                found: &mut *self.found,
            })?;
            self.at.truncate(length);
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, object: &str) -> Result<Vec<(String, String)>, String> {
        let path: ImagePath = path.parse().expect("a path");
        path.find(object)
            .map(|found| {
                found
                    .into_iter()
                    .map(|(path, text)| (path, text.to_string()))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_path_finds_every_image_with_its_index() {
        let object =
            r#"{"spec":{"image":"a","jobs":[{"image":"b"},{},{"image":null},{"image":"c\/d"}]}}"#;
        assert_eq!(
            find("spec.image", object),
            Ok(vec![("spec.image".into(), "a".into())])
        );
        assert_eq!(
            find("spec.jobs[*].image", object),
            Ok(vec![
                ("spec.jobs[0].image".into(), "b".into()),
                ("spec.jobs[3].image".into(), "c/d".into())
            ])
        );
        assert_eq!(find("spec.none.image", object), Ok(vec![]));
        assert_eq!(
            find("a[*][*]", r#"{"a":[["x"],["y","z"]]}"#),
            Ok(vec![
                ("a[0][0]".into(), "x".into()),
                ("a[1][0]".into(), "y".into()),
                ("a[1][1]".into(), "z".into())
            ])
        );
    }

    #[test]
    fn a_value_of_another_type_or_a_field_that_stands_twice_is_an_error() {
        for (path, object, part) in [
            ("spec.image", r#"{"spec":{"image":5}}"#, "invalid type"),
            (
                "spec.image",
                r#"{"spec":["a"]}"#,
                "an object with the field image",
            ),
            ("spec[*].image", r#"{"spec":{"image":"a"}}"#, "a list"),
            (
                "spec.image",
                r#"{"spec":{"image":"a","image":"b"}}"#,
                "duplicate field `image`",
            ),
            (
                "spec.image",
                r#"{"spec":{"image":"a"}} x"#,
                "trailing characters",
            ),
            ("spec.image", r#"{"spec":"#, "EOF"),
        ] {
            let error = find(path, object).expect_err(object);
            assert!(error.contains(part), "{object}: {error}");
        }
    }

    #[test]
    fn paths_with_empty_steps_or_other_brackets_are_refused() {
        for (text, error) in [
            ("", PathError::EmptyStep),
            ("spec..image", PathError::EmptyStep),
            (".image", PathError::EmptyStep),
            ("[*].image", PathError::EmptyStep),
            ("spec.jobs[0].image", PathError::Bracket),
            ("spec.jobs[*]x", PathError::Bracket),
        ] {
            assert_eq!(text.parse::<ImagePath>(), Err(error), "{text}");
        }
        assert_eq!(
            ["a"; 33].join(".").parse::<ImagePath>(),
            Err(PathError::TooLong)
        );
    }
}
