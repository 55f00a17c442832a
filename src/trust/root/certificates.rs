//! Certificate authorities of one's own, as certificates in PEM.

use super::{CertificateAuthority, Parts, RootError, unusable};
use crate::trust::Window;
use crate::trust::certificate::CaCertificate;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END CERTIFICATE-----";

/// Largest text: the most certificates of the largest size, in PEM.
const MAX_BYTES: usize = 1024 * 1024;

/// Most certificates. A company has a handful; the bundle of an operating
/// system is not meant, since anybody can have a certificate under it.
const MAX_CERTIFICATES: usize = 64;

pub(super) fn read(pem: &str) -> Result<Parts, RootError> {
    if pem.len() > MAX_BYTES {
        return Err(RootError::Malformed(format!(
            "it is larger than {MAX_BYTES} bytes"
        )));
    }
    let blocks = blocks(pem)?;
    let mut anchors = Vec::new();
    let mut between = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let path = format!("certificate {}", at + 1);
        let (_, der) = der::pem::decode_vec(block.as_bytes())
            .map_err(|_| unusable(path.clone(), "the PEM block is damaged"))?;
        let certificate =
            CaCertificate::parse(&der).map_err(|error| unusable(path, error.to_string()))?;
        if certificate.is_self_issued() {
            anchors.push(certificate);
        } else {
            between.push(certificate);
        }
    }
    if anchors.is_empty() {
        return Err(RootError::Malformed(
            "none of the certificates signs itself, so none is an anchor".to_owned(),
        ));
    }
    let authorities = anchors
        .into_iter()
        .map(|anchor| {
            let chain = between.iter().cloned().chain([anchor]).collect();
            CertificateAuthority::new(chain, Window::default())
        })
        .collect();
    Ok(Parts {
        authorities,
        ..Parts::default()
    })
}

/// The PEM blocks, all of which must be certificates.
fn blocks(pem: &str) -> Result<Vec<&str>, RootError> {
    let malformed = |why: &str| RootError::Malformed(why.to_owned());
    let starts: Vec<usize> = pem.match_indices(BEGIN).map(|(at, _)| at).collect();
    let label = |at: &usize| {
        let rest = &pem[at + BEGIN.len()..];
        rest.split("-----").next().unwrap_or_default()
    };
    // Asked first, and of every block: whoever pasted a private key must hear
    // that before anything else.
    if starts.iter().any(|at| label(at).contains("PRIVATE KEY")) {
        return Err(malformed(
            "there is a private key in it; give the certificates alone, and treat the key as \
             exposed",
        ));
    }
    if starts.is_empty() {
        return Err(malformed(
            "there is no PEM certificate in it; expected blocks from -----BEGIN CERTIFICATE----- \
             to -----END CERTIFICATE-----",
        ));
    }
    if starts.iter().any(|at| label(at) != "CERTIFICATE") {
        return Err(malformed(
            "there are PEM blocks in it that are not certificates; keep only those with the \
             label CERTIFICATE",
        ));
    }
    if starts.len() > MAX_CERTIFICATES {
        return Err(RootError::Malformed(format!(
            "it has more than {MAX_CERTIFICATES} certificates"
        )));
    }
    let ends = starts.iter().skip(1).copied().chain([pem.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let block = &pem[*start..end];
            let length = block.find(END).map(|at| at + END.len());
            length
                .and_then(|length| block.get(..length))
                .ok_or_else(|| malformed("a PEM block does not end"))
        })
        .collect()
}
