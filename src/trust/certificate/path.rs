//! From a signing certificate to an anchor.

use std::cell::Cell;
use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter};

use super::{CaCertificate, Leaf, Links};
use crate::trust::root::CertificateAuthority;
use crate::trust::{KeyFingerprint, Rejection, RejectionKind, Window};

/// How many certificates may come with a signature. The path building allows
/// six authorities below the anchor, and real chains have one or two.
const MAX_ABOVE: usize = 8;

/// How many authorities may stand between a leaf and its anchor: as many as the
/// library knows how to check.
const MAX_BETWEEN: usize = 6;

/// How many chains are begun towards one anchor, by their names alone.
const MAX_BEGUN: usize = 64;

/// How many signatures are checked for the path of one signature, whatever came
/// with it and however many authorities there are. An honest one needs two or
/// three; the others are for authorities of the same name.
pub(super) const MAX_CHECKS: usize = 32;

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
    Search::new(leaf, above)?.path_at(authorities, times)
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
    let search = Search::new(leaf, above)?;
    search
        .longest(search.chains(authorities))
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

fn expired(path: &Path, times: &[Timestamp]) -> Rejection {
    let outside = times.iter().find(|time| !path.validity.contains(**time));
    Rejection::new(
        RejectionKind::CertificateExpired,
        match outside {
            Some(time) => format!(
                "the signature was made at {time}, and the certificate and those that vouch for \
                 it are valid {}",
                shown(&path.validity)
            ),
            None => "the certificate was not valid when the signature was made".to_owned(),
        },
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

/// What may be a path, as far as names and times say: no signature was checked.
struct Chain<'a> {
    /// From the issuer of the leaf upwards. No name is there twice, and none is
    /// the anchor's, so that the library has exactly one path to check.
    between: Vec<&'a CaCertificate>,
    anchor: &'a CaCertificate,
    validity: Window,
    /// The signatures among them that were verified before.
    links: &'a Links,
}

impl Chain<'_> {
    /// Whether it is valid longer than `other`: until later, else from earlier.
    fn outlasts(&self, other: &Self) -> Ordering {
        let end = |chain: &Self| chain.validity.end.unwrap_or(Timestamp::MAX);
        let start = |chain: &Self| chain.validity.start.unwrap_or(Timestamp::MIN);
        (end(self), start(other)).cmp(&(end(other), start(self)))
    }
}

/// Looking for paths from one leaf.
pub(super) struct Search<'s> {
    leaf: &'s Leaf<'s>,
    /// The certificates that came with the signature, without anchors.
    above: Vec<CaCertificate>,
    /// In place of those that remember what was verified.
    algorithms: Option<&'s [&'s dyn SignatureVerificationAlgorithm]>,
    /// How many signatures may still be checked.
    left: Cell<usize>,
}

impl<'s> Search<'s> {
    pub(super) fn new(leaf: &'s Leaf<'s>, above: &[Vec<u8>]) -> Result<Self, Rejection> {
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
            algorithms: None,
            left: Cell::new(MAX_CHECKS),
        })
    }

    /// The same with other algorithms.
    #[cfg(test)]
    pub(super) fn with(mut self, algorithms: &'s [&'s dyn SignatureVerificationAlgorithm]) -> Self {
        self.algorithms = Some(algorithms);
        self
    }

    /// As [`path_at`].
    pub(super) fn path_at(
        &self,
        authorities: &[CertificateAuthority],
        times: &[Timestamp],
    ) -> Result<Path, Rejection> {
        let (valid, others): (Vec<_>, Vec<_>) =
            self.chains(authorities).into_iter().partition(|chain| {
                !times.is_empty() && times.iter().all(|time| chain.validity.contains(*time))
            });
        if let Some(first) = times.first()
            && let Some(path) = valid.iter().find_map(|chain| self.verify(chain, *first))
        {
            return Ok(path);
        }
        match self.longest(others) {
            Some(path) => Err(expired(&path, times)),
            None => Err(untrusted()),
        }
    }

    /// The path that is valid longest, at whatever time.
    ///
    /// The library is asked about the start of each: a chain is valid at one
    /// time of its validity if it is valid at all.
    fn longest(&self, mut chains: Vec<Chain<'_>>) -> Option<Path> {
        chains.sort_by(|one, other| other.outlasts(one));
        chains
            .iter()
            .find_map(|chain| self.verify(chain, chain.validity.start?))
    }

    /// What may be paths to the anchors of `authorities`, those of the first
    /// first.
    ///
    /// They are put together here and not by the library: what it looks for
    /// among certificates that somebody made to that end costs a hundred
    /// signature checks each time.
    fn chains<'a>(&'a self, authorities: &'a [CertificateAuthority]) -> Vec<Chain<'a>> {
        let mut chains = Vec::new();
        for authority in authorities {
            let Some((anchor, below)) = authority.chain.split_last() else {
                continue;
            };
            let mut known: Vec<&CaCertificate> = Vec::new();
            for certificate in below.iter().chain(&self.above) {
                let twice = known.iter().any(|one| one.der == certificate.der);
                if !twice && certificate.subject != anchor.subject {
                    known.push(certificate);
                }
            }
            let mut begun: Vec<Vec<&CaCertificate>> = vec![Vec::new()];
            let mut at = 0;
            while let Some(between) = begun.get(at).cloned() {
                at += 1;
                let last = between.last();
                let issuer = last.map_or(&self.leaf.issuer, |last| &last.issuer);
                if *issuer == anchor.subject {
                    chains.extend(self.chain(between, anchor, authority));
                    continue;
                }
                if between.len() == MAX_BETWEEN {
                    continue;
                }
                for certificate in known.iter().filter(|one| one.subject == *issuer) {
                    let again = |one: &&CaCertificate| one.subject == certificate.subject;
                    if begun.len() < MAX_BEGUN && !between.iter().any(again) {
                        begun.push([&between[..], &[certificate]].concat());
                    }
                }
            }
        }
        chains
    }

    /// What the library does not check: the anchor's own validity and path
    /// length, and when the authority issues.
    fn chain<'a>(
        &self,
        between: Vec<&'a CaCertificate>,
        anchor: &'a CaCertificate,
        authority: &'a CertificateAuthority,
    ) -> Option<Chain<'a>> {
        if anchor
            .path_length
            .is_some_and(|most| between.len() > usize::from(most))
        {
            return None;
        }
        let start = self.leaf.validity.intersect(&authority.window)?;
        let validity = between
            .iter()
            .copied()
            .chain([anchor])
            .try_fold(start, |window, link| window.intersect(&link.validity))?;
        Some(Chain {
            between,
            anchor,
            validity,
            links: &authority.links,
        })
    }

    /// The path that `chain` is, if it is one at `time`.
    fn verify(&self, chain: &Chain<'_>, time: Timestamp) -> Option<Path> {
        let seconds = u64::try_from(time.as_second()).ok()?;
        let left = self.left.get().checked_sub(chain.between.len() + 1)?;
        self.left.set(left);
        let trusted = CertificateDer::from(&chain.anchor.der[..]);
        let anchors = [webpki::anchor_from_trusted_cert(&trusted).ok()?];
        let leaf = CertificateDer::from(self.leaf.der);
        let leaf = EndEntityCert::try_from(&leaf).ok()?;
        let intermediates: Vec<_> = chain
            .between
            .iter()
            .map(|certificate| CertificateDer::from(&certificate.der[..]))
            .collect();
        let remembering = chain.links.algorithms();
        let remembering: Vec<_> = remembering
            .iter()
            .map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm)
            .collect();
        let verified = leaf
            .verify_for_usage(
                self.algorithms.unwrap_or(&remembering),
                &anchors,
                &intermediates,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                ForCode,
                None,
                None,
            )
            .ok()?;
        // What the validity was computed of is what was verified.
        let over = verified.intermediate_certificates().map(|link| link.der());
        if !over.eq(intermediates.iter().cloned()) {
            return None;
        }
        let issuer = chain.between.first().copied().unwrap_or(chain.anchor);
        Some(Path {
            issuer_spki: issuer.spki.clone(),
            anchor: chain.anchor.fingerprint(),
            validity: chain.validity,
        })
    }
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
