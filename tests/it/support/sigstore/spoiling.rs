//! How each [`Defect`] of a certificate and of a log entry is made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::Defect;
use super::ca::{Leaf, SctOrder};
use super::certificate::{self, EXTENDED_KEY_USAGE, Extension, SERVER_AUTH, Tbs};
use super::ct::CtLog;
use super::entry::Body;
use super::identity::{GITLAB, Identity, San};
use super::rekor::{LogEntry, Place, Proof, Rekor};
use super::signing::Signing;

pub(super) const LONG: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);
pub(super) const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Signing<'_> {
    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }

    pub(super) fn spoil_identity(&self, identity: &mut Identity) {
        for defect in &self.defects {
            let change = |identity: &mut Identity, edit: &dyn Fn(&mut String)| {
                if let Some(San::Email(t) | San::Uri(t) | San::Dns(t) | San::Other(t)) =
                    identity.sans.first_mut()
                {
                    edit(t);
                }
            };
            match defect {
                Defect::NoName => identity.sans.clear(),
                Defect::TwoNames => identity
                    .sans
                    .push(San::Uri("https://example.org/second".into())),
                Defect::NameWithNul => change(identity, &|name| name.push_str("\0.example.org")),
                Defect::NameInCapitals => change(identity, &|name| *name = name.to_uppercase()),
                Defect::IssuerWithSlash => {
                    for issuer in identity.issuer_v1.iter_mut().chain(&mut identity.issuer_v2) {
                        issuer.push('/');
                    }
                }
                Defect::TwoIssuers => identity.issuer_v1 = Some(GITLAB.to_owned() + "/other"),
                _ => {}
            }
        }
    }

    pub(super) fn spoil_entry(
        &self,
        defect: Defect,
        entry: &mut LogEntry,
        log: &Rekor,
        body: &Body,
        leaf: Option<&Leaf>,
    ) {
        let other = || {
            let sigstore = self.sigstore;
            [&sigstore.rekor, &sigstore.rekor_v2]
                .into_iter()
                .find(|candidate| candidate.id() != log.id())
                .expect("two logs")
        };
        let promise_at = |entry: &mut LogEntry, at: Timestamp| {
            if entry.integrated_time.is_some() {
                entry.integrated_time = Some(at.as_second());
                log.promise(entry);
            }
        };
        let flip = |bytes: &mut [u8]| bytes.last_mut().into_iter().for_each(|b| *b ^= 1);
        match defect {
            Defect::NoProof => entry.proof = None,
            Defect::NoPromise => entry.promise = None,
            Defect::PromiseForged => entry.promise.iter_mut().for_each(|p| flip(p)),
            Defect::PromiseOfStranger => {
                let stranger = Rekor::v1(&log.host, log.valid);
                entry.promise = Some(stranger.key.sign(entry.promised().as_bytes()));
            }
            Defect::LogIdOfAnotherLog => entry.log_id = other().id().to_vec(),
            Defect::BodyForged => {
                let at = entry.body.len() / 2;
                entry.body[at] ^= 1;
            }
            Defect::IntegratedInFuture => promise_at(entry, self.at + LONG),
            Defect::IntegratedTooLate => {
                promise_at(entry, leaf.map_or(self.at, |leaf| leaf.not_after) + HOUR);
            }
            Defect::IntegratedTimeForged => {
                entry.integrated_time.iter_mut().for_each(|time| *time += 1);
            }
            _ => {}
        }
        let Some(proof) = &mut entry.proof else {
            return;
        };
        let note = log.note(proof.size, &proof.root);
        match defect {
            Defect::PathForged => {
                if let Some(first) = proof.path.first_mut() {
                    flip(first);
                }
            }
            Defect::ProofOfAnotherSize => {
                let larger = Place {
                    size: self.place.size + 3,
                    ..self.place
                };
                let genuine = log.enter(body, self.at, larger).proof.expect("a proof");
                *proof = Proof {
                    path: proof.path.clone(),
                    ..genuine
                };
            }
            Defect::CheckpointOfAnotherLog => {
                proof.checkpoint = Some(other().checkpoint(proof.size, &proof.root));
            }
            Defect::CheckpointForged => {
                let stranger = Rekor::v1(&log.host, log.valid);
                let signature = stranger.key.sign(note.as_bytes());
                let blob = [&log.id()[..4], &signature].concat();
                let blob = STANDARD.encode(blob);
                proof.checkpoint = Some(format!("{note}\n\u{2014} {} {blob}\n", log.host));
            }
            Defect::CheckpointUnsigned => proof.checkpoint = Some(format!("{note}\n")),
            Defect::NoCheckpoint => proof.checkpoint = None,
            _ => {}
        }
    }
}

pub(super) fn spoil_certificate(defect: Defect, tbs: &mut Tbs) {
    match defect {
        Defect::NoPurpose => tbs.drop(EXTENDED_KEY_USAGE),
        Defect::OtherPurpose => tbs.put(certificate::purposes(&[SERVER_AUTH])),
        Defect::LeafIsCa => tbs.put(certificate::authority(None)),
        Defect::UnknownCriticalExtension => {
            tbs.put(Extension::critical(
                "1.3.6.1.4.1.57264.99.1",
                vec![0x05, 0x00],
            ));
        }
        _ => {}
    }
}

pub(super) fn spoil_scts<'a>(
    defect: Defect,
    scts: &mut Vec<SctOrder<'a>>,
    second: &'a CtLog,
    unknown: &'a CtLog,
    at: Timestamp,
) {
    match defect {
        Defect::NoSct => scts.clear(),
        Defect::TwoScts => scts.push(SctOrder::new(second, at)),
        Defect::SctOfUnknownLog => *scts = vec![SctOrder::new(unknown, at)],
        Defect::SctOfAnotherIssuer => scts
            .iter_mut()
            .for_each(|sct| sct.issuer_spki = Some(unknown.key.spki().to_vec())),
        Defect::SctForged => scts.iter_mut().for_each(|sct| sct.forged = true),
        Defect::SctBeforeLog => scts.iter_mut().for_each(|sct| sct.at -= LONG),
        _ => {}
    }
}
