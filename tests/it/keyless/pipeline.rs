//! From an image layout to a verdict, with a policy that names an identity.

use std::sync::Arc;
use std::time::{Duration, Instant};

use floe::oci::Reference;
use floe::policy::PolicySet;
use floe::source::layout::Layout;
use floe::trust::TrustRoot;
use floe::verdict::{Decision, Subject, Verdict};
use floe::verifier::{Blocking, Limits, Request, Verifier};
use jiff::{SignedDuration, Timestamp};

use super::{SIGSTORE, STRANGER, at};
use crate::support::authority::{Image, RepositoryContents};
use crate::support::sigstore::{self, Defect, Log, Signing, Stamp};

fn policies() -> PolicySet {
    let signing = SIGSTORE.sign(&RepositoryContents::new().image("any"));
    let identity = signing.identity_now();
    let root = TrustRoot::from_json("test", &SIGSTORE.trusted_root().text()).expect("a root");
    let issuer = identity.issuer_v2.as_deref().expect("an issuer");
    PolicySet::for_identity(identity.name(), issuer, vec![Arc::new(root)])
}

fn verify(contents: &RepositoryContents, image: &Image, at: Timestamp) -> Verdict {
    let folder = tempfile::tempdir().expect("a folder");
    contents.write_layout(folder.path());
    let layout = Layout::open(folder.path()).expect("a layout");
    let verifier = Verifier::new(layout, Blocking, Limits::default());
    let reference = format!("registry.example.com/app@{}", image.digest);
    let reference: Reference = reference.parse().expect("a reference");
    let subject = Subject::default();
    Blocking.run(verifier.verify(Request {
        reference: &reference,
        subject: &subject,
        policies: &policies(),
        at,
        deadline: Instant::now() + Duration::from_secs(10),
    }))
}

fn now() -> Timestamp {
    at() + SignedDuration::from_hours(24 * 90)
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    let mut codes: Vec<_> = verdict.all_findings().map(|f| f.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// A repository in which an image has these signatures.
fn signed(
    signings: &[&dyn Fn(Signing<'static>) -> Signing<'static>],
) -> (RepositoryContents, Image) {
    let mut contents = RepositoryContents::new();
    let image = contents.image("app");
    for signing in signings {
        let made = signing(SIGSTORE.sign(&image)).make();
        contents.attach(&image, &made.attachment());
    }
    (contents, image)
}

#[test]
fn an_image_signed_by_the_identity_is_admitted_in_either_layout() {
    for layout in [
        sigstore::Layout::Bundle(sigstore::Version::V03),
        sigstore::Layout::Sig,
    ] {
        let (contents, image) = signed(&[&|signing| signing.layout(layout)]);
        let verdict = verify(&contents, &image, now());
        assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    }
    let (contents, image) = signed(&[&|signing| signing.log(Log::V2).stamp(Stamp::Bare)]);
    let verdict = verify(&contents, &image, now());
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

#[test]
fn a_forged_signature_beside_a_good_one_changes_nothing_and_alone_proves_nothing() {
    for (defect, code) in [
        (Defect::SignatureForged, "signature-not-by-authority"),
        (Defect::SignatureOfAnotherKey, "signature-not-by-authority"),
        (Defect::EntryOfAnother, "log-entry-mismatch"),
        (Defect::CertificateOfStranger, "certificate-untrusted"),
        (Defect::NoSct, "sct-missing"),
        (Defect::NameInCapitals, "identity-mismatch"),
        (Defect::IssuerWithSlash, "issuer-mismatch"),
        (Defect::OtherSubject, "subject-mismatch"),
    ] {
        let broken = |signing: Signing<'static>| signing.broken(defect);
        let (contents, image) = signed(&[&broken]);
        let verdict = verify(&contents, &image, now());
        assert_eq!(verdict.decision(), Decision::Deny, "{defect:?} {verdict:?}");
        assert_eq!(
            codes(&verdict),
            [code, "signature-missing"].sorted(),
            "{defect:?}"
        );

        for good in [&(|s| s) as &dyn Fn(_) -> _, &|s: Signing<'static>| {
            s.layout(sigstore::Layout::Sig)
        }] {
            let (contents, image) = signed(&[&broken, good, &broken]);
            let verdict = verify(&contents, &image, now());
            assert_eq!(
                verdict.decision(),
                Decision::Allow,
                "{defect:?} {verdict:?}"
            );
            assert_eq!(codes(&verdict), [code], "the forged one is reported");
        }
    }
}

#[test]
fn a_signature_of_a_stranger_is_refused_and_named() {
    let mut contents = RepositoryContents::new();
    let image = contents.image("app");
    let made = STRANGER.sign(&image).make();
    contents.attach(&image, &made.attachment());
    let verdict = verify(&contents, &image, now());
    assert_eq!(codes(&verdict), ["log-unknown", "signature-missing"]);
}

#[test]
fn an_old_bundle_is_refused_by_its_version() {
    for version in [sigstore::Version::V01, sigstore::Version::V02] {
        let (contents, image) = signed(&[&|s| s.layout(sigstore::Layout::Bundle(version))]);
        let verdict = verify(&contents, &image, now());
        assert_eq!(
            codes(&verdict),
            ["bundle-version-not-accepted", "signature-missing"]
        );
    }
}

#[test]
fn a_signature_from_the_future_does_not_count_yet() {
    let (contents, image) = signed(&[&|s| s]);
    let verdict = verify(&contents, &image, at() - SignedDuration::from_secs(1));
    assert_eq!(
        codes(&verdict),
        ["signature-missing", "signed-in-the-future"]
    );
    let verdict = verify(&contents, &image, at());
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for [&'static str; 2] {
    fn sorted(mut self) -> Self {
        self.sort_unstable();
        self
    }
}
