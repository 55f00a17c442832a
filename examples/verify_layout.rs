//! May this image run? A reference in an OCI image layout, judged by a policy,
//! with nothing but the pure core: no async runtime, no network.
//!
//! ```text
//! cargo run --no-default-features --example verify_layout -- LAYOUT POLICY REFERENCE
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use floe::policy::{PolicyDocument, compile};
use floe::source::layout::Layout;
use floe::trust::{Material, MaterialRef, Materials, PublicKey};
use floe::verdict::{Decision, Subject};
use floe::verifier::{Blocking, Limits, Request, Verifier};

#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layout, policy, reference] = arguments.as_slice() else {
        return Err("usage: verify_layout LAYOUT POLICY REFERENCE".into());
    };

    // What is demanded: the policy, and the keys that it names.
    let text = std::fs::read_to_string(policy)?;
    let origin = policy.into();
    let compiled =
        compile(&[PolicyDocument { origin, text }]).map_err(|problems| format!("{problems:#?}"))?;
    let mut keys = Materials::default();
    for key in compiled.materials() {
        if let MaterialRef::File(path) = &key {
            let pem = std::fs::read_to_string(path)?;
            let material = Material::Key(PublicKey::from_pem(&pem)?);
            keys.insert(key, Ok(material));
        }
    }

    // What there is, and the verdict.
    let verifier = Verifier::new(Layout::open(layout)?, Blocking, Limits::default());
    let verdict = Blocking.run(verifier.verify(Request {
        reference: &reference.parse()?,
        subject: &Subject::default(),
        policies: &compiled.bind(&keys),
        at: jiff::Timestamp::now(),
        deadline: Instant::now() + Duration::from_secs(10),
    }));
    for finding in verdict.all_findings() {
        println!("{}: {}", finding.code.as_str(), finding.message);
    }
    match verdict.decision() {
        Decision::Allow => Ok(()),
        Decision::Deny => Err(format!("{reference} is refused").into()),
    }
}
