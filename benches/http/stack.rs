//! The servers that floe is measured against: its own accept loop, TLS, HTTP
//! and body handling – the very files of `floe::webhook` – with another answer
//! at the end.
//!
//! The files are included and not called, because a way to put another handler
//! into the server would be a way into the product that nobody else needs.

#[path = "../../src/webhook/certificate.rs"]
mod certificate;
#[path = "../../src/webhook/connections.rs"]
mod connections;
#[path = "../../src/webhook/http.rs"]
mod http;
#[path = "../../src/webhook/options.rs"]
mod options;
#[path = "../../src/webhook/reload.rs"]
mod reload;
#[path = "../../src/webhook/server.rs"]
mod server;
mod service;

pub(crate) use options::{ServeOptions, ServingCertificate};
pub(crate) use server::start;
pub(crate) use service::{Answering, answer_with};
