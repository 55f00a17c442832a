//! OCI image layouts on disk: what is there, what is not, and what cannot be
//! said. The layouts under `tests/data/layouts` were written by cosign itself.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use floe::oci::{Descriptor, Digest, Manifest, PinnedReference, Repository, Tag, media_type};
use floe::source::layout::{Layout, LayoutError};
use floe::source::{ReferrersVia, Source, SourceError};
use futures_util::FutureExt;

/// The image in the layouts that cosign saved.
const SAVED: &str = "sha256:01e0c2e88bfa86614e5f4e60c154aafa993b69e1d9e32c799064e0f3cc447318";
/// The index of that image.
const SAVED_INDEX: &str = "sha256:86d519df9655590ce37ab713e70750823d5062a78da59f99534f7bf2af3a4200";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Runs what must not wait for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("layouts never wait")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn repository() -> Repository {
    "registry.example.com/app".parse().expect("a repository")
}

fn pin(digest: Digest) -> PinnedReference {
    repository().pin(digest)
}

fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

fn saved(name: &str) -> Layout {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/layouts");
    Layout::open(folder.join(name)).expect("a layout")
}

fn kind<T: std::fmt::Debug>(result: Result<T, SourceError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(SourceError::NotFound { .. }) => "not found",
        Err(SourceError::Layout { .. }) => "layout",
        Err(SourceError::TooLarge { .. }) => "too large",
        Err(SourceError::DigestMismatch { .. }) => "digest mismatch",
        Err(SourceError::Malformed { .. }) => "malformed",
        Err(SourceError::TimedOut { .. }) => "timed out",
        Err(other) => panic!("{other:?}"),
    }
}

/// A layout that is being written.
struct Draft {
    folder: tempfile::TempDir,
    entries: Vec<String>,
}

impl Draft {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("blobs/sha256")).expect("made");
        let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
        fs::write(folder.path().join("oci-layout"), marker).expect("written");
        Self {
            folder,
            entries: Vec::new(),
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.path().join("blobs/sha256").join(digest.hex())
    }

    fn blob(&self, bytes: impl AsRef<[u8]>) -> Digest {
        let digest = Digest::sha256(bytes.as_ref());
        fs::write(self.path(digest), bytes).expect("written");
        digest
    }

    /// Writes a manifest and returns its entry for an index.
    fn image(&self, comment: &str, subject: Option<Digest>) -> (Digest, String) {
        let config = self.blob("{}");
        let subject = subject.map_or(String::new(), |digest| {
            format!(
                r#","subject":{}"#,
                entry(media_type::IMAGE_MANIFEST, digest, 1, "")
            )
        });
        self.manifest(
            media_type::IMAGE_MANIFEST,
            format!(
                r#"{{"schemaVersion":2,"config":{},"layers":[],"annotations":{{"c":"{comment}"}}{subject}}}"#,
                entry(media_type::EMPTY, config, 2, "")
            ),
        )
    }

    fn index(&self, entries: &[String]) -> (Digest, String) {
        self.manifest(media_type::IMAGE_INDEX, index(entries))
    }

    fn manifest(&self, media_type: &str, text: String) -> (Digest, String) {
        let digest = self.blob(&text);
        (digest, entry(media_type, digest, text.len(), ""))
    }

    fn list(&mut self, entry: &str) {
        self.entries.push(entry.to_owned());
    }

    fn list_as(&mut self, entry: &str, name: &str) {
        let named = entry.strip_suffix('}').expect("an object");
        self.entries.push(format!(
            r#"{named},"annotations":{{"{REF_NAME}":"{name}"}}}}"#
        ));
    }

    fn open(&self) -> Layout {
        fs::write(self.folder.path().join("index.json"), index(&self.entries)).expect("written");
        Layout::open(self.folder.path()).expect("a layout")
    }
}

fn entry(media_type: &str, digest: Digest, size: usize, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{more}}}"#)
}

fn index(entries: &[String]) -> String {
    format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        entries.join(",")
    )
}

#[test]
fn what_cosign_2_saves_has_its_signature_and_attestation_under_their_tags() {
    let layout = saved("cosign-2.6.5");
    let digest: Digest = SAVED.parse().expect("a digest");
    now(layout.probe(&pin(digest), soon())).expect("there");
    for suffix in ["sig", "att"] {
        let tag = Tag::cosign(&digest, suffix);
        let content = now(layout.manifest_by_tag(&repository(), &tag, soon())).expect("there");
        let Ok(Manifest::Image(image)) = Manifest::parse(&content) else {
            panic!("{suffix} is an image manifest");
        };
        assert_eq!(image.layers.len(), 1, "{suffix}");
        let layer = now(layout.blob(&repository(), &image.layers[0], 1 << 20, soon()));
        assert_eq!(kind(layer), "ok", "{suffix}");
        let other = Tag::cosign(&Digest::sha256(b"another"), suffix);
        let got = now(layout.resolve(&repository(), &other, soon()));
        assert_eq!(kind(got), "not found", "{suffix} of another image");
    }
    let listing = now(layout.referrers(&pin(digest), 10, soon())).expect("listed");
    assert_eq!((listing.entries.len(), listing.truncated), (0, false));
}

#[test]
fn bundles_that_cosign_3_saves_without_listing_them_are_found() {
    for (name, subject, bundles) in [
        ("cosign-3.1.3", SAVED, 2),
        ("cosign-3.1.3-index", SAVED_INDEX, 1),
    ] {
        let layout = saved(name);
        let image = pin(subject.parse().expect("a digest"));
        let listing = now(layout.referrers(&image, 10, soon())).expect("listed");
        assert_eq!(listing.entries.len(), bundles, "{name}");
        assert_eq!(listing.via, ReferrersVia::Layout);
        for entry in &listing.entries {
            let content = now(layout.manifest(&pin(entry.digest), soon())).expect("there");
            let manifest = Manifest::parse(&content).expect("a manifest");
            let attached_to = manifest.subject().map(|subject| subject.digest);
            assert_eq!(attached_to, Some(image.digest()), "{name}");
            let Manifest::Image(manifest) = manifest else {
                panic!("a bundle is an image manifest");
            };
            let bundle = now(layout.blob(&repository(), &manifest.layers[0], 1 << 20, soon()));
            assert_eq!(kind(bundle), "ok", "{name}");
        }
    }
    let digest: Digest = SAVED.parse().expect("a digest");
    let sig = Tag::cosign(&digest, "sig");
    let got = now(saved("cosign-3.1.3").manifest_by_tag(&repository(), &sig, soon()));
    assert_eq!(kind(got), "ok");
}

#[test]
fn an_unlisted_manifest_counts_only_in_a_layout_that_cosign_saved() {
    let mut draft = Draft::new();
    let (subject, image) = draft.image("image", None);
    draft.image("attached", Some(subject));
    draft.list(&image);
    let listing = now(draft.open().referrers(&pin(subject), 10, soon())).expect("listed");
    assert_eq!(listing.entries.len(), 0);
}

#[test]
fn a_tag_is_a_name_alone_or_in_a_full_reference_to_the_same_repository() {
    let mut draft = Draft::new();
    let (one, first) = draft.image("one", None);
    let (two, second) = draft.image("two", None);
    draft.list_as(&first, "v1");
    draft.list_as(&second, "registry.example.com/app:v2");
    let layout = draft.open();
    let resolve = |tag_text: &str, repository: &str| {
        let repository = repository.parse().expect("a repository");
        now(layout.resolve(&repository, &tag(tag_text), soon()))
    };
    assert_eq!(resolve("v1", "registry.example.com/app"), Ok(one));
    assert_eq!(resolve("v1", "other.example/any"), Ok(one));
    assert_eq!(resolve("v2", "registry.example.com/app"), Ok(two));
    assert_eq!(kind(resolve("v2", "other.example/any")), "not found");
    assert_eq!(kind(resolve("v3", "registry.example.com/app")), "not found");
}

#[test]
fn two_images_of_one_name_are_an_error_and_one_image_named_twice_is_none() {
    let mut draft = Draft::new();
    let (one, first) = draft.image("one", None);
    let (_, second) = draft.image("two", None);
    draft.list_as(&first, "v1");
    draft.list_as(&first, "registry.example.com/app:v1");
    let resolve = |layout: Layout| now(layout.resolve(&repository(), &tag("v1"), soon()));
    assert_eq!(resolve(draft.open()), Ok(one));
    draft.list_as(&second, "v1");
    assert_eq!(kind(resolve(draft.open())), "layout");
}

#[test]
fn what_is_attached_is_found_in_nested_indexes_and_by_its_own_subject_only() {
    let mut draft = Draft::new();
    let (subject, image) = draft.image("image", None);
    let (direct, direct_entry) = draft.image("direct", Some(subject));
    let (nested, nested_entry) = draft.image("nested", Some(subject));
    let (_, foreign) = draft.image("of another", Some(Digest::sha256(b"another")));
    let (_, inner) = draft.index(&[nested_entry, foreign]);
    let (_, outer) = draft.index(&[inner]);
    for entry in [&image, &direct_entry, &outer] {
        draft.list(entry);
    }
    let layout = draft.open();
    let listing = now(layout.referrers(&pin(subject), 10, soon())).expect("listed");
    let found: Vec<Digest> = listing.entries.iter().map(|e| e.digest).collect();
    assert_eq!(found, [direct, nested]);
    let cut = now(layout.referrers(&pin(subject), 1, soon())).expect("listed");
    assert_eq!((cut.entries.len(), cut.truncated), (1, true));
}

#[test]
fn the_referrers_tag_of_a_layout_is_the_index_of_that_name() {
    let mut draft = Draft::new();
    let (subject, image) = draft.image("image", None);
    let (attached, attached_entry) = draft.image("attached", Some(subject));
    let (_, listing) = draft.index(&[attached_entry]);
    draft.list(&image);
    let by_tag = |layout: Layout| now(layout.referrers_by_tag(&pin(subject), 10, soon()));
    let none = by_tag(draft.open()).expect("an empty list");
    assert_eq!(none.entries.len(), 0);
    let name = format!("sha256-{}", subject.hex());
    draft.list_as(&listing, &name);
    let one = by_tag(draft.open()).expect("listed");
    assert_eq!(one.entries[0].digest, attached);
    let all = now(draft.open().referrers(&pin(subject), 10, soon())).expect("listed");
    assert_eq!(all.entries.len(), 1);
    let mut draft = Draft::new();
    draft.list_as(&image, &name);
    let (_, again) = draft.image("image", None);
    assert_eq!(again, image);
    assert_eq!(kind(by_tag(draft.open())), "malformed");
}

#[test]
fn a_listed_manifest_that_is_missing_is_an_obstacle_and_may_be_attached_to_anything() {
    let mut draft = Draft::new();
    let (subject, image) = draft.image("image", None);
    let (attached, attached_entry) = draft.image("attached", Some(subject));
    draft.list(&image);
    draft.list(&attached_entry);
    fs::remove_file(draft.path(attached)).expect("removed");
    let layout = draft.open();
    let listing = now(layout.referrers(&pin(subject), 10, soon())).expect("listed");
    assert_eq!(listing.entries[0].digest, attached);
    assert_eq!(kind(now(layout.manifest(&pin(attached), soon()))), "layout");
}

#[test]
fn a_digest_that_is_not_listed_is_not_there_even_if_its_blob_is() {
    let mut draft = Draft::new();
    let (_, listed) = draft.image("listed", None);
    let (unlisted, _) = draft.image("unlisted", None);
    draft.list(&listed);
    let layout = draft.open();
    assert_eq!(
        kind(now(layout.manifest(&pin(unlisted), soon()))),
        "not found"
    );
    assert_eq!(kind(now(layout.probe(&pin(unlisted), soon()))), "not found");
    let missing = Descriptor::new("x/y", Digest::sha256(b"missing"), 7);
    let got = now(layout.blob(&repository(), &missing, 100, soon()));
    assert_eq!(kind(got), "layout");
}

#[test]
fn changed_bytes_are_refused_whatever_the_change() {
    let mut draft = Draft::new();
    let (digest, image) = draft.image("image", None);
    draft.list(&image);
    let path = draft.path(digest);
    let good = fs::read(&path).expect("written");
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    let mut longer = good.clone();
    longer.push(b' ');
    for (bytes, what) in [
        (&flipped[..], "flipped"),
        (&longer, "longer"),
        (&good[1..], "shorter"),
        (&[], "empty"),
    ] {
        fs::write(&path, bytes).expect("written");
        let got = now(draft.open().manifest(&pin(digest), soon()));
        assert_eq!(kind(got), "digest mismatch", "{what}");
    }
    fs::write(&path, good).expect("written");
    let got = now(draft.open().manifest(&pin(digest), soon()));
    assert_eq!(kind(got), "ok");
}

#[test]
fn nothing_outside_the_layout_is_read_and_nothing_but_files() {
    let mut draft = Draft::new();
    let (digest, image) = draft.image("image", None);
    draft.list(&image);
    let path = draft.path(digest);
    let outside = tempfile::tempdir().expect("a folder");
    let elsewhere = outside.path().join("blob");
    fs::rename(&path, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &path).expect("linked");
    let read = || now(draft.open().manifest(&pin(digest), soon()));
    assert_eq!(kind(read()), "layout");
    // A link that stays inside is how some tools share blobs.
    let inside = draft.folder.path().join("shared");
    fs::rename(&elsewhere, &inside).expect("moved");
    fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink(&inside, &path).expect("linked");
    assert_eq!(kind(read()), "ok");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("made");
    assert_eq!(kind(read()), "layout");
}

#[test]
fn a_blob_over_the_bound_or_after_the_deadline_is_not_read() {
    let layout = saved("cosign-2.6.5");
    let big = Descriptor::new("x/y", SAVED.parse().expect("a digest"), 401);
    let got = now(layout.blob(&repository(), &big, 400, soon()));
    assert_eq!(kind(got), "too large");
    let past = Instant::now() - Duration::from_secs(1);
    let got = now(layout.blob(&repository(), &big, 1000, past));
    assert_eq!(kind(got), "timed out");
}

#[test]
fn indexes_in_indexes_end_somewhere() {
    let mut draft = Draft::new();
    let (subject, image) = draft.image("image", None);
    let (_, attached) = draft.image("attached", Some(subject));
    draft.list(&image);
    let mut entry = attached;
    for _ in 0..20 {
        entry = draft.index(&[entry]).1;
    }
    draft.list(&entry);
    let listing = now(draft.open().referrers(&pin(subject), 10, soon())).expect("listed");
    assert!(listing.truncated);
}

#[test]
fn a_folder_that_is_no_layout_is_refused_by_the_file_that_is_wrong() {
    let draft = Draft::new();
    let folder = draft.folder.path();
    let open = || Layout::open(folder).map(drop).expect_err("refused");
    let unreadable = |path: &str, reason: &str| LayoutError::Unreadable {
        path: folder.join(path),
        reason: reason.into(),
    };
    assert_eq!(open(), unreadable("index.json", "is missing"));
    for text in ["[]", "{}", r#"{"schemaVersion":2,"config":{},"layers":[]}"#] {
        fs::write(folder.join("index.json"), text).expect("written");
        assert!(matches!(open(), LayoutError::Index { .. }), "{text}");
    }
    let zeros = vec![b' '; 4 * 1024 * 1024 + 1];
    fs::write(folder.join("index.json"), zeros).expect("written");
    let reason = "is larger than 4194304 bytes";
    assert_eq!(open(), unreadable("index.json", reason));
    for text in ["", "{}", r#"{"imageLayoutVersion":"2.0.0"}"#] {
        fs::write(folder.join("oci-layout"), text).expect("written");
        assert!(matches!(open(), LayoutError::Version { .. }), "{text}");
    }
    fs::remove_file(folder.join("oci-layout")).expect("removed");
    assert_eq!(open(), unreadable("oci-layout", "is missing"));
    let nowhere = Layout::open(folder.join("nowhere")).map(drop);
    assert!(matches!(nowhere, Err(LayoutError::Unreadable { .. })));
}
