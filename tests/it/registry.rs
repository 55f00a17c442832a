//! The registry client against a registry that misbehaves: each behaviour has
//! one exact meaning.

mod answers;
mod credentials;
mod leads;

use std::time::{Duration, Instant};

use floe::oci::{Descriptor, Digest, PinnedReference, media_type};
use floe::source::SourceError;
use floe::source::registry::{Limits, Options, Registry};

use crate::support::hostile::Hostile;

/// Long enough for whatever must succeed on a loaded machine.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A client that never tries again, so that the first answer is the result.
pub(crate) fn once() -> Options {
    Options {
        limits: Limits {
            attempts: 1,
            ..Limits::default()
        },
        ..Options::command_line()
    }
}

pub(crate) fn client(options: Options) -> Registry {
    Registry::new(options).expect("a client")
}

/// The smallest image, and what names it.
pub(crate) fn image(registry: &Hostile) -> PinnedReference {
    let config = registry.push_blob(&b"{}"[..]);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{config}","size":2}},"layers":[]}}"#,
        media_type::IMAGE_MANIFEST,
        media_type::EMPTY
    );
    let digest = registry.push_manifest("app", Some("v1"), media_type::IMAGE_MANIFEST, manifest);
    registry.pinned("app", digest)
}

/// A manifest whose subject is `image`, attached in `registry`.
pub(crate) fn attach(registry: &Hostile, image: &PinnedReference, kind: &str) -> Descriptor {
    let config = registry.push_blob(&b"{}"[..]);
    let subject = image.digest();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{0}","artifactType":"{kind}","config":{{"mediaType":"{1}","digest":"{config}","size":2}},"layers":[],"subject":{{"mediaType":"{0}","digest":"{subject}","size":1}}}}"#,
        media_type::IMAGE_MANIFEST,
        media_type::EMPTY
    );
    let size = manifest.len() as u64;
    let path = image.repository().path();
    let digest = registry.push_manifest(path, None, media_type::IMAGE_MANIFEST, manifest);
    let mut descriptor = Descriptor::new(media_type::IMAGE_MANIFEST, digest, size);
    descriptor.artifact_type = Some(kind.into());
    descriptor
}

/// The name of the variant: what decisions depend on.
pub(crate) fn kind<T: std::fmt::Debug>(result: &Result<T, SourceError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(SourceError::NotFound { .. }) => "not found",
        Err(SourceError::Denied { .. }) => "denied",
        Err(SourceError::RateLimited { .. }) => "rate limited",
        Err(SourceError::Unreachable { .. }) => "unreachable",
        Err(SourceError::TimedOut { .. }) => "timed out",
        Err(SourceError::Server { .. }) => "server",
        Err(SourceError::TooLarge { .. }) => "too large",
        Err(SourceError::Malformed { .. }) => "malformed",
        Err(SourceError::DigestMismatch { .. }) => "digest mismatch",
        Err(SourceError::RedirectRefused { .. }) => "redirect refused",
        Err(SourceError::NotPermitted { .. }) => "not permitted",
        Err(SourceError::Layout { .. }) => "layout",
    }
}

/// A digest that nothing has.
pub(crate) fn nowhere() -> Digest {
    Digest::sha256(b"nothing has this digest")
}
