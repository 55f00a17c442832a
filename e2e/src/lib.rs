//! The harness of floe's end-to-end tests: real components on loopback, typed.
//!
//! [`parts`] builds or finds the programs; [`cluster`] starts etcd and an API
//! server and speaks to it; [`registry`] starts a registry and makes images
//! without a network; [`cosign`] signs them the way people do;
//! [`sigstore`] is a Sigstore of one's own to sign against; [`floe`] is the one
//! place that knows the command line and the settings file of the program
//! under test; [`gate`] puts these together for one test: a namespace of its
//! own, a webhook of its own, and `admits` and `refuses`.
//!
//! This is test code: what cannot be set up is a panic that says what was
//! tried, because a test that could not run has failed.

pub mod cluster;
pub mod cosign;
pub mod cosign_opinion;
pub mod floe;
pub mod gate;
pub mod http;
pub mod mirror;
pub mod object;
pub mod parts;
pub mod pki;
pub mod process;
pub mod recorder;
pub mod registry;
pub mod scratch;
pub mod second_opinion;
pub mod sigstore;
pub mod tuf;
