//! The Sigstore of the tests is a real one: what cosign signs against it in
//! every way it has, cosign verifies, and refuses from anybody else.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use floe_e2e::{
    registry::{Image, Kind, Registry},
    sigstore::{Flow, GITHUB, GITLAB, Identity, Predicate, Sigstore},
};
use serde_json::{Value, json};

/// One signer for each kind of issuer.
pub(crate) fn signers() -> [Identity; 3] {
    [
        Sigstore::shared().developer(),
        Identity::github("octo/app", "release.yml", "refs/heads/main"),
        Identity::gitlab("group/app", "main"),
    ]
}

/// A new image with one keyless signature.
pub(crate) fn keyless_image(kind: Kind, flow: Flow, signer: &Identity) -> Image {
    let image = Registry::shared(kind).push_fresh_image();
    Sigstore::shared().sign(flow, signer, &image);
    image
}

#[test]
fn cosign_verifies_what_it_signed_in_every_flow_and_for_every_issuer() {
    for flow in Flow::ALL {
        for signer in signers() {
            let image = keyless_image(Kind::Ferro, flow, &signer);
            let judged = Sigstore::shared().verify(flow, &signer, &image);
            assert_eq!(judged, Ok(()), "{flow:?} {}", signer.issuer);
        }
    }
}

#[test]
fn cosign_refuses_another_identity_and_another_issuer() {
    let sigstore = Sigstore::shared();
    let signer = sigstore.developer();
    let other_subject = Identity::email(&signer.issuer, "eve@example.test");
    let other_issuer = Identity::email(GITLAB, &signer.subject);
    for flow in Flow::ALL {
        let image = keyless_image(Kind::Ferro, flow, &signer);
        for twin in [&other_subject, &other_issuer] {
            let refusal = sigstore.verify(flow, twin, &image).unwrap_err();
            assert!(
                refusal.contains("none of the expected identities matched")
                    || refusal.contains("no matching CertificateIdentity found"),
                "{flow:?} {}: {refusal}",
                twin.issuer
            );
        }
    }
}

#[test]
fn cosign_verifies_attestations_under_a_tag_and_in_bundles() {
    let sigstore = Sigstore::shared();
    let signer = Identity::github("octo/app", "release.yml", "refs/heads/main");
    let predicate = Predicate {
        kind: "slsaprovenance1",
        text: json!({
            "buildDefinition": {
                "buildType": "https://example.test/build/v1", "externalParameters": {},
            },
            "runDetails": {"builder": {"id": "https://example.test/builder"}},
        })
        .to_string(),
    };
    for flow in Flow::ALL {
        let image = Registry::shared(Kind::Ferro).push_fresh_image();
        sigstore.attest(flow, &signer, &image, &predicate);
        let judged = sigstore.verify_attestation(flow, &signer, &image, predicate.kind);
        assert_eq!(judged, Ok(()), "{flow:?}");
        let twin = Identity::github("octo/other", "release.yml", "refs/heads/main");
        let refused = sigstore.verify_attestation(flow, &twin, &image, predicate.kind);
        assert!(refused.is_err(), "{flow:?}");
        let registry = Registry::shared(Kind::Ferro);
        let tag = format!("{}.att", image.fallback_tag());
        assert_eq!(
            registry.has_tag(&image.repository, &tag),
            !flow.is_bundle(),
            "{flow:?}"
        );
    }
}

#[test]
fn certificates_carry_the_genuine_issuers_and_the_claims_of_the_token() {
    let registry = Registry::shared(Kind::Ferro);
    for signer in signers() {
        let image = keyless_image(Kind::Ferro, Flow::Rekor1, &signer);
        let bundle: Value = serde_json::from_slice(&registry.bundles(&image)[0]).unwrap();
        let certificate = &bundle["verificationMaterial"]["certificate"]["rawBytes"];
        let certificate = BASE64_STANDARD
            .decode(certificate.as_str().unwrap())
            .unwrap();
        let holds = |part: &[u8]| certificate.windows(part.len()).any(|bytes| bytes == part);
        assert!(holds(signer.issuer.as_bytes()), "{signer:?}");
        assert!(holds(signer.subject.as_bytes()), "{signer:?}");
        if signer.issuer == GITHUB {
            // 1.3.6.1.4.1.57264.1.24, the subject of the token.
            let subject = b"\x06\x0a\x2b\x06\x01\x04\x01\x83\xbf\x30\x01\x18";
            assert!(holds(subject));
            assert!(holds(signer.claims["sub"].as_str().unwrap().as_bytes()));
        }
    }
}
