//! The list itself: what is used, in which version, and how it is made.

/// One program, pinned.
#[derive(Debug)]
pub struct Part {
    /// What the tests call it.
    pub name: &'static str,
    /// Upstream version. For Go parts `go.mod` and `go.sum` hold the pin; a
    /// build whose `go.mod` does not name this version is refused.
    pub version: &'static str,
    /// How it is made.
    pub recipe: Recipe,
    /// Who needs it.
    pub used_by: Use,
}

/// Who needs a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The end-to-end tests.
    Tests,
    /// Only the continuous integration run.
    Ci,
}

/// How a part is made from its published source.
#[derive(Debug)]
pub enum Recipe {
    /// `go build` of a package in a module under `e2e/parts/`.
    Go {
        /// Folder under `e2e/parts/`.
        module: &'static str,
        /// Import path of the command, or `.`.
        package: &'static str,
        /// The required module whose version is [`Part::version`].
        pin: &'static str,
        /// File name of the result.
        binary: &'static str,
        /// Linker flags after `-s -w`.
        ldflags: &'static str,
    },
    /// `cargo install --locked` of a published package.
    Cargo {
        /// Package, and name of its binary.
        package: &'static str,
    },
}

/// The API server reports what is linked into it; without these it calls itself
/// v0.0.0 and refuses to compare itself with its own feature gates.
const KUBERNETES_VERSION: &str = "\
    -X k8s.io/component-base/version.gitVersion=v1.37.1 \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=37 \
    -X k8s.io/component-base/version.gitTreeState=clean \
    -X k8s.io/component-base/version.gitCommit=goproxy \
    -X k8s.io/component-base/version.buildDate=1970-01-01T00:00:00Z";

/// Every part, the quick ones first so that a broken toolchain shows early.
pub const ALL: &[Part] = &[
    Part {
        name: "crane",
        version: "0.22.1",
        recipe: Recipe::Go {
            module: "crane",
            package: "github.com/google/go-containerregistry/cmd/crane",
            pin: "github.com/google/go-containerregistry",
            binary: "crane",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    // The reference implementation: no referrers API.
    Part {
        name: "distribution",
        version: "3.1.2",
        recipe: Recipe::Go {
            module: "registry",
            package: ".",
            pin: "github.com/distribution/distribution/v3",
            binary: "registry",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    // A registry with the referrers API.
    Part {
        name: "ferro",
        version: "1.0.0",
        recipe: Recipe::Cargo {
            package: "ferro-oci-server",
        },
        used_by: Use::Tests,
    },
    // etcd keeps the minor version that Kubernetes requires.
    Part {
        name: "etcd",
        version: "3.7.3",
        recipe: Recipe::Go {
            module: "kubernetes",
            package: "go.etcd.io/etcd/server/v3",
            pin: "go.etcd.io/etcd/server/v3",
            binary: "etcd",
            ldflags: KUBERNETES_VERSION,
        },
        used_by: Use::Tests,
    },
    Part {
        name: "kubectl",
        version: "1.37.1",
        recipe: Recipe::Go {
            module: "kubernetes",
            package: "k8s.io/kubernetes/cmd/kubectl",
            pin: "k8s.io/kubernetes",
            binary: "kubectl",
            ldflags: KUBERNETES_VERSION,
        },
        used_by: Use::Tests,
    },
    // The Merkle trees behind the certificate log and Rekor v1, in memory.
    Part {
        name: "trillian",
        version: "1.8.0",
        recipe: Recipe::Go {
            module: "trillian",
            package: ".",
            pin: "github.com/google/trillian",
            binary: "trillian",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "rekor-tiles",
        version: "2.3.0",
        recipe: Recipe::Go {
            module: "rekor-tiles",
            package: "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix",
            pin: "github.com/sigstore/rekor-tiles/v2",
            binary: "rekor-server-v2",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    // A second implementation of Sigstore, to be compared with.
    Part {
        name: "sigstore-go",
        version: "1.3.0",
        recipe: Recipe::Go {
            module: "sigstore-go",
            package: ".",
            pin: "github.com/sigstore/sigstore-go",
            binary: "second-opinion",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "timestamp-authority",
        version: "2.1.3",
        recipe: Recipe::Go {
            module: "timestamp",
            package: ".",
            pin: "github.com/sigstore/timestamp-authority/v2",
            binary: "timestamp-server",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "fulcio",
        version: "1.8.8",
        recipe: Recipe::Go {
            module: "fulcio",
            package: ".",
            pin: "github.com/sigstore/fulcio",
            binary: "fulcio",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "ct-server",
        version: "1.4.0",
        recipe: Recipe::Go {
            module: "ctlog",
            package: "github.com/google/certificate-transparency-go/trillian/ctfe/ct_server",
            pin: "github.com/google/certificate-transparency-go",
            binary: "ct_server",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "rekor",
        version: "1.5.4",
        recipe: Recipe::Go {
            module: "rekor",
            package: ".",
            pin: "github.com/sigstore/rekor",
            binary: "rekor-server",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "cosign2",
        version: "2.6.5",
        recipe: Recipe::Go {
            module: "cosign2",
            package: "github.com/sigstore/cosign/v2/cmd/cosign",
            pin: "github.com/sigstore/cosign/v2",
            binary: "cosign",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "cosign3",
        version: "3.1.3",
        recipe: Recipe::Go {
            module: "cosign3",
            package: "github.com/sigstore/cosign/v3/cmd/cosign",
            pin: "github.com/sigstore/cosign/v3",
            binary: "cosign",
            ldflags: "",
        },
        used_by: Use::Tests,
    },
    Part {
        name: "kube-apiserver",
        version: "1.37.1",
        recipe: Recipe::Go {
            module: "kubernetes",
            package: "k8s.io/kubernetes/cmd/kube-apiserver",
            pin: "k8s.io/kubernetes",
            binary: "kube-apiserver",
            ldflags: KUBERNETES_VERSION,
        },
        used_by: Use::Tests,
    },
    Part {
        name: "cargo-deny",
        version: "0.20.2",
        recipe: Recipe::Cargo {
            package: "cargo-deny",
        },
        used_by: Use::Ci,
    },
];
