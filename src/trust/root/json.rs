//! `trusted_root.json`, read by the library that follows the specification and
//! then taken over part by part.

use std::collections::BTreeSet;

use der::Encode;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use sigstore_trust_root as published;
use sigstore_types::{HashAlgorithm, TimeRange};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::{CertificateAuthority, Log, Parts, RootError, TimestampAuthority, unusable};
use crate::evidence::json::{JsonError, Object};
use crate::trust::certificate::{self, CaCertificate};
use crate::trust::{KeyError, PublicKey, Window};

/// The media types of the one version that there is: the old and the new way to
/// write it.
const MEDIA_TYPES: [&str; 2] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
];

/// Largest file. The public-good root has 7 KiB.
const MAX_BYTES: usize = 1024 * 1024;

/// Most entries of one kind. Each is tried for each signature.
const MAX_ENTRIES: usize = 64;

/// Longest chain: the path building allows six authorities below the anchor,
/// and a chain for timestamps begins with a leaf.
const MAX_CHAIN: usize = 8;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Checks that every member is spelt as the library spells it, which passes over
/// what it does not know: a period of validity under another spelling, legal
/// for other readers, would be none.
fn spelled(json: &str) -> Result<(), JsonError> {
    const AUTHORITY: &[&str] = &["subject", "uri", "certChain", "validFor", "operator"];
    const LOG: &[&str] = &[
        "baseUrl",
        "hashAlgorithm",
        "publicKey",
        "logId",
        "checkpointKeyId",
        "operator",
    ];
    const PARTS: &[(&str, &[&str])] = &[
        ("tlogs", LOG),
        ("ctlogs", LOG),
        ("certificateAuthorities", AUTHORITY),
        ("timestampAuthorities", AUTHORITY),
    ];
    let known: Vec<_> = PARTS
        .iter()
        .map(|(name, _)| *name)
        .chain(["mediaType"])
        .collect();
    let root = Object::parse("the root", json, &known)?;
    for (name, members) in PARTS {
        if root.get(name).is_none() {
            continue;
        }
        for part in root.list(name)? {
            let part = Object::parse(*name, part.get(), members)?;
            let key = part.optional_object("publicKey", &["rawBytes", "keyDetails", "validFor"])?;
            for dated in [Some(&part), key.as_ref()].into_iter().flatten() {
                dated.optional_object("validFor", &["start", "end"])?;
            }
            part.optional_object("certChain", &["certificates"])?;
            part.optional_object("logId", &["keyId"])?;
        }
    }
    Ok(())
}

pub(super) fn read(json: &str) -> Result<Parts, RootError> {
    if json.len() > MAX_BYTES {
        return Err(RootError::Malformed(format!(
            "it is larger than {MAX_BYTES} bytes"
        )));
    }
    spelled(json).map_err(|JsonError(error)| RootError::Malformed(error))?;
    let root = published::TrustedRoot::from_json(json).map_err(|error| malformed(&error))?;
    if !MEDIA_TYPES.contains(&&*root.media_type) {
        return Err(unusable(
            "mediaType",
            "not that of a trusted root in version 0.1",
        ));
    }
    let authorities = numbered("certificateAuthorities", &root.certificate_authorities)?
        .map(|(path, authority)| {
            let chain = authority.cert_chain.certificates.iter();
            let chain: Vec<_> = chain.map(|entry| entry.raw_bytes.as_bytes()).collect();
            certificate_authority(&path, &chain, authority.valid_for)
        })
        .collect::<Result<_, _>>()?;
    let timestamp_authorities = numbered("timestampAuthorities", &root.timestamp_authorities)?
        .map(|(path, authority)| {
            let chain = authority.cert_chain.certificates.iter();
            let chain: Vec<_> = chain.map(|entry| entry.raw_bytes.as_bytes()).collect();
            timestamp_authority(&path, &chain, authority.valid_for)
        })
        .collect::<Result<_, _>>()?;
    let logs = numbered("tlogs", &root.tlogs)?.map(|(path, log)| {
        let written = Written {
            base_url: &log.base_url,
            hash: log.hash_algorithm,
            key: log.public_key.raw_bytes.as_bytes(),
            key_details: log.public_key.key_details.as_str(),
            valid_for: log.public_key.valid_for,
            id: log.log_id.key_id.as_bytes(),
        };
        (path, written)
    });
    let ct_logs = numbered("ctlogs", &root.ctlogs)?.map(|(path, log)| {
        let written = Written {
            base_url: &log.base_url,
            hash: log.hash_algorithm,
            key: log.public_key.raw_bytes.as_bytes(),
            key_details: log.public_key.key_details.as_str(),
            valid_for: log.public_key.valid_for,
            id: log.log_id.key_id.as_bytes(),
        };
        (path, written)
    });
    Ok(Parts {
        authorities,
        ct_logs: distinct(ct_logs)?,
        logs: distinct(logs)?,
        timestamp_authorities,
    })
}

/// Says where, and not what: somebody may have named the wrong file.
fn malformed(error: &published::Error) -> RootError {
    RootError::Malformed(match error {
        published::Error::Json(error) => {
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => format!(
                    "a member is missing, comes twice or has a value that it cannot have, at \
                     line {line}, column {column}"
                ),
                _ => format!("it is not JSON, at line {line}, column {column}"),
            }
        }
        _ => "it cannot be read".to_owned(),
    })
}

/// The entries of a list, each with its place.
fn numbered<'t, T>(
    list: &'static str,
    entries: &'t [T],
) -> Result<impl Iterator<Item = (String, &'t T)>, RootError> {
    if entries.len() > MAX_ENTRIES {
        return Err(unusable(
            list,
            format!("more than {MAX_ENTRIES} entries in one trust root"),
        ));
    }
    let entries = entries.iter().enumerate();
    Ok(entries.map(move |(at, entry)| (format!("{list}[{at}]"), entry)))
}

fn window(path: &str, range: Option<TimeRange>) -> Result<Window, RootError> {
    let Some(range) = range else {
        return Ok(Window::default());
    };
    if range.end.is_some_and(|end| end < range.start) {
        return Err(unusable(
            format!("{path}.validFor"),
            "the period ends before it starts",
        ));
    }
    Ok(Window {
        start: Some(range.start),
        end: range.end,
    })
}

fn certificate_authority(
    path: &str,
    chain: &[&[u8]],
    range: Option<TimeRange>,
) -> Result<CertificateAuthority, RootError> {
    let window = window(path, range)?;
    let chain = certificates(path, chain)?
        .into_iter()
        .map(|(path, der)| {
            CaCertificate::parse(der).map_err(|error| unusable(path, error.to_string()))
        })
        .collect::<Result<_, _>>()?;
    Ok(CertificateAuthority::new(chain, window))
}

fn timestamp_authority(
    path: &str,
    chain: &[&[u8]],
    range: Option<TimeRange>,
) -> Result<TimestampAuthority, RootError> {
    let mut validity = Window::default();
    for (path, der) in certificates(path, chain)? {
        let own = certificate::validity_of(der)
            .map_err(|error| unusable(path.clone(), error.to_string()))?;
        validity = validity
            .intersect(&own)
            .ok_or_else(|| unusable(path, "it is never valid together with those before it"))?;
    }
    Ok(TimestampAuthority {
        window: window(path, range)?,
        chain: chain.iter().map(|der| der.to_vec()).collect(),
        validity,
    })
}

/// The certificates of a chain, each with its place.
fn certificates<'c>(path: &str, chain: &[&'c [u8]]) -> Result<Vec<(String, &'c [u8])>, RootError> {
    let path = format!("{path}.certChain.certificates");
    if chain.is_empty() {
        return Err(unusable(path, "the chain is empty"));
    }
    if chain.len() > MAX_CHAIN {
        return Err(unusable(
            path,
            format!("the chain has more than {MAX_CHAIN} certificates"),
        ));
    }
    let places = (0..).map(|at: usize| format!("{path}[{at}]"));
    Ok(places.zip(chain.iter().copied()).collect())
}

/// A log as it is written, of either kind.
struct Written<'r> {
    base_url: &'r str,
    hash: HashAlgorithm,
    key: &'r [u8],
    key_details: &'r str,
    valid_for: Option<TimeRange>,
    id: &'r [u8],
}

/// The logs that can be used; two with one id are refused, since either might
/// be meant.
fn distinct<'r>(
    written: impl Iterator<Item = (String, Written<'r>)>,
) -> Result<Vec<Log>, RootError> {
    let mut ids = BTreeSet::new();
    let mut logs = Vec::new();
    for (path, log) in written {
        let id: [u8; 32] = log.id.try_into().map_err(|_| {
            unusable(
                format!("{path}.logId.keyId"),
                format!("{} bytes; 32 are expected", log.id.len()),
            )
        })?;
        if !ids.insert(id) {
            return Err(unusable(
                format!("{path}.logId.keyId"),
                "another log of the same kind has this id",
            ));
        }
        let window = window(&format!("{path}.publicKey"), log.valid_for)?;
        let origin = origin(&path, log.base_url)?;
        let key = key(&format!("{path}.publicKey"), log.key, log.key_details)?;
        if let (Some(key), HashAlgorithm::Sha2256) = (key, log.hash) {
            logs.push(Log {
                id,
                key,
                origin,
                window,
            });
        }
    }
    Ok(logs)
}

/// Host and path of a URL, by which the checkpoints of the log begin.
fn origin(path: &str, url: &str) -> Result<Box<str>, RootError> {
    let without_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let origin = without_scheme.trim_end_matches('/');
    if origin.is_empty() || origin.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(unusable(
            format!("{path}.baseUrl"),
            "it is empty, or has white space or control characters",
        ));
    }
    Ok(origin.into())
}

/// The key, or `None` if it is of a kind that is not verified here.
fn key(path: &str, bytes: &[u8], details: &str) -> Result<Option<PublicKey>, RootError> {
    let wrapped;
    let spki = if details.starts_with("PKCS1_RSA_") {
        wrapped = rsa_spki(bytes).map_err(|_| unusable(path, "not an RSA public key in DER"))?;
        &wrapped
    } else {
        bytes
    };
    match PublicKey::from_spki(spki) {
        Ok(key) => Ok(Some(key)),
        Err(KeyError::Algorithm(_) | KeyError::Curve(_)) => Ok(None),
        Err(error) => Err(unusable(path, error.to_string())),
    }
}

/// A PKCS#1 key as SubjectPublicKeyInfo (RFC 3279, section 2.3.1).
fn rsa_spki(pkcs1: &[u8]) -> der::Result<Vec<u8>> {
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: RSA,
            parameters: Some(AnyRef::NULL),
        },
        subject_public_key: BitStringRef::from_bytes(pkcs1)?,
    }
    .to_der()
}
