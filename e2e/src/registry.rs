//! Real registries on loopback, and images made without a network.

use std::{fmt, process::Command, sync::LazyLock};

use aws_lc_rs::digest;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    cluster::part,
    http::{self, Response},
    object::fresh_name,
    process::{self, Process},
    scratch::Scratch,
};

/// Media type of the image manifests made here.
pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index, the fallback tag's included.
pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Media type of a Sigstore bundle.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// distribution: no referrers API, so referrers are found by the fallback
    /// tag.
    Distribution,
    /// ferro-oci-server: with the referrers API.
    Ferro,
}

/// A running registry, over plain HTTP, without credentials.
#[derive(Debug)]
pub struct Registry {
    host: String,
    client: Client,
    process: Process,
    _scratch: Scratch,
}

/// An image that was pushed.
#[derive(Debug, Clone)]
pub struct Image {
    /// Host and path, without tag or digest.
    pub name: String,
    /// The path alone.
    pub repository: String,
    /// The tag that it was pushed under.
    pub tag: String,
    /// Digest of the manifest, as computed here from the bytes that were sent.
    pub digest: String,
}

impl Image {
    /// `NAME@DIGEST`.
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.name, self.digest)
    }

    /// `NAME:TAG`.
    pub fn tagged(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }

    /// The tag under which cosign 2 keeps the signatures of this image.
    pub fn signature_tag(&self) -> String {
        format!("{}.sig", self.fallback_tag())
    }

    /// The tag that lists referrers where the registry has no API for them.
    pub fn fallback_tag(&self) -> String {
        self.digest.replace(':', "-")
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pinned())
    }
}

impl Registry {
    /// The registry of this kind that all tests of this process share. A test
    /// uses repositories of its own.
    ///
    /// # Panics
    ///
    /// The part is missing or does not become ready.
    pub fn shared(kind: Kind) -> &'static Self {
        static DISTRIBUTION: LazyLock<Registry> =
            LazyLock::new(|| Registry::start(Kind::Distribution));
        static FERRO: LazyLock<Registry> = LazyLock::new(|| Registry::start(Kind::Ferro));
        match kind {
            Kind::Distribution => &DISTRIBUTION,
            Kind::Ferro => &FERRO,
        }
    }

    /// A registry for one test, which may stop it.
    ///
    /// # Panics
    ///
    /// The part is missing or does not become ready.
    pub fn start(kind: Kind) -> Self {
        let scratch = Scratch::new();
        let [port] = process::free_ports();
        let host = format!("127.0.0.1:{port}");
        let command = match kind {
            Kind::Distribution => {
                let config = scratch.write(
                    "config.yml",
                    json!({
                        "version": 0.1,
                        "log": {"level": "warn"},
                        "storage": {"inmemory": {}, "delete": {"enabled": true}},
                        "http": {"addr": host},
                    })
                    .to_string(),
                );
                let mut command = Command::new(part("distribution"));
                command
                    .arg("serve")
                    .arg(config)
                    .env("OTEL_TRACES_EXPORTER", "none");
                command
            }
            Kind::Ferro => {
                let mut command = Command::new(part("ferro"));
                command
                    .env("FERRO_OCI_LISTEN", &host)
                    .current_dir(scratch.path());
                command
            }
        };
        let mut process = Process::start("registry", &command, scratch.path());
        let client = http::plain_client();
        process.wait_until_ready(|| {
            http::send(client.get(format!("http://{host}/v2/")))
                .is_ok_and(|answer| answer.status.is_success())
                .then_some(())
        });
        Self {
            host,
            client,
            process,
            _scratch: scratch,
        }
    }

    /// `ADDRESS:PORT`, as references begin.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Stops it: connections are refused from now on.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Pushes a new image, unlike any other, to a repository of its own.
    ///
    /// # Panics
    ///
    /// The registry does not take it.
    pub fn push_fresh_image(&self) -> Image {
        self.push_image(&fresh_name("team/app"))
    }

    /// Pushes a new image, unlike any other, to a repository.
    ///
    /// # Panics
    ///
    /// The registry does not take it.
    pub fn push_image(&self, repository: &str) -> Image {
        let tag = fresh_name("v1");
        let layer = self.push_blob(
            repository,
            "application/vnd.oci.image.layer.v1.tar",
            &[0; 1024],
        );
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": {"Labels": {"build": format!("{}/{repository}:{tag}", self.host)}},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let config = self.push_blob(
            repository,
            "application/vnd.oci.image.config.v1+json",
            config.to_string().as_bytes(),
        );
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": [layer],
        });
        let digest = self.put_manifest(
            repository,
            &tag,
            IMAGE_MANIFEST,
            manifest.to_string().as_bytes(),
        );
        Image {
            name: format!("{}/{repository}", self.host),
            repository: repository.to_owned(),
            tag,
            digest,
        }
    }

    /// Pushes a blob and gives its descriptor.
    ///
    /// # Panics
    ///
    /// The registry does not take it.
    pub fn push_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
        let started = self.send(Method::POST, &format!("{repository}/blobs/uploads/"), None);
        assert_eq!(started.status, 202, "{}", started.text());
        let location = started.headers["location"]
            .to_str()
            .expect("a location is text");
        let location = match location.strip_prefix('/') {
            Some(path) => format!("http://{}/{path}", self.host),
            None => location.to_owned(),
        };
        let digest = sha256(bytes);
        let separator = if location.contains('?') { '&' } else { '?' };
        let stored = http::send(
            self.client
                .put(format!("{location}{separator}digest={digest}"))
                .header("Content-Type", "application/octet-stream")
                .body(bytes.to_vec()),
        )
        .expect("the registry answers");
        assert_eq!(stored.status, 201, "{}", stored.text());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Stores a manifest under a tag or its digest, and gives the digest.
    ///
    /// # Panics
    ///
    /// The registry does not take it.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> String {
        let answer = self.send(
            Method::PUT,
            &format!("{repository}/manifests/{reference}"),
            Some((media_type, bytes)),
        );
        assert_eq!(answer.status, 201, "{reference}: {}", answer.text());
        sha256(bytes)
    }

    /// Stores a manifest under its own digest, and gives it.
    ///
    /// # Panics
    ///
    /// The registry does not take it.
    pub fn put_by_digest(&self, repository: &str, media_type: &str, bytes: &[u8]) -> String {
        self.put_manifest(repository, &sha256(bytes), media_type, bytes)
    }

    /// Attaches any bytes to an image as if they were a Sigstore bundle: as a
    /// referrer, and under the fallback tag where the registry has no API.
    ///
    /// # Panics
    ///
    /// The registry does not take it.
    pub fn attach_bundle(&self, image: &Image, bundle: &[u8]) {
        let repository = &image.repository;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "artifactType": BUNDLE,
            "config": self.push_blob(repository, "application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [self.push_blob(repository, BUNDLE, bundle)],
            "subject": {
                "mediaType": IMAGE_MANIFEST, "digest": image.digest,
                "size": self.manifest_size(image),
            },
        })
        .to_string();
        let digest = self.put_by_digest(repository, IMAGE_MANIFEST, manifest.as_bytes());
        let offered = self.send(
            Method::GET,
            &format!("{repository}/referrers/{}", image.digest),
            None,
        );
        if !offered.status.is_success() {
            let index = json!({
                "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [{
                    "mediaType": IMAGE_MANIFEST, "artifactType": BUNDLE,
                    "digest": digest, "size": manifest.len(),
                }],
            });
            self.put_manifest(
                repository,
                &image.fallback_tag(),
                IMAGE_INDEX,
                index.to_string().as_bytes(),
            );
        }
    }

    /// The size of an image's manifest.
    ///
    /// # Panics
    ///
    /// It is not there.
    pub fn manifest_size(&self, image: &Image) -> usize {
        let path = format!("{}/manifests/{}", image.repository, image.digest);
        let answer = self.send(Method::GET, &path, None);
        assert_eq!(answer.status, 200, "{image}: {}", answer.text());
        answer.body.len()
    }

    /// Whether a tag is there.
    pub fn has_tag(&self, repository: &str, tag: &str) -> bool {
        let answer = self.send(Method::GET, &format!("{repository}/manifests/{tag}"), None);
        answer.status.is_success()
    }

    /// A manifest or index, by tag or digest.
    ///
    /// # Panics
    ///
    /// It is not there.
    pub fn manifest(&self, repository: &str, reference: &str) -> Value {
        let answer = self.send(
            Method::GET,
            &format!("{repository}/manifests/{reference}"),
            None,
        );
        assert_eq!(
            answer.status,
            200,
            "{repository}:{reference}: {}",
            answer.text()
        );
        answer.json()
    }

    /// A blob.
    ///
    /// # Panics
    ///
    /// It is not there.
    pub fn blob(&self, repository: &str, digest: &str) -> Vec<u8> {
        let answer = self.send(Method::GET, &format!("{repository}/blobs/{digest}"), None);
        assert_eq!(answer.status, 200, "{digest}: {}", answer.text());
        answer.body
    }

    /// The bundles that are attached to an image, as they are.
    ///
    /// # Panics
    ///
    /// What refers to the image cannot be read.
    pub fn bundles(&self, image: &Image) -> Vec<Vec<u8>> {
        let repository = &image.repository;
        let referrers = self.referrers(image);
        let manifests = referrers.iter().map(|descriptor| {
            let digest = descriptor["digest"].as_str().expect("a digest is text");
            self.manifest(repository, digest)
        });
        manifests
            .map(|manifest| manifest["layers"][0].clone())
            .filter(|layer| layer["mediaType"] == BUNDLE)
            .map(|layer| {
                let digest = layer["digest"].as_str().expect("a digest is text");
                self.blob(repository, digest)
            })
            .collect()
    }

    /// Descriptors of what refers to an image, by the API or the fallback tag.
    ///
    /// # Panics
    ///
    /// There is neither.
    pub fn referrers(&self, image: &Image) -> Vec<Value> {
        let answer = self.send(
            Method::GET,
            &format!("{}/referrers/{}", image.repository, image.digest),
            None,
        );
        let index = match answer.status.as_u16() {
            200 => answer.json(),
            _ => self.manifest(&image.repository, &image.fallback_tag()),
        };
        index["manifests"]
            .as_array()
            .expect("an index has manifests")
            .clone()
    }

    fn send(&self, method: Method, path: &str, body: Option<(&str, &[u8])>) -> Response {
        let mut request = self
            .client
            .request(method, format!("http://{}/v2/{path}", self.host))
            .header("Accept", format!("{IMAGE_MANIFEST}, {IMAGE_INDEX}"));
        if let Some((media_type, bytes)) = body {
            request = request
                .header("Content-Type", media_type)
                .body(bytes.to_vec());
        }
        http::send(request).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }
}

/// The digest of bytes, as OCI writes it.
pub fn sha256(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    let hex: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
