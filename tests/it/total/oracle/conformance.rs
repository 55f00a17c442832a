//! The same with the published cases that are accepted.

use std::fs;
use std::path::PathBuf;

use floe::trust::{PublicKey, Signers};
use sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;
use sigstore_verify::types::DerPublicKey;
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy};

use super::Judges;
use crate::total::holds;

#[test]
#[ignore = "needs FLOE_CONFORMANCE_VECTORS; ./test runs it where that is set"]
fn a_changed_published_case_that_another_verifier_refuses_is_refused() {
    let folder = std::env::var_os("FLOE_CONFORMANCE_VECTORS")
        .expect("FLOE_CONFORMANCE_VECTORS names the folder of the cases");
    let folder = PathBuf::from(folder).join("sigstore-bundle");
    let mut compared = 0;
    for entry in fs::read_dir(&folder).expect("a folder") {
        let case = entry.expect("an entry").path();
        let name = case.file_name().expect("a name").to_string_lossy();
        let Ok(bundle) = fs::read(case.join("bundle.sigstore.json")) else {
            continue;
        };
        if name.ends_with("_fail") {
            continue;
        }
        let artifact = fs::read(case.join("artifact")).or_else(|_| fs::read(folder.join("a.txt")));
        let artifact = artifact.expect("what was signed");
        let root = fs::read_to_string(case.join("trusted_root.json"));
        let root = root.unwrap_or_else(|_| SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned());
        let (signers, policy): (_, Box<dyn Policy + Send + Sync>) =
            match fs::read_to_string(case.join("key.pub")) {
                Ok(pem) => {
                    let key = DerPublicKey::from_pem(&pem).expect("a key");
                    (
                        Signers::Keys(vec![PublicKey::from_pem(&pem).expect("a key")]),
                        Box::new(PublicKeyVerificationPolicy::new(key)),
                    )
                }
                Err(_) => (
                    Signers::Keyless,
                    Box::new(VerificationPolicy::any_identity()),
                ),
            };
        let judges = Judges::new(&root, signers, policy);
        holds(60, &[bundle], |bytes| judges.agree(bytes, &artifact));
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} cases");
}
