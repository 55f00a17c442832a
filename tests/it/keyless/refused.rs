//! The corpus of refused twins.

use floe::oci::Digest;
use floe::policy::IdentityRule;

use super::{SIGSTORE, STRANGER, images, judge, judge_file, keyless_of, managed, private, reason};
use crate::support::authority::{Attachment, Image, KeyKind};
use crate::support::mutator::keyless::{Good, NO_ROOT, Who};
use crate::support::oracle::{self, Demand};
use crate::support::sigstore::matrix::{Case, blob};
use crate::support::sigstore::{Ca, Layout, Log, Stamp, Version};

/// Judges every twin of a good signature; gives what is not as it should be.
fn wrong(case: Case, who: Who<'_>) -> Vec<String> {
    let [image, other] = images();
    let good = Good::new(case, &SIGSTORE, &STRANGER, [&image, &other], who);
    let form = format!("{} {case:?}", good.who);
    let material = |root: &_, own: Option<&str>| match (&good.who, own) {
        (Who::Managed(key), _) => Some(managed(&key.pem(), root, &case)),
        (_, Some(own)) => Some(private(own, root, &case)),
        _ => keyless_of(root),
    };
    let identity = good.again().identity_now().clone();
    let issuer = identity.issuer_v2.clone().expect("an issuer");
    let rule = (!matches!(good.who, Who::Managed(_)))
        .then(|| IdentityRule::exact(identity.name(), &issuer));
    let mut wrong = Vec::new();
    let trusted = SIGSTORE.trusted_root();
    let own = match &good.who {
        Who::Own(ca) => Some(ca.chain_pem()),
        Who::Keyless | Who::Managed(_) => None,
    };
    let material_of_good = material(&trusted, own.as_deref()).expect("a trusted root");
    let file = matches!(case.layout, Layout::Message(_)).then(|| blob(&image));
    let judged = |attachment: &Attachment, material: &_| match &file {
        Some(file) => judge_file(attachment, file, material),
        None => judge(attachment, &image.digest, material),
    };
    let found = judged(&good.signed.attachment(), &material_of_good);
    if reason(&found, rule.as_ref()) != "accepted" {
        return vec![format!("{form}: refused: {found:?}")];
    }
    let twins = good.twins();
    assert!(twins.len() >= 20, "{form} has {} twins", twins.len());
    for twin in twins {
        let Some(material) = material(&twin.root, twin.own.as_deref()) else {
            if twin.code != NO_ROOT {
                wrong.push(format!("{form} {:?}: the root is refused", twin.name));
            }
            continue;
        };
        let found = judged(&twin.attachment, &material);
        let code = reason(&found, rule.as_ref());
        if let Err(rejection) = &found {
            let detail = &rejection.detail;
            assert!(!detail.contains(char::is_control), "{detail:?}");
        }
        if code != twin.code {
            wrong.push(format!(
                "{form} {:?}: expected {}, found {code} ({:?})",
                twin.name,
                twin.code,
                found.err().map(|r| r.detail),
            ));
        }
        // What the other verifier refuses must not be accepted.
        if code == "accepted"
            && let Attachment::Bundle { bytes, .. } = &twin.attachment
            && matches!(good.who, Who::Keyless)
        {
            let judged = oracle::judge(
                std::str::from_utf8(bytes).expect("text"),
                sha256(file.as_deref(), &image),
                identity.name(),
                identity.issuer_v2.as_deref(),
                &twin.root.text(),
                Demand::ALL,
            );
            if let Err(why) = judged {
                wrong.push(format!("{form} {:?}: only floe accepts: {why}", twin.name));
            }
        }
    }
    wrong
}

/// SHA-256 of the file, or else of the image.
fn sha256(file: Option<&[u8]>, image: &Image) -> [u8; 32] {
    let digest = file.map_or(image.digest, Digest::sha256);
    digest.as_bytes().try_into().expect("32 bytes")
}

/// Sound combinations that differ in what verification does; of the older
/// bundles and of files those that differ from the newest.
fn cases(layout: Layout) -> Vec<Case> {
    let all = matches!(
        layout,
        Layout::Bundle(Version::V03) | Layout::Sig | Layout::Att
    );
    Case::sound_in(&[layout])
        .into_iter()
        .filter(|case| case.key == KeyKind::P256)
        .filter(|case| case.log != Log::V2Ecdsa || case.stamp == Stamp::Bare)
        .filter(|case| all || (case.stamp != Stamp::Bare && case.log != Log::V2Ecdsa))
        .collect()
}

fn check(layout: Layout) {
    let mut all = Vec::new();
    for case in cases(layout) {
        all.extend(wrong(case, Who::Keyless));
        all.extend(wrong(case, Who::Managed(SIGSTORE.key(case.key))));
    }
    let ca = Ca::fulcio(KeyKind::P384, SIGSTORE.at);
    for (log, stamp) in [
        (Log::None, Stamp::None),
        (Log::V1, Stamp::None),
        (Log::V1, Stamp::Embedded),
    ] {
        let case = Case {
            log,
            stamp,
            ..cases(layout)[0]
        };
        all.extend(wrong(case, Who::Own(&ca)));
    }
    assert!(
        all.is_empty(),
        "{} are wrong:\n{}",
        all.len(),
        all.join("\n")
    );
}

#[test]
fn every_twin_of_a_bundle_is_refused_for_its_own_reason() {
    check(Layout::Bundle(Version::V03));
}

#[test]
fn every_twin_of_a_bundle_of_version_0_2_is_refused_for_its_own_reason() {
    check(Layout::Bundle(Version::V02));
}

#[test]
fn every_twin_of_a_bundle_of_version_0_1_is_refused_for_its_own_reason() {
    check(Layout::Bundle(Version::V01));
}

#[test]
fn every_twin_of_a_legacy_signature_is_refused_for_its_own_reason() {
    check(Layout::Sig);
}

#[test]
fn every_twin_of_a_legacy_attestation_is_refused_for_its_own_reason() {
    check(Layout::Att);
}

#[test]
fn every_twin_of_a_signed_file_is_refused_for_its_own_reason() {
    for version in Version::ALL {
        check(Layout::Message(version));
    }
}
