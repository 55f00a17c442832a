//! The payload of cosign's legacy signatures, in the simple-signing format.

use std::collections::BTreeMap;

use super::json::{self, JsonError, Object};
use crate::oci::Digest;

/// `critical.type` of a cosign signature.
pub const COSIGN_TYPE: &str = "cosign container image signature";

/// A simple-signing payload as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleSigningPayload {
    /// `critical.type`.
    pub kind: String,
    /// `critical.image.docker-manifest-digest`.
    pub digest: Digest,
    /// `critical.identity.docker-reference`.
    pub docker_reference: Option<String>,
    /// `optional`, as far as it is strings.
    pub annotations: BTreeMap<String, String>,
}

impl SimpleSigningPayload {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let payload = Object::parse("payload", json::text(bytes)?, &["critical", "optional"])?;
        let critical = payload.object("critical", &["identity", "image", "type"])?;
        let image = critical.object("image", &["docker-manifest-digest"])?;
        let digest = image
            .string("docker-manifest-digest")?
            .parse()
            .map_err(|error| JsonError(format!("docker-manifest-digest: {error}")))?;
        let docker_reference = match critical.get("identity") {
            Some(_) => critical
                .object("identity", &["docker-reference"])?
                .optional_string("docker-reference")?,
            None => None,
        };
        Ok(Self {
            kind: critical.string("type")?,
            digest,
            docker_reference,
            annotations: payload.annotations("optional")?,
        })
    }
}
