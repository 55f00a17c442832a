//! A registry in this process, images in it, signed by a key of our own, the
//! reviews that name them, and the files that tell floe about all that.

use std::path::{Path, PathBuf};

use crate::reviews::{self, Detail};
use crate::support::authority::{Key, KeyKind, RepositoryContents};
use crate::support::hostile::Hostile;

/// The namespace that the policy is for.
pub(crate) const NAMESPACE: &str = "shop-prod";

pub(crate) struct World {
    pub(crate) registry: Hostile,
    pub(crate) folder: tempfile::TempDir,
    key: Key,
}

/// A body, and what to call it.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) bytes: usize,
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self {
            registry: Hostile::start().await,
            folder: tempfile::tempdir().expect("a folder"),
            key: Key::generate(KeyKind::P256),
        };
        let host = world.registry.host();
        let settings = format!(
            "apiVersion: floe.dev/v1\nkind: Settings\npolicies: [policy.yaml]\n\
             registries:\n  - {{ host: \"{host}\", insecureHTTP: true }}\n"
        );
        let policy = serde_json::json!({
            "apiVersion": "floe.dev/v1",
            "kind": "TrustPolicy",
            "metadata": {"name": "prod"},
            "spec": {
                "match": {"images": [format!("{host}/**")], "namespaces": {"names": ["shop-*"]}},
                "authorities": [{"name": "ci", "key": {"pem": world.key.pem()}}],
            },
        });
        world.write("floe.yaml", settings.as_bytes());
        world.write("policy.yaml", policy.to_string().as_bytes());
        world
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Pushes an image that nobody has seen yet, with a bundle by the key of
    /// the policy, and gives its pinned reference.
    pub(crate) fn signed_image(&self, name: &str) -> String {
        let mut contents = RepositoryContents::new();
        let image = contents.image(name);
        contents.sign_bundle(&image, &self.key);
        let repository = format!("shop/{name}");
        for bytes in contents.blobs.into_values() {
            self.registry.push_blob(bytes);
        }
        for (media_type, bytes) in contents.manifests.into_values() {
            self.registry
                .push_manifest(&repository, None, &media_type, bytes);
        }
        format!(
            "{}/{repository}:1.4.2@{}",
            self.registry.host(),
            image.digest
        )
    }

    pub(crate) fn signed_images(&self, name: &str, count: usize) -> Vec<String> {
        (0..count)
            .map(|number| self.signed_image(&format!("{name}-{number}")))
            .collect()
    }

    /// A review of a Pod with these images, in a file.
    pub(crate) fn load(&self, name: &'static str, images: &[String], detail: Detail) -> Load {
        let body = reviews::pod(NAMESPACE, images, detail);
        Load {
            name,
            path: self.write(&format!("{name}.json"), body.as_bytes()),
            bytes: body.len(),
        }
    }
}
