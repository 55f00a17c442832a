//! floe decides whether an OCI artifact may run: what was published, who
//! signed it, and whether a policy accepts that – with the reason in words.
//!
//! The crate is layered, and imports point down only (`tests/it/architecture.rs`
//! holds the table):
//!
//! * the *pure core* – [`oci`], [`evidence`], [`trust`], [`verdict`],
//!   [`policy`] – has no async runtime, socket, environment or clock: time is a
//!   value that the caller passes in;
//! * the *port and pipeline* – [`source`], [`verifier`] – is async on any
//!   executor and turns a reference into a [`verdict::Verdict`];
//! * the *shells* – the admission webhook and the command line – only read,
//!   call and render.
//!
//! Without Cargo features the crate is the core plus the OCI image layout on
//! disk. `client` adds registries over HTTP; `webhook` (the default) adds the
//! admission server and the `floe` binary.

#[cfg(feature = "webhook")]
pub mod admission;
#[cfg(feature = "webhook")]
pub mod cli;
#[cfg(feature = "webhook")]
pub mod config;
pub mod evidence;
pub mod oci;
pub mod policy;
#[cfg(feature = "client")]
pub mod roots;
pub mod source;
#[cfg(feature = "webhook")]
pub mod telemetry;
pub mod trust;
pub mod verdict;
pub mod verifier;
#[cfg(feature = "webhook")]
pub mod webhook;
