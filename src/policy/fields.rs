//! Walking a raw document: every field is either read, or refused with its
//! path. What is not evaluated yet is one table, not half-built types.

use serde_json::{Map, Value};

/// Most complaints about one document.
const MAX_COMPLAINTS: usize = 100;
/// Longest path or message of a complaint, in characters; a list of names that
/// are known somewhere has a few hundred.
const MAX_COMPLAINT: usize = 1000;

/// Fields of the document that floe does not evaluate yet. They are refused
/// wherever they stand, so that no later version changes what a document that
/// is accepted today means.
const NOT_YET: &[&str] = &[
    "metadata.namespace",
    "spec.promotedTo",
    "spec.cel",
    "spec.insecureSameSigner",
    "spec.match.namespaces.selector",
    "spec.authorities[].attestations",
    "spec.authorities[].signedFor",
    "spec.authorities[].key.secretRef",
    "spec.authorities[].key.configMapRef",
    "spec.authorities[].certificate.roots.secretRef",
    "spec.authorities[].certificate.roots.configMapRef",
];

/// Values that belong to the document and are not evaluated yet.
const VALUES_NOT_YET: &[(&str, &str)] = &[("spec.tags", "resolve")];

/// Something wrong at a path of a document.
pub(super) type Complaint = (String, String);

/// One object of the document with its path; collects what is wrong.
#[derive(Debug)]
pub(super) struct Walk<'c> {
    pub(super) complaints: &'c mut Vec<Complaint>,
}

/// An object whose keys were checked.
#[derive(Debug, Clone)]
pub(super) struct Object<'v> {
    pub(super) path: String,
    fields: &'v Map<String, Value>,
}

impl<'v> Object<'v> {
    pub(super) fn path_of(&self, field: &str) -> String {
        join(&self.path, field)
    }

    /// The field, unless it is absent or `null`, which mean the same in YAML.
    pub(super) fn get(&self, field: &str) -> Option<&'v Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }
}

impl Walk<'_> {
    pub(super) fn complain(&mut self, path: impl Into<String>, message: impl Into<String>) {
        // Both quote the document, and there may be one for each of its keys.
        let shortened = |text: String| match text.char_indices().nth(MAX_COMPLAINT) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        match self.complaints.len() {
            MAX_COMPLAINTS => self
                .complaints
                .push((String::new(), "more is wrong than is shown here".to_owned())),
            shown if shown < MAX_COMPLAINTS => self
                .complaints
                .push((shortened(path.into()), shortened(message.into()))),
            _ => {}
        }
    }

    /// Takes `value` as an object and checks its keys against `known`.
    pub(super) fn object<'v>(
        &mut self,
        path: &str,
        value: &'v Value,
        known: &[&str],
    ) -> Option<Object<'v>> {
        let Value::Object(fields) = value else {
            self.complain(path, format!("must be an object, not {}", kind_of(value)));
            return None;
        };
        for key in fields.keys() {
            let path = join(path, key);
            if NOT_YET.contains(&general(&path).as_str()) {
                self.complain(&path, "not supported yet; remove it");
            } else if !known.contains(&key.as_str()) {
                let same = known.iter().find(|name| name.eq_ignore_ascii_case(key));
                let message = match same {
                    Some(name) => format!("unknown field; it is written `{name}`"),
                    None => format!("unknown field; known here: {}", known.join(", ")),
                };
                self.complain(&path, message);
            }
        }
        let path = path.to_owned();
        Some(Object { path, fields })
    }

    /// The field as a non-empty string.
    pub(super) fn string<'v>(&mut self, object: &Object<'v>, field: &str) -> Option<&'v str> {
        match object.get(field)? {
            Value::String(text) if text.is_empty() => {
                self.complain(object.path_of(field), "must not be empty");
                None
            }
            Value::String(text) => Some(text),
            other => {
                let message = format!("must be a string, not {}", kind_of(other));
                self.complain(object.path_of(field), message);
                None
            }
        }
    }

    /// The field as a boolean.
    pub(super) fn boolean(&mut self, object: &Object<'_>, field: &str) -> Option<bool> {
        match object.get(field)? {
            Value::Bool(value) => Some(*value),
            other => {
                let message = format!("must be true or false, not {}", kind_of(other));
                self.complain(object.path_of(field), message);
                None
            }
        }
    }

    /// The field as one of `choices`, by index.
    pub(super) fn choice<T: Copy>(
        &mut self,
        object: &Object<'_>,
        field: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        // YAML reads `off` as a boolean, as kubectl does; where a choice is
        // called so, nothing else can have been meant.
        let text = match object.get(field) {
            Some(Value::Bool(false)) if choices.iter().any(|(name, _)| *name == "off") => "off",
            _ => self.string(object, field)?,
        };
        let path = object.path_of(field);
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        if VALUES_NOT_YET.contains(&(general(&path).as_str(), text)) {
            self.complain(path, format!("{text}: not supported yet; remove it"));
            return None;
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let text: String = text.chars().take(80).collect();
        let message = format!("{text:?} is not one of {}", names.join(", "));
        self.complain(path, message);
        None
    }

    /// The field as a list that is not empty; `why` says what an empty one
    /// would mean.
    pub(super) fn list<'v>(
        &mut self,
        object: &Object<'v>,
        field: &str,
        why: &str,
    ) -> Option<&'v [Value]> {
        match object.get(field)? {
            Value::Array(items) if items.is_empty() => {
                self.complain(object.path_of(field), why);
                None
            }
            Value::Array(items) => Some(items),
            other => {
                let message = format!("must be a list, not {}", kind_of(other));
                self.complain(object.path_of(field), message);
                None
            }
        }
    }
}

impl Walk<'_> {
    /// The field as a list of strings, each read by `read`; `if_empty` says what
    /// an empty list would mean. What cannot be read is left out and complained
    /// about.
    pub(super) fn strings<T>(
        &mut self,
        object: &Object<'_>,
        field: &str,
        if_empty: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        let items = self.list(object, field, if_empty);
        for (index, item) in items.into_iter().flatten().enumerate() {
            let path = format!("{}[{index}]", object.path_of(field));
            match item.as_str() {
                None => self.complain(path, format!("must be a string, not {}", kind_of(item))),
                Some(text) => match read(text) {
                    Ok(value) => all.push(value),
                    Err(message) => self.complain(path, message),
                },
            }
        }
        all
    }

    /// Which one of several fields that exclude each other is written. Complains
    /// about none (with `if_none`) and about several.
    pub(super) fn one_of(
        &mut self,
        object: &Object<'_>,
        fields: &[&'static str],
        if_none: &str,
    ) -> Option<&'static str> {
        let written: Vec<_> = fields.iter().filter(|field| object.has(field)).collect();
        match written[..] {
            [field] if object.get(field).is_none() => {
                self.complain(object.path_of(field), "is null; write it out or remove it");
                None
            }
            [field] => Some(field),
            [] => {
                self.complain(&object.path, if_none);
                None
            }
            _ => {
                let written: Vec<_> = written.into_iter().copied().collect();
                let message = format!("write only one of {}", written.join(", "));
                self.complain(&object.path, message);
                None
            }
        }
    }
}

pub(super) fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// The path with `[]` for every index.
fn general(path: &str) -> String {
    let mut all = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => continue,
            _ => {}
        }
        all.push(c);
    }
    all
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
