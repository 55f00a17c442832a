//! Referrers: manifests that are attached to another one by its digest.

use super::{Digest, Tag};

/// The tag under which registries without the referrers endpoint keep the
/// listing for `subject`.
///
/// Algorithm, a hyphen, and the first 64 hex digits; both cut to the lengths
/// that the OCI distribution specification v1.1 gives in *Referrers Tag
/// Schema*.
pub fn fallback_tag(subject: &Digest) -> Tag {
    let hex = subject.hex();
    Tag::from_parts(&[subject.algorithm().as_str(), "-", &hex[..64]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Algorithm;

    #[test]
    fn the_fallback_tag_is_cut_to_the_length_of_the_specification() {
        assert_eq!(
            fallback_tag(&Digest::sha256(b"")).as_str(),
            "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            fallback_tag(&Digest::of(Algorithm::Sha512, b"")).as_str(),
            "sha512-cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        );
    }
}
