//! From a signing certificate to an anchor.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter};

use super::{CaCertificate, Leaf};
use crate::trust::root::CertificateAuthority;
use crate::trust::{KeyFingerprint, Rejection, RejectionKind, Window};

/// How many certificates may come with a signature. The path building allows
/// six authorities below the anchor, and real chains have one or two.
const MAX_ABOVE: usize = 8;

/// How many times paths are looked for, for one signature: each may cost a
/// hundred verifications if somebody makes certificates to that end.
const MAX_SEARCHES: usize = 64;

/// Who vouches for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::trust) struct Path {
    /// SubjectPublicKeyInfo of the certificate that signed the leaf, DER.
    pub(in crate::trust) issuer_spki: Vec<u8>,
    /// The key of the trust anchor.
    pub(in crate::trust) anchor: KeyFingerprint,
    /// When the whole path is valid, the leaf included, and its authority
    /// issues.
    pub(in crate::trust) validity: Window,
}

/// Finds a path from `leaf` to the anchor of one of `authorities` that was valid
/// at each of `times`, and whose authority was.
///
/// `above` are certificates that came with the signature: they may stand in the
/// path, and are no anchors. The leaf must not be an authority, and must be for
/// code signing.
///
/// # Errors
///
/// [`RejectionKind::CertificateUntrusted`] if there is no path,
/// [`RejectionKind::CertificateExpired`] if there is one and it was not valid
/// at one of the times, [`RejectionKind::CertificateInvalid`] if one of `above`
/// cannot be read.
pub(in crate::trust) fn path_at(
    leaf: &Leaf<'_>,
    above: &[Vec<u8>],
    authorities: &[CertificateAuthority],
    times: &[Timestamp],
) -> Result<Path, Rejection> {
    let search = Search::new(leaf, above)?;
    if let Some(first) = times.first() {
        for authority in authorities {
            let found = search.at(authority, *first);
            let valid = |path: &Path| times.iter().all(|time| path.validity.contains(*time));
            if let Some(path) = found.into_iter().find(valid) {
                return Ok(path);
            }
        }
    }
    let Some(path) = search.ever(authorities) else {
        return Err(untrusted());
    };
    let outside = times.iter().find(|time| !path.validity.contains(**time));
    Err(Rejection::new(
        RejectionKind::CertificateExpired,
        match outside {
            Some(time) => format!(
                "the signature was made at {time}, and the certificate and those that vouch for \
                 it are valid {}",
                shown(&path.validity)
            ),
            None => "the certificate was not valid when the signature was made".to_owned(),
        },
    ))
}

/// Finds a path as [`path_at`] does where no time is known: the one that is
/// valid longest, with its interval.
///
/// # Errors
///
/// [`RejectionKind::CertificateUntrusted`] if there is no path that is valid at
/// any time, [`RejectionKind::CertificateInvalid`] as for [`path_at`].
pub(in crate::trust) fn path(
    leaf: &Leaf<'_>,
    above: &[Vec<u8>],
    authorities: &[CertificateAuthority],
) -> Result<Path, Rejection> {
    Search::new(leaf, above)?
        .ever(authorities)
        .ok_or_else(untrusted)
}

/// Refuses a certificate that signs itself among those that came with a
/// signature. A bundle must not bring its own anchor (Sigstore bundle
/// specification, `X509CertificateChain`); cosign's legacy layouts do, and
/// there it is ignored.
///
/// # Errors
///
/// [`RejectionKind::CertificateUntrusted`].
pub(in crate::trust) fn without_anchors(above: &[Vec<u8>]) -> Result<(), Rejection> {
    for der in above {
        if CaCertificate::parse(der)?.is_self_issued() {
            return Err(Rejection::new(
                RejectionKind::CertificateUntrusted,
                "the bundle brings a certificate that signs itself; anchors come from the trust \
                 root alone",
            ));
        }
    }
    Ok(())
}

fn untrusted() -> Rejection {
    Rejection::new(
        RejectionKind::CertificateUntrusted,
        "no certificate authority of the trust root vouches for the certificate",
    )
}

fn shown(window: &Window) -> String {
    let mut text = String::new();
    if let Some(start) = window.start {
        text.push_str(&format!("from {start}"));
    }
    if let Some(end) = window.end {
        text.push_str(&format!(" until {end}"));
    }
    text
}

/// Looking for paths from one leaf.
struct Search<'s> {
    leaf: &'s Leaf<'s>,
    /// The certificates that came with the signature, without anchors.
    above: Vec<CaCertificate>,
    left: Cell<usize>,
}

impl<'s> Search<'s> {
    fn new(leaf: &'s Leaf<'s>, above: &[Vec<u8>]) -> Result<Self, Rejection> {
        let unfit = |why: &str| Err(Rejection::new(RejectionKind::CertificateUntrusted, why));
        if leaf.purpose.authority {
            return unfit(
                "the certificate is one of a certificate authority, and those sign no artifacts",
            );
        }
        if !leaf.purpose.code_signing {
            return unfit(
                "the certificate is not for code signing: its extended key usage must say so",
            );
        }
        if !leaf.purpose.digital_signature {
            return unfit("the key usage of the certificate does not include digital signatures");
        }
        if above.len() > MAX_ABOVE {
            return unfit("the signature came with more than 8 certificates above its own");
        }
        let mut usable = Vec::with_capacity(above.len());
        for der in above {
            let certificate = CaCertificate::parse(der)?;
            if !certificate.is_self_issued() {
                usable.push(certificate);
            }
        }
        Ok(Self {
            leaf,
            above: usable,
            left: Cell::new(MAX_SEARCHES),
        })
    }

    /// The path that is valid longest, at whatever time.
    ///
    /// A path is valid from the latest start in it, so those are the times to
    /// look at.
    fn ever(&self, authorities: &[CertificateAuthority]) -> Option<Path> {
        let mut best: Option<Path> = None;
        for authority in authorities {
            let Some((anchor, between)) = self.related(authority) else {
                continue;
            };
            let certificates = between.iter().copied().chain([anchor]);
            let starts = certificates.filter_map(|certificate| certificate.validity.start);
            let mut times: Vec<_> = starts
                .chain(self.leaf.validity.start)
                .chain(authority.window.start)
                .filter(|time| self.leaf.validity.contains(*time))
                .collect();
            times.sort();
            times.dedup();
            for time in times {
                for path in self.at(authority, time) {
                    if best.as_ref().is_none_or(|best| longer(&path, best)) {
                        best = Some(path);
                    }
                }
            }
        }
        best
    }

    /// The anchor of `authority` and the certificates that may stand between it
    /// and the leaf, by their names alone; `None` if no names lead there.
    fn related<'a>(
        &'a self,
        authority: &'a CertificateAuthority,
    ) -> Option<(&'a CaCertificate, Vec<&'a CaCertificate>)> {
        let (anchor, below) = authority.chain.split_last()?;
        let mut names: Vec<&[u8]> = vec![&self.leaf.issuer];
        let mut between = Vec::new();
        let mut others: Vec<_> = below.iter().chain(&self.above).collect();
        loop {
            let (found, rest): (Vec<_>, Vec<_>) = others
                .into_iter()
                .partition(|certificate| names.contains(&&certificate.subject[..]));
            if found.is_empty() {
                break;
            }
            names.extend(found.iter().map(|certificate| &certificate.issuer[..]));
            between.extend(found);
            others = rest;
        }
        names
            .contains(&&anchor.subject[..])
            .then_some((anchor, between))
    }

    /// All paths to the anchor of `authority` that are valid at `time`.
    fn at(&self, authority: &CertificateAuthority, time: Timestamp) -> Vec<Path> {
        let Some((anchor, known)) = self.related(authority) else {
            return Vec::new();
        };
        let seconds = u64::try_from(time.as_second());
        let (Ok(seconds), Some(left)) = (seconds, self.left.get().checked_sub(1)) else {
            return Vec::new();
        };
        self.left.set(left);
        let trusted = CertificateDer::from(&anchor.der[..]);
        let leaf = CertificateDer::from(self.leaf.der);
        let (Ok(trusted), Ok(leaf)) = (
            webpki::anchor_from_trusted_cert(&trusted),
            EndEntityCert::try_from(&leaf),
        ) else {
            return Vec::new();
        };
        let intermediates: Vec<_> = known
            .iter()
            .map(|certificate| CertificateDer::from(&certificate.der[..]))
            .collect();
        let paths = RefCell::new(Vec::new());
        // Each candidate is written down and then declined, so that the library
        // goes on to the next.
        let collect = |candidate: &webpki::VerifiedPath<'_>| {
            let between: Option<Vec<_>> = candidate
                .intermediate_certificates()
                .map(|link| {
                    let der = link.der();
                    known.iter().find(|one| one.der == der.as_ref()).copied()
                })
                .collect();
            let path = between.and_then(|between| self.judge(&between, anchor, authority));
            paths.borrow_mut().extend(path);
            Err(webpki::Error::UnknownIssuer)
        };
        let anchors = [trusted];
        let algorithms = authority.links.algorithms();
        let algorithms: Vec<_> = algorithms
            .iter()
            .map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm)
            .collect();
        // The result says nothing: every candidate was declined above.
        let _declined = leaf.verify_for_usage(
            &algorithms,
            &anchors,
            &intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            ForCode,
            None,
            Some(&collect),
        );
        let mut paths = paths.into_inner();
        paths.retain(|path: &Path| path.validity.contains(time));
        paths
    }

    /// What the library does not check: the anchor's own validity and path
    /// length, and when the authority issues.
    fn judge(
        &self,
        between: &[&CaCertificate],
        anchor: &CaCertificate,
        authority: &CertificateAuthority,
    ) -> Option<Path> {
        if anchor
            .path_length
            .is_some_and(|most| between.len() > usize::from(most))
        {
            return None;
        }
        let start = self.leaf.validity.intersect(&authority.window)?;
        let links = between.iter().copied().chain([anchor]);
        let validity = links
            .clone()
            .try_fold(start, |window, link| window.intersect(&link.validity))?;
        let issuer = between.first().copied().unwrap_or(anchor);
        Some(Path {
            issuer_spki: issuer.spki.clone(),
            anchor: anchor.fingerprint(),
            validity,
        })
    }
}

/// Whether `one` is valid longer than `other`: until later, else from earlier.
fn longer(one: &Path, other: &Path) -> bool {
    let end = |path: &Path| path.validity.end.unwrap_or(Timestamp::MAX);
    let start = |path: &Path| path.validity.start.unwrap_or(Timestamp::MIN);
    (end(one), start(other)) > (end(other), start(one))
}

/// Certificates in the path, the leaf included, that say what they are for are
/// for code signing. That the leaf says so is checked apart: authorities often
/// say nothing.
struct ForCode;

impl ExtendedKeyUsageValidator for ForCode {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        /// 1.3.6.1.5.5.7.3.3
        const CODE_SIGNING: KeyPurposeId<'_> =
            KeyPurposeId::new(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03]);
        /// 2.5.29.37.0, anyExtendedKeyUsage
        const ANY: KeyPurposeId<'_> = KeyPurposeId::new(&[0x55, 0x1d, 0x25, 0x00]);
        let mut says_nothing = true;
        for purpose in purposes {
            let purpose = purpose?;
            if purpose == CODE_SIGNING || purpose == ANY {
                return Ok(());
            }
            says_nothing = false;
        }
        if says_nothing {
            Ok(())
        } else {
            Err(webpki::Error::UnknownIssuer)
        }
    }
}
