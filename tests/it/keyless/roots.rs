//! What the name of a trust root in a policy means.

use jiff::{SignedDuration, Timestamp};

use crate::support::authority::RepositoryContents;
use crate::support::floe::Workshop;
use crate::support::sigstore::Sigstore;

#[test]
fn an_authority_accepts_only_the_roots_that_it_names() {
    let before = Timestamp::now() - SignedDuration::from_hours(24);
    let (ours, theirs) = (Sigstore::new(before), Sigstore::new(before));
    let workshop = Workshop::new();
    let mut contents = RepositoryContents::new();
    let image = contents.image("app");
    let signing = ours.sign(&image);
    let identity = signing.identity_now();
    let (name, issuer) = (identity.name(), identity.issuer_v2.as_deref());
    let policy = format!(
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: {{name: corp}}\nspec:\n  match: {{}}\n  \
         authorities:\n  - name: ci\n    keyless: {{subject: '{name}', issuer: '{}'}}\n    \
         trustRoots: [corp]\n",
        issuer.expect("an issuer")
    );
    workshop.write("corp.yaml", &policy);
    workshop.write("ours.json", &ours.trusted_root().text());
    workshop.write("theirs.json", &theirs.trusted_root().text());
    contents.attach(&image, &signing.make().attachment());
    contents.write_layout(&workshop.path("images"));
    let reference = format!("registry.example.com/app@{}", image.digest);
    let verify = |roots: &[&str]| {
        let mut words = vec!["verify", &reference, "--layout", "images", "--explain"];
        words.extend(["--policy", "corp.yaml"]);
        words.extend(roots.iter().flat_map(|root| ["--trusted-root", root]));
        workshop.run(&words)
    };

    let good = verify(&["corp=ours.json", "theirs.json"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.out.contains("trust root: corp\n"), "{good:?}");
    // The one that vouches for the signature is there, under another name.
    let other = verify(&["corp=theirs.json", "ours.json", "spare=ours.json"]);
    assert_eq!(other.code, 6, "{other:?}");
    assert!(other.out.contains("log-unknown"), "{other:?}");
    let missing = verify(&["ours.json", "spare=ours.json"]);
    assert_eq!(missing.code, 5, "{missing:?}");
    assert!(
        missing.out.contains("trust-root-unavailable"),
        "{missing:?}"
    );
}
