//! This program as a server: `--serve WHAT HTTPS-ADDRESS PLAIN-ADDRESS FOLDER`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use floe::admission::{Coverage, Gate, PolicyState};
use floe::config::Settings;
use floe::policy::{PolicyDocument, compile};
use floe::source::registry::{HostOptions, Options, Registry};
use floe::trust::Materials;
use floe::verifier::{Limits, Tokio, Verifier};

use crate::stack::{self, Answering};

type Served = Gate<Registry, Tokio>;

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let [what, address, plain, folder] = arguments else {
        eprintln!("--serve parse|constant|gate HTTPS-ADDRESS PLAIN-ADDRESS FOLDER");
        return ExitCode::FAILURE;
    };
    let folder = Path::new(folder);
    let text = std::fs::read_to_string(folder.join("floe.yaml")).expect("settings");
    let settings = Settings::parse(&folder.join("floe.yaml"), &text).expect("settings");
    let address = address.parse().expect("an address");
    let plain = Some(plain.parse().expect("an address"));
    let names = || vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut state = Some(policies(&settings));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let gate = Arc::new(gate(&settings));
        if what == "gate" {
            // As shipped, but without the line in the log.
            let certificate = floe::webhook::ServingCertificate::SelfSigned {
                names: names(),
                ca_out: None,
            };
            let poll = Box::new(move || state.take());
            let mut options = floe::webhook::ServeOptions::new(address, certificate, poll);
            options.metrics_listen = plain;
            let running = floe::webhook::start(gate, options).await;
            running.expect("a server").until_signal().await
        } else {
            stack::answer_with(match what.as_str() {
                "parse" => Answering::Parsed,
                _ => Answering::Constant,
            });
            let certificate = stack::ServingCertificate::SelfSigned {
                names: names(),
                ca_out: None,
            };
            let poll = Box::new(move || state.take());
            let mut options = stack::ServeOptions::new(address, certificate, poll);
            options.metrics_listen = plain;
            let running = stack::start(gate, options).await;
            running.expect("a server").until_signal().await
        }
        .expect("signals");
    });
    ExitCode::SUCCESS
}

fn policies(settings: &Settings) -> PolicyState {
    let documents: Vec<_> = settings
        .policies
        .iter()
        .map(|path| PolicyDocument {
            origin: path.display().to_string().into(),
            text: std::fs::read_to_string(path).expect("a policy"),
        })
        .collect();
    let compiled = compile(&documents).expect("policies that compile");
    PolicyState::Ready(Arc::new(compiled.bind(&Materials::default())))
}

fn gate(settings: &Settings) -> Served {
    let mut options = Options::default();
    for entry in &settings.registries {
        let host = HostOptions {
            insecure_http: entry.insecure_http,
            ..HostOptions::default()
        };
        options.hosts.insert(entry.registry.clone(), host);
    }
    let registry = Registry::new(options).expect("a registry client");
    let verifier = Verifier::new(registry, Tokio, Limits::default());
    Gate::new(verifier, Coverage::builtin(), Box::new(|_| None))
}
