//! From the choices of a [`Signing`] to what is signed, logged and stamped.

use std::sync::Arc;

use floe::oci::Digest;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::authority::{COSIGN_SIGN, pae, simple_signing_payload};
use super::ca::{Ca, Leaf, SctOrder};
use super::ct::CtLog;
use super::entry::{self, Body, By};
use super::rekor::{Generation, LogEntry, Rekor};
use super::signed::{Content, Envelope, Signed};
use super::signing::{Signer, Signing, Subject};
use super::spoiling::{HOUR, spoil_certificate, spoil_scts};
use super::tsa::{TokenForm, Tsa};
use super::{Defect, EntryKind, Hashing, Key, KeyKind, Layout, Version};

impl Signing<'_> {
    /// Signs.
    pub(crate) fn make(self) -> Signed {
        let (key, leaf) = match &self.signer {
            Signer::Keyless(kind) => {
                let leaf = Arc::new(self.issue(self.sigstore.key(*kind)));
                (Arc::clone(&leaf.key), Some(leaf))
            }
            Signer::Leaf(leaf) => (Arc::clone(&leaf.key), Some(Arc::clone(leaf))),
            Signer::Key(key) => (Arc::clone(key), None),
        };
        let by = match &leaf {
            Some(leaf) => By::Certificate(&leaf.certificate, key.kind),
            None => By::Key(&key),
        };
        let content = self.content(&key);
        let entries = self.entries(&content, by, &key, leaf.as_deref());
        let tokens = self.tokens(&content, leaf.as_deref());
        let legacy = matches!(self.layout, Layout::Sig | Layout::Att);
        let older = matches!(
            self.layout,
            Layout::Bundle(Version::V01 | Version::V02)
                | Layout::Message(Version::V01 | Version::V02)
        );
        let mut certificates = Vec::new();
        if let Some(leaf) = &leaf {
            certificates.push(leaf.certificate.clone());
            if legacy || self.has(Defect::ChainInV03) {
                certificates.extend(leaf.chain.iter().cloned());
            }
        }
        if self.has(Defect::TwoCertificates) {
            let stranger = self.ca.order(
                &Key::generate(KeyKind::P256),
                &self.identity,
                self.at,
                self.at,
            );
            certificates.insert(1, stranger.signed_by(&self.ca.issuer().key));
        }
        Signed {
            layout: self.layout,
            hint: key.hint(),
            chained: older || self.has(Defect::ChainInV03),
            key,
            leaf,
            certificates,
            content,
            entries,
            tokens,
        }
    }

    /// The certificate alone, for a key.
    pub(crate) fn issue(&self, key: Arc<Key>) -> Leaf {
        let mut identity = self.identity.clone();
        self.spoil_identity(&mut identity);
        let (not_before, not_after) = self.validity.unwrap_or_else(|| {
            let start = self.at - SignedDuration::from_secs(2);
            (start, start + SignedDuration::from_mins(10))
        });
        let shift = match () {
            () if self.has(Defect::CertificateExpired) => -HOUR * 2,
            () if self.has(Defect::CertificateTooYoung) => HOUR * 2,
            () => SignedDuration::ZERO,
        };
        let (not_before, not_after) = (not_before + shift, not_after + shift);
        let stranger = self
            .has(Defect::CertificateOfStranger)
            .then(|| Ca::fulcio(KeyKind::P384, self.sigstore.at));
        let ca = stranger.as_ref().unwrap_or(self.ca);
        let mut tbs = ca.order(&key, &identity, not_before, not_after);
        for defect in &self.defects {
            spoil_certificate(*defect, &mut tbs);
        }
        for edit in &self.edits {
            edit(&mut tbs);
        }
        let [first, second] = &self.sigstore.ct_logs;
        let mut scts = self
            .scts
            .clone()
            .unwrap_or_else(|| vec![SctOrder::new(first, not_before)]);
        let unknown = CtLog::new("https://ctfe.stranger.test", KeyKind::P256, first.valid);
        for defect in &self.defects {
            spoil_scts(*defect, &mut scts, second, &unknown, not_before);
        }
        ca.issue(key, tbs, &scts)
    }

    /// The signed document, or the blob.
    fn document(&self) -> Vec<u8> {
        if let Some(payload) = &self.payload {
            return payload.clone();
        }
        let digest = match &self.subject {
            Subject::Image(_) if self.has(Defect::OtherSubject) => Digest::sha256(b"another image"),
            Subject::Image(digest) => *digest,
            Subject::Blob(blob) if matches!(self.layout, Layout::Message(_)) => {
                let mut blob = blob.clone();
                if self.has(Defect::OtherSubject) {
                    blob.extend(b"more");
                }
                return blob;
            }
            Subject::Blob(blob) => Digest::sha256(blob),
        };
        let text = digest.to_string();
        if self.layout == Layout::Sig {
            return simple_signing_payload(&text, &self.repository).into_bytes();
        }
        let (algorithm, hex) = text.split_once(':').expect("algorithm:hex");
        let (kind, predicate) = &self.predicate;
        // `cosign sign` names nobody in version 1, `cosign attest` the
        // repository in version 0.1.
        let signature = kind == COSIGN_SIGN;
        let mut subjects = json!([{"digest": {algorithm: hex}, "annotations": {}}]);
        if !signature {
            subjects = json!([{"name": self.repository, "digest": {algorithm: hex}}]);
        }
        if self.has(Defect::NoSubject) {
            subjects = json!([]);
        }
        let version = if signature { "v1" } else { "v0.1" };
        let statement = json!({
            "_type": format!("https://in-toto.io/Statement/{version}"),
            "subject": subjects,
            "predicateType": kind,
            "predicate": predicate,
        });
        statement.to_string().into_bytes()
    }

    fn content(&self, key: &Key) -> Content {
        let stranger = self
            .has(Defect::SignatureOfAnotherKey)
            .then(|| Key::generate(key.kind));
        let signer = stranger.as_ref().unwrap_or(key);
        let document = self.document();
        let signed = match self.layout {
            Layout::Bundle(_) | Layout::Att => pae(&self.payload_type, &document),
            Layout::Message(_) | Layout::Sig => document.clone(),
        };
        let mut signature = signer.sign(&signed);
        if self.has(Defect::SignatureForged) {
            *signature.last_mut().expect("a signature") ^= 1;
        }
        if matches!(self.layout, Layout::Message(_) | Layout::Sig) {
            return Content::Bytes {
                signed,
                hash: Hashing::for_key(key.kind),
                signature,
            };
        }
        let mut envelope = Envelope {
            payload_type: self.payload_type.clone(),
            payload: document,
            signatures: vec![signature],
        };
        for defect in &self.defects {
            match defect {
                Defect::TwoSignatures => envelope.signatures.push(envelope.signatures[0].clone()),
                Defect::NoSignature => envelope.signatures.clear(),
                Defect::OtherPayloadType => {
                    envelope.payload_type =
                        "application/vnd.dev.cosign.simplesigning.v1+json".into();
                }
                _ => {}
            }
        }
        Content::Dsse(envelope)
    }

    /// What a log keeps of this content.
    pub(crate) fn body(&self, content: &Content, by: By<'_>, kind: KeyKind, log: &Rekor) -> Body {
        let second = log.generation == Generation::V2;
        let hash = self.log_hash.unwrap_or(Hashing::for_key(kind));
        let signature = content.signature();
        let chosen = self.kind.unwrap_or(match (content, second) {
            (_, true) => EntryKind::HashedRekord002,
            (Content::Dsse(_), false) => EntryKind::Dsse,
            (Content::Bytes { .. }, false) => EntryKind::HashedRekord,
        });
        let message = match content {
            Content::Dsse(envelope) => entry::envelope_message(envelope),
            Content::Bytes { signed, .. } => signed.clone(),
        };
        // Of a blob there is no envelope: what a log would keep of one that
        // held it.
        let enveloped = match content {
            Content::Dsse(envelope) => envelope.clone(),
            Content::Bytes {
                signed, signature, ..
            } => Envelope {
                payload_type: self.payload_type.clone(),
                payload: signed.clone(),
                signatures: vec![signature.clone()],
            },
        };
        match chosen {
            EntryKind::HashedRekord => entry::hashedrekord_v001(&message, hash, signature, by),
            EntryKind::HashedRekord002 => entry::hashedrekord_v002(&message, hash, signature, by),
            EntryKind::Dsse => entry::dsse_v001(&enveloped, by),
            EntryKind::Dsse002 => entry::dsse_v002(&enveloped, by),
            EntryKind::InToto => entry::intoto_v001(&enveloped, by),
            EntryKind::InToto002 => entry::intoto_v002(&enveloped, by),
        }
    }

    fn entries(
        &self,
        content: &Content,
        by: By<'_>,
        key: &Key,
        leaf: Option<&Leaf>,
    ) -> Vec<LogEntry> {
        let Some(log) = self.log else {
            return Vec::new();
        };
        let body = if self.has(Defect::EntryOfAnother) {
            let mut other = content.clone();
            match &mut other {
                Content::Dsse(envelope) => {
                    envelope.payload = br#"{"_type":"https://in-toto.io/Statement/v1"}"#.to_vec();
                    envelope.signatures = vec![key.sign(&entry::envelope_message(envelope))];
                }
                Content::Bytes {
                    signed, signature, ..
                } => {
                    *signed = b"something else".to_vec();
                    *signature = key.sign(signed);
                }
            }
            self.body(&other, by, key.kind, log)
        } else {
            self.body(content, by, key.kind, log)
        };
        let mut entry = log.enter(&body, self.at, self.place);
        for defect in &self.defects {
            self.spoil_entry(*defect, &mut entry, log, &body, leaf);
        }
        if self.witnessed {
            let proof = entry.proof.as_mut().expect("a proof");
            let note = log.note(proof.size, &proof.root);
            let line = self.sigstore.witness.signature_line(&note, self.at);
            proof
                .checkpoint
                .as_mut()
                .expect("a checkpoint")
                .push_str(&line);
        }
        let again = self.has(Defect::TwoEntries).then(|| entry.clone());
        std::iter::once(entry).chain(again).collect()
    }

    fn tokens(&self, content: &Content, leaf: Option<&Leaf>) -> Vec<Vec<u8>> {
        let message = match content {
            _ if self.has(Defect::StampOfAnother) => b"another signature".to_vec(),
            // For `.att`, cosign 2 stamps the whole envelope.
            Content::Dsse(envelope) if self.layout == Layout::Att => envelope.text().into_bytes(),
            content => content.signature().to_vec(),
        };
        let stranger = self
            .has(Defect::StampOfStranger)
            .then(|| Tsa::new(self.sigstore.tsa.key.kind, self.sigstore.at, false));
        let token = |(tsa, at, form): &(&Tsa, Option<Timestamp>, TokenForm)| {
            let tsa = stranger.as_ref().unwrap_or(tsa);
            let mut at = at.unwrap_or(self.at);
            if self.has(Defect::StampTooLate) {
                at = leaf.map_or(at, |leaf| leaf.not_after) + HOUR;
            }
            let form = TokenForm {
                forged: form.forged || self.has(Defect::StampForged),
                signed_twice: form.signed_twice || self.has(Defect::StampSignedTwice),
                ..*form
            };
            tsa.token(&message, at, form)
        };
        self.stamps.iter().map(token).collect()
    }
}
