//! Many authorities, one image.

use floe::policy::{PolicyDocument, compile};
use floe::trust::{Material, MaterialRef, Materials, TrustRoot};
use serde_json::json;

use super::*;
use crate::support::sigstore::Sigstore;

#[tokio::test]
async fn a_policy_of_a_hundred_identities_fetches_once_and_proves_once() {
    let at: Timestamp = "2026-03-02T12:00:00Z".parse().expect("a time");
    let sigstore = Sigstore::new(at);
    let mut contents = RepositoryContents::new();
    let image = contents.image("v1");
    let signing = sigstore.sign(&image);
    let identity = signing.identity_now();
    let issuer = identity.issuer_v2.clone().expect("an issuer");
    let name = identity.name().to_owned();
    contents.attach(&image, &signing.make().attachment());

    let root = TrustRoot::from_json("test", &sigstore.trusted_root().text()).expect("a root");
    let mut materials = Materials::default();
    let named = MaterialRef::Root("test".into());
    materials.insert(named, Ok(Material::Root(Arc::new(root))));
    let policies = |last: &str| {
        let authorities: Vec<_> = (0..99)
            .map(|number| format!("https://example.com/nobody/{number}"))
            .chain([last.to_owned()])
            .enumerate()
            .map(|(number, subject)| {
                json!({
                    "name": format!("a-{number}"),
                    "keyless": {"issuer": issuer, "subject": subject},
                    "trustRoots": ["test"],
                })
            })
            .collect();
        let document = json!({
            "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "prod"},
            "spec": {"match": {}, "authorities": authorities},
        });
        let document = PolicyDocument {
            origin: "policy.yaml".into(),
            text: document.to_string(),
        };
        compile(&[document]).expect("a policy").bind(&materials)
    };
    let registry = serve(&contents).await;
    let mut asked = Asked::new(&registry, REPOSITORY, &image, policies(&name));
    // One material: each document is established under it once, and the hundred
    // identities are compared with what was proven.
    let selection = asked
        .policies
        .select(asked.reference.repository(), &asked.subject);
    assert_eq!(selection.materials().len(), 1);

    let engine = engine();
    let at = at + jiff::SignedDuration::from_hours(24);
    let verify = async |asked: &Asked| {
        let request = Request {
            reference: &asked.reference,
            subject: &asked.subject,
            policies: &asked.policies,
            at,
            deadline: Instant::now() + Duration::from_secs(20),
        };
        engine.verify(request).await
    };
    let verdict = verify(&asked).await;
    assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    assert_eq!(&*verdict.outcomes()[0].signers[0].authority, "a-99");
    let requests = registry.requests();
    assert!(requests.len() <= 4, "{requests:?}");
    for request in &requests {
        let same = requests.iter().filter(|other| other.path == request.path);
        assert_eq!(same.count(), 1, "{}", request.path);
    }

    // Other identities under the same root: nothing is asked, and the same
    // proof refuses them. What was there was seen, so the tag that is empty is
    // not looked at twice either.
    while engine.flights_under_way() > 0 {
        tokio::task::yield_now().await;
    }
    registry.forget_requests();
    asked.policies = policies("https://example.com/nobody/else");
    let verdict = verify(&asked).await;
    assert_eq!(codes(&verdict), ["identity-mismatch", "signature-missing"]);
    assert_eq!(registry.requests(), []);
}
