//! Bounds on everything that somebody else decides the size of.

use std::time::Duration;

/// Bounds of one verifier. The defaults are meant for production.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Budget of one flight, whoever waits for it. Longer than the longest
    /// deadline of an API server (30 s is its maximum, 10 s its default), a
    /// flight would work for nobody.
    pub gather_budget: Duration,
    /// How long an image that enforced policies admit from known facts waits for
    /// another look that only a warning could come from.
    pub warning_patience: Duration,
    /// Entries of a referrers listing that are looked at. Real images have a
    /// handful; a listing of a thousand is several pages long.
    pub max_referrers: usize,
    /// Attached manifests that are read for one image, the likeliest first.
    pub max_candidates: usize,
    /// Manifests of one image index, those of nested indexes included, that are
    /// read where a policy asks for them. Images for every platform that Go
    /// knows, each with an attestation, are some 60.
    pub index_manifests: usize,
    /// Indexes inside indexes that are read, the outermost counted. Real ones
    /// have one or two.
    pub index_depth: usize,
    /// Entries of one index whose evidence is looked up at once.
    pub children_at_once: usize,
    /// Requests of one flight that are under way at once.
    pub parallel_requests: usize,
    /// Flights under way for one registry at once; one more is an obstacle.
    pub flights_per_registry: usize,
    /// Flights under way for one namespace at once; one more is an obstacle, so
    /// that no tenant can use up what all share.
    pub flights_per_namespace: usize,
    /// Bytes of large documents (over 64 KiB) that are read for one location of
    /// one image; more is an obstacle. Signatures are small, and attestations
    /// with an SBOM have some MiB.
    pub document_bytes: u64,
    /// Bytes of documents that flights for one namespace hold at once.
    pub document_bytes_per_namespace: u64,
    /// Bytes of documents that all flights hold at once.
    pub document_bytes_at_once: u64,
    /// Weight of the evidence cache in bytes.
    pub evidence_bytes: u64,
    /// Weight of the cache of established facts in bytes: room for some 100,000.
    pub facts_bytes: u64,
    /// Weight of the cache of what manifests are, in bytes: room for some
    /// thousand indexes.
    pub tree_bytes: u64,
    /// Entries of the cache of absences.
    pub absences: u64,
    /// How long an empty location counts as empty. Somebody may be signing.
    pub absence_lifetime: Duration,
    /// Age at which evidence is looked at again in the background.
    pub soft_lifetime: Duration,
    /// Least time between two background looks while the registry gives
    /// obstacles.
    pub refresh_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gather_budget: Duration::from_secs(10),
            warning_patience: Duration::from_millis(200),
            max_referrers: 1000,
            max_candidates: 64,
            index_manifests: 64,
            index_depth: 4,
            children_at_once: 16,
            parallel_requests: 32,
            flights_per_registry: 512,
            flights_per_namespace: 256,
            document_bytes: 32 * 1024 * 1024,
            document_bytes_per_namespace: 128 * 1024 * 1024,
            document_bytes_at_once: 384 * 1024 * 1024,
            evidence_bytes: 64 * 1024 * 1024,
            facts_bytes: 64 * 1024 * 1024,
            tree_bytes: 8 * 1024 * 1024,
            absences: 10_000,
            absence_lifetime: Duration::from_secs(5),
            soft_lifetime: Duration::from_secs(10 * 60),
            refresh_interval: Duration::from_secs(30),
        }
    }
}
