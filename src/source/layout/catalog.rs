//! What a layout lists, directly and through nested indexes.

use std::collections::{HashMap, HashSet};

use super::files::{Files, ReadError};
use crate::oci::{Content, Descriptor, Digest, ImageIndex, Manifest, media_type};

/// Longest manifest or index that is read, as registries bound it too.
pub(super) const MAX_MANIFEST: u64 = 4 * 1024 * 1024;
/// Manifests that are looked at before the listing counts as cut off. Enough
/// for a mirror of thousands of images; a bound on the memory of one layout.
const MAX_ENTRIES: usize = 20_000;
/// Indexes inside indexes. Images of many platforms need two; a loop none.
const MAX_DEPTH: usize = 8;
/// Longest orphaned blob that is tried as a manifest. Manifests that attach
/// something have a few hundred bytes; layers are not worth reading.
const MAX_ORPHAN: u64 = 256 * 1024;

/// cosign marks what it saves with this annotation of the descriptor.
pub(super) const COSIGN_KIND: &str = "kind";
pub(super) const COSIGN_IMAGE: &str = "dev.cosignproject.cosign/image";
pub(super) const COSIGN_INDEX: &str = "dev.cosignproject.cosign/imageIndex";
pub(super) const COSIGN_SIGNATURES: &str = "dev.cosignproject.cosign/sigs";
pub(super) const COSIGN_ATTESTATIONS: &str = "dev.cosignproject.cosign/atts";

/// Everything that a layout lists.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Each listed digest with its descriptor.
    known: HashMap<Digest, Descriptor>,
    /// Manifests by the subject that they name themselves.
    attached: HashMap<Digest, Vec<Descriptor>>,
    /// Manifests that could not be read, so that nobody can say what they are
    /// attached to.
    unreadable: Vec<Descriptor>,
    /// Whether a bound was reached before the end of the listing.
    truncated: bool,
}

impl Catalog {
    /// Reads every manifest that `index` lists.
    pub(super) fn read(files: &Files, index: &ImageIndex) -> Self {
        let mut catalog = Self::default();
        let mut visited = HashSet::new();
        catalog.add(files, &index.manifests, 0, &mut visited);
        if is_saved_by_cosign(index) {
            catalog.add_orphans(files);
        }
        catalog
    }

    /// The descriptor of a digest that the layout lists.
    pub(super) fn get(&self, digest: &Digest) -> Option<&Descriptor> {
        self.known.get(digest)
    }

    /// What is, or may be, attached to `subject`: the manifests that name it,
    /// then those that could not be read. The second part makes an unreadable
    /// manifest an obstacle for whoever reads it next, instead of an absence.
    pub(super) fn attached(&self, subject: &Digest) -> Vec<Descriptor> {
        let named = self.attached.get(subject).into_iter().flatten();
        let unknown = self.unreadable.iter().filter(|d| d.digest != *subject);
        named.chain(unknown).cloned().collect()
    }

    pub(super) const fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn add(
        &mut self,
        files: &Files,
        entries: &[Descriptor],
        depth: usize,
        visited: &mut HashSet<Digest>,
    ) {
        for entry in entries {
            if !visited.insert(entry.digest) {
                continue;
            }
            if self.known.len() == MAX_ENTRIES {
                self.truncated = true;
                return;
            }
            self.known.insert(entry.digest, entry.clone());
            if !is_manifest(&entry.media_type) {
                continue;
            }
            let Some(manifest) = read_manifest(files, entry) else {
                self.unreadable.push(entry.clone());
                continue;
            };
            if let Some(subject) = manifest.subject() {
                self.attach(subject.digest, entry.clone());
            }
            if let Manifest::Index(nested) = manifest {
                if depth == MAX_DEPTH {
                    self.truncated = true;
                } else {
                    self.add(files, &nested.manifests, depth + 1, visited);
                }
            }
        }
    }

    /// `cosign save` of version 3 writes each attached bundle as a layout of
    /// its own into the same folder and overwrites `index.json` each time: the
    /// bundles are there, and only the image is listed. In such a layout the
    /// blobs themselves are looked through for manifests with a subject.
    fn add_orphans(&mut self, files: &Files) {
        let Ok((digests, more)) = files.blobs(MAX_ENTRIES) else {
            self.truncated = true;
            return;
        };
        self.truncated |= more;
        for digest in digests {
            if self.known.contains_key(&digest) {
                continue;
            }
            match files.read(&Files::blob_path(&digest), MAX_ORPHAN) {
                Ok(bytes) if bytes.first() == Some(&b'{') => {
                    let size = bytes.len() as u64;
                    let Ok(content) =
                        Content::check_digest(digest, media_type::IMAGE_MANIFEST, bytes)
                    else {
                        continue;
                    };
                    if let Ok(manifest @ Manifest::Image(_)) = Manifest::parse(&content)
                        && let Some(subject) = manifest.subject()
                    {
                        let mut entry = Descriptor::new(media_type::IMAGE_MANIFEST, digest, size);
                        entry.artifact_type = manifest.artifact_type().map(str::to_owned);
                        self.attach(subject.digest, entry.clone());
                        self.known.insert(digest, entry);
                    }
                }
                // Layers and configurations, most of them.
                Ok(_) | Err(ReadError::TooLarge(_)) => {}
                Err(_) => self.truncated = true,
            }
        }
    }

    fn attach(&mut self, subject: Digest, entry: Descriptor) {
        self.attached.entry(subject).or_default().push(entry);
    }
}

fn is_saved_by_cosign(index: &ImageIndex) -> bool {
    index.manifests.iter().any(|entry| {
        matches!(
            entry.annotations.get(COSIGN_KIND).map(String::as_str),
            Some(COSIGN_IMAGE | COSIGN_INDEX)
        )
    })
}

fn is_manifest(text: &str) -> bool {
    matches!(
        text,
        media_type::IMAGE_MANIFEST
            | media_type::IMAGE_INDEX
            | media_type::DOCKER_MANIFEST
            | media_type::DOCKER_LIST
    )
}

fn read_manifest(files: &Files, entry: &Descriptor) -> Option<Manifest> {
    let bytes = files
        .read(&Files::blob_path(&entry.digest), MAX_MANIFEST)
        .ok()?;
    let content = Content::check(entry, bytes).ok()?;
    Manifest::parse(&content).ok()
}
