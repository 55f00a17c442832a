//! The HTTPS server that the API server calls.
//!
//! A thin shell around [`crate::admission::Gate`]: accept, read a bounded body,
//! read the clock once, decide, write. [`start`] binds and returns a
//! [`Running`], which knows the address and can be asked to stop.

mod certificate;
mod connections;
mod http;
mod options;
mod reload;
mod server;
mod service;

pub use certificate::{CertificateError, SelfSigned, self_signed};
pub use options::{PolicyPoll, ServeError, ServeOptions, ServingCertificate};
pub use server::{Running, start};
