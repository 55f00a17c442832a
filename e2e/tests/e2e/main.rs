//! floe against a real API server, real registries and real cosign.
//!
//! Every answer of the API server is compared with `floe verify` over the same
//! review and the same object, inside the harness. A missing part is a failure.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attested;
mod differential;
mod documented;
mod fixtures;
mod identities;
mod indexes;
mod keyless;
mod mirrors;
mod opinions;
mod outcomes;
mod places;
mod reading;
mod refused;
mod signed;
mod trust_roots;
mod whereabouts;
