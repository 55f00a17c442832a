//! What an UPDATE brings that was not there before.
//!
//! There is no exemption by kind of update: a change of finalizers that also
//! changes an image is a change of the image. An entry is known only if the old
//! object has, in the same role, the same reference – wherever it stood – and,
//! for containers, an entry of the same name. A container that is new by name
//! is judged even if its image is known.
//!
//! Namespace and kind cannot change in an UPDATE, so the reference and the role
//! are all that a policy could see differently.

use std::collections::HashSet;

use super::references::{ImageUse, Role};

/// Removes from `uses` what `old` has already.
pub(super) fn retain_new(uses: &mut Vec<ImageUse<'_>>, old: &[ImageUse<'_>]) {
    if old.is_empty() {
        return;
    }
    let images: HashSet<(&Role, &str)> = old
        .iter()
        .map(|entry| (&entry.role, entry.image.as_str()))
        .collect();
    let names: HashSet<(&Role, Option<&str>)> = old
        .iter()
        .map(|entry| (&entry.role, entry.name.as_deref()))
        .collect();
    uses.retain(|entry| {
        let image_known = images.contains(&(&entry.role, entry.image.as_str()));
        let entry_known = match entry.role {
            Role::Container | Role::InitContainer | Role::EphemeralContainer => {
                names.contains(&(&entry.role, entry.name.as_deref()))
            }
            Role::Volume | Role::Configured(_) => true,
        };
        !(image_known && entry_known)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Coverage, Gvk};

    fn new(old: &str, object: &str) -> Vec<String> {
        let coverage = Coverage::builtin();
        let list = |spec: &str| {
            let text = format!(r#"{{"spec":{spec}}}"#);
            coverage
                .references(
                    &Gvk::from_manifest("v1", "Pod"),
                    None,
                    Box::leak(text.into_boxed_str()),
                )
                .expect("readable")
        };
        let mut uses = list(object);
        retain_new(&mut uses, &list(old));
        uses.iter()
            .map(|entry| entry.path.entry().to_string())
            .collect()
    }

    const OLD: &str = r#"{"containers":[{"name":"a","image":"x"},{"name":"b","image":"y"}],
        "initContainers":[{"name":"i","image":"z"}],"volumes":[{"name":"v","image":{"reference":"m"}}]}"#;

    #[test]
    fn the_same_entries_in_another_order_are_not_new() {
        assert_eq!(new(OLD, OLD), [""; 0]);
        assert_eq!(
            new(
                OLD,
                r#"{"containers":[{"name":"b","image":"y"},{"name":"a","image":"x"}]}"#
            ),
            [""; 0]
        );
    }

    #[test]
    fn another_image_a_new_name_or_another_role_is_new() {
        for (object, path) in [
            (
                r#"{"containers":[{"name":"a","image":"w"}]}"#,
                "spec.containers[0]",
            ),
            (
                r#"{"containers":[{"name":"a","image":"x"},{"name":"c","image":"x"}]}"#,
                "spec.containers[1]",
            ),
            (r#"{"containers":[{"image":"x"}]}"#, "spec.containers[0]"),
            (
                r#"{"initContainers":[{"name":"a","image":"x"}]}"#,
                "spec.initContainers[0]",
            ),
            (
                r#"{"initContainers":[{"name":"i","image":"x"}]}"#,
                "spec.initContainers[0]",
            ),
            (
                r#"{"ephemeralContainers":[{"name":"a","image":"x"}]}"#,
                "spec.ephemeralContainers[0]",
            ),
            (
                r#"{"volumes":[{"name":"v","image":{"reference":"x"}}]}"#,
                "spec.volumes[0]",
            ),
        ] {
            assert_eq!(new(OLD, object), [path], "{object}");
        }
    }

    #[test]
    fn an_image_volume_under_another_name_is_not_new() {
        assert_eq!(
            new(
                OLD,
                r#"{"volumes":[{"name":"w","image":{"reference":"m"}}]}"#
            ),
            [""; 0]
        );
    }

    #[test]
    fn against_an_old_object_without_images_everything_is_new() {
        assert_eq!(
            new("{}", OLD),
            [
                "spec.initContainers[0]",
                "spec.containers[0]",
                "spec.containers[1]",
                "spec.volumes[0]"
            ]
        );
    }
}
