//! Writes the corpus of the fuzz targets that read signatures and certificates,
//! and the public half of the authority that signed it.
//!
//! `cargo test --test it -- --ignored fuzz::corpus` does it anew, with new
//! keys; other cases of the corpus are left alone.

use std::fs;

use floe::oci::Digest;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{bodies, root};
use crate::support::authority::{
    Attachment, COSIGN_SIGN, IN_TOTO, Image, Key, KeyKind, RepositoryContents, bundle_json,
    cosign_bundle, cosign_legacy, pae, signed_bundle, statement,
};
use crate::support::reviews;
use crate::support::sigstore::certificate::{self, CODE_SIGNING, Extension, SERVER_AUTH};
use crate::support::sigstore::{
    Defect, EntryKind, Identity, Layout, Log, San, Signing, Sigstore, Stamp, Version,
};

struct Writer {
    sigstore: Sigstore,
    key: Key,
    image: Image,
}

#[test]
#[ignore = "writes into fuzz/corpus and fuzz/authority"]
fn the_corpus_is_written_anew() {
    let at: Timestamp = "2026-03-02T12:00:00Z".parse().expect("a time");
    let writer = Writer {
        sigstore: Sigstore::new(at),
        key: Key::generate(KeyKind::P256),
        image: Image {
            digest: Digest::sha256(bodies::SIGNED),
            size: bodies::SIGNED.len() as u64,
        },
    };
    let authority = root().join("fuzz/authority");
    let trusted = writer.sigstore.trusted_root().text();
    fs::write(authority.join("root.json"), trusted).expect("written");
    fs::write(authority.join("key.pub"), writer.key.pem()).expect("written");
    writer.bundles();
    writer.envelopes();
    writer.legacy();
    writer.identities();
    writer.manifests();
    reviews();
}

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let folder = root().join("fuzz/corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a case is written");
}

fn github() -> Identity {
    Identity::github(
        "acme/app",
        ".github/workflows/release.yml",
        "refs/heads/main",
    )
}

impl Writer {
    fn sign(&self) -> Signing<'_> {
        self.sigstore.sign(&self.image)
    }

    fn stamped(&self, log: Log) -> Signing<'_> {
        self.sign().log(log).stamp(Stamp::Embedded)
    }

    fn bundles(&self) {
        let write = |name: &str, signing: Signing<'_>| {
            write("bundle", name, signing.make().bundle().to_string());
        };
        let old = Layout::Bundle(Version::V01);
        write("accepted-v1", self.sign());
        write("accepted-v1-stamp", self.stamped(Log::V1));
        write(
            "accepted-v1-intoto",
            self.sign().entry(EntryKind::InToto002),
        );
        write("accepted-v1-old", self.sign().layout(old));
        write("accepted-v2", self.stamped(Log::V2).witnessed());
        write(
            "accepted-v2-ecdsa",
            self.sign().log(Log::V2Ecdsa).stamp(Stamp::Bare),
        );
        write("accepted-place", self.sign().place(5, 13));
        let blob = || self.sigstore.sign_blob(bodies::SIGNED);
        write("accepted-blob-v1", blob());
        write("accepted-blob-v2", blob().log(Log::V2).stamp(Stamp::Bare));
        for (name, defect) in [
            ("refused-sct", Defect::NoSct),
            ("refused-promise", Defect::PromiseForged),
            ("refused-checkpoint", Defect::CheckpointOfAnotherLog),
            ("refused-path", Defect::ProofOfAnotherSize),
            ("refused-entry", Defect::EntryOfAnother),
            ("refused-certificate", Defect::CertificateExpired),
            ("refused-chain", Defect::ChainInV03),
            ("refused-signature", Defect::SignatureForged),
        ] {
            write(name, self.sign().broken(defect));
        }
        let defect = Defect::StampOfAnother;
        write("refused-stamp", self.stamped(Log::V2).broken(defect));
        let Attachment::Bundle { bytes, .. } = cosign_bundle(&self.key, &self.image) else {
            unreachable!("a bundle is attached as one");
        };
        self::write("bundle", "accepted-key", bytes);
    }

    fn envelopes(&self) {
        let write = |name: &str, bundle: &Value| {
            write("dsse", name, bundle["dsseEnvelope"].to_string());
        };
        let digest = self.image.digest.to_string();
        let of = |kind: &str, predicate| statement(kind, &[&digest], predicate).to_string();
        let signed = |kind: &str, predicate| {
            signed_bundle(&self.key, IN_TOTO, of(kind, predicate).as_bytes())
        };
        write("accepted-signature", &signed(COSIGN_SIGN, json!({})));
        let slsa = "https://slsa.dev/provenance/v1";
        let provenance = crate::support::sigstore::signing::provenance();
        write("accepted-provenance", &signed(slsa, provenance));
        let documents = json!({"a": [1, 2.5, null, true, {"b": "\u{1f600}"}], "é": -0.0});
        write(
            "accepted-custom",
            &signed("https://acme.example/x", documents),
        );
        let text = statement(COSIGN_SIGN, &["sha256:00"], json!({}));
        write(
            "refused-digest",
            &signed_bundle(&self.key, IN_TOTO, text.to_string().as_bytes()),
        );
        let text = of(COSIGN_SIGN, json!({}));
        write(
            "refused-type",
            &signed_bundle(&self.key, "application/json", text.as_bytes()),
        );
        let text = text.as_bytes();
        let signature = self.key.sign(&pae(IN_TOTO, text));
        let twice = [&signature[..], &signature[..]];
        write("refused-twice", &bundle_json("", IN_TOTO, text, &twice));
        write("refused-unsigned", &bundle_json("", IN_TOTO, text, &[]));
        write("refused-none", &bundle_json("", IN_TOTO, text, &[b"none"]));
    }

    fn legacy(&self) {
        let write = |name: &str, attachment: Attachment| {
            let (media_type, annotations, content) = match attachment {
                Attachment::Legacy {
                    payload,
                    media_type,
                    annotations,
                } => (media_type, annotations, payload),
                Attachment::Attestation {
                    envelope,
                    media_type,
                    annotations,
                } => (media_type, annotations, envelope),
                Attachment::Bundle { .. } => unreachable!("not a legacy layout"),
            };
            let layer = json!({
                "mediaType": media_type,
                "annotations": annotations,
                "content": String::from_utf8(content).expect("text"),
            });
            self::write("simple_signing", name, layer.to_string());
        };
        write("accepted-key", cosign_legacy(&self.key, &self.image));
        for (name, layout) in [("sig", Layout::Sig), ("att", Layout::Att)] {
            let sign = || self.sign().layout(layout);
            write(&format!("accepted-{name}"), sign().make().attachment());
            let stamped = sign().stamp(Stamp::Embedded).make();
            write(&format!("accepted-{name}-stamp"), stamped.attachment());
            for defect in [Defect::PromiseForged, Defect::NoSct, Defect::OtherSubject] {
                let name = format!("refused-{name}-{defect:?}").to_lowercase();
                write(&name, sign().broken(defect).make().attachment());
            }
        }
    }

    /// What stands in certificates between the tag of the list and its end.
    fn identities(&self) {
        let key = Key::generate(KeyKind::Ed25519);
        let write_list = |name: &str, identity: Identity, purpose: &str, more: &[Extension]| {
            let (from, until) = (self.sigstore.at, self.sigstore.at);
            let mut tbs = self.sigstore.ca.order(&key, &identity, from, until);
            tbs.put(certificate::purposes(&[purpose]));
            tbs.extensions.extend(more.iter().cloned());
            let list: Vec<u8> = tbs.extensions.iter().flat_map(Extension::to_der).collect();
            write("certificate_identity", name, list);
        };
        let good = |name: &str, identity| write_list(name, identity, CODE_SIGNING, &[]);
        let issuer = "https://issuer.example.com";
        good("accepted-github", github());
        let gitlab = Identity::gitlab("acme/app", ".gitlab-ci.yml", "refs/heads/main");
        good("accepted-gitlab", gitlab);
        let email = || Identity::email("alice@example.com", issuer);
        good("accepted-email", email());
        good("accepted-user-name", Identity::username("alice", issuer));
        let both = vec![
            San::Email("alice@example.com".to_owned()),
            San::Uri("https://example.com/alice".to_owned()),
        ];
        good("accepted-two-names", email().with_names(both));
        good(
            "refused-nul",
            Identity::email("alice@example.com\0.evil.example", issuer),
        );
        good("refused-nobody", email().with_names(Vec::new()));
        write_list("refused-purpose", email(), SERVER_AUTH, &[]);
        let twice = certificate::purposes(&[CODE_SIGNING]);
        write_list("refused-twice", email(), CODE_SIGNING, &[twice]);
        let critical = Extension::critical("1.2.3.4", vec![5, 0]);
        write_list("refused-critical", email(), CODE_SIGNING, &[critical]);
        let ca = certificate::authority(None);
        write_list("refused-authority", email(), CODE_SIGNING, &[ca]);
        let whole = self.sign().make().certificates.swap_remove(0);
        write("certificate_identity", "refused-certificate", whole);
    }

    fn manifests(&self) {
        let mut contents = RepositoryContents::new();
        let stored = contents.image("one");
        for (name, digest) in [
            ("accepted-bundle", contents.sign_bundle(&stored, &self.key)),
            (
                "accepted-signature",
                contents.sign_legacy(&stored, &self.key),
            ),
            ("accepted-sbom", contents.attest_sbom(&stored, &self.key)),
            ("accepted-image", stored.digest),
        ] {
            write("manifest", name, &contents.manifests[&digest].1);
        }
        let index = contents.referrers_index(&stored.digest);
        write("manifest", "refused-index-of-another-type", index);
    }
}

fn reviews() {
    let write = |name: &str, review: &Value| {
        write("admission_review", name, review.to_string());
    };
    let spec = reviews::spec("registry.example.com/app");
    let pod = reviews::pod(&spec);
    let review = |kind: &str, operation: &str| reviews::review("", kind, operation, &pod);
    write("accepted-create", &review("Pod", "CREATE"));
    write("accepted-update", &review("Pod", "UPDATE"));
    write("accepted-delete", &review("Pod", "DELETE"));
    let template = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "elsewhere"},
        "spec": {"template": {"metadata": {}, "spec": spec}},
    });
    let deployment = reviews::review("apps", "Deployment", "CREATE", &template);
    write("accepted-deployment", &deployment);
    let other = reviews::with(review("Pod", "CREATE"), "/apiVersion", json!("v2"));
    write("refused-version", &other);
    let nobody = reviews::with(review("Pod", "CREATE"), "/request/uid", json!(""));
    write("refused-uid", &nobody);
}
