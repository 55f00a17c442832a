//! What a signature of an image index is worth, by the policy that asks.

use floe_e2e::{
    cosign::{self, KeyPair, Layout, Placing},
    floe,
    object::fresh_name,
    registry::{Image, Kind, Registry},
    scratch::Scratch,
};
use serde_json::json;

/// An index of two images.
struct Pair {
    index: Image,
    children: [Image; 2],
}

impl Pair {
    fn new(kind: Kind) -> Self {
        let repository = fresh_name("team/app");
        let children = [(); 2].map(|()| Registry::shared(kind).push_image(&repository));
        Self {
            index: cosign::crane_index(&[&children[0], &children[1]]),
            children,
        }
    }

    fn signed(self, images: impl Fn(&Self) -> Vec<&Image>) -> Self {
        for image in images(&self) {
            cosign::sign(Layout::Bundle, KeyPair::trusted(), image);
        }
        self
    }
}

/// The exit code and all reason codes of one image under each mode.
#[track_caller]
fn judged(image: &Image, expected: [(&str, &[&str]); 3]) {
    let scratch = Scratch::new();
    for (mode, codes) in expected {
        let policy = json!({
            "apiVersion": "floe.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "index"},
            "spec": {"match": {}, "multiArch": mode, "authorities": [
                {"name": "ci", "key": {"pem": KeyPair::trusted().public_pem()}},
            ]},
        });
        let policy = scratch.write("policy.yaml", policy.to_string());
        let said = floe::verify(&policy, None, &[&image.pinned()]);
        let code = if codes.is_empty() { 0 } else { 6 };
        assert_eq!(said.code, code, "{mode}: {}", said.text);
        assert_eq!(said.distinct_codes(), codes, "{mode}: {}", said.text);
    }
}

const GOOD: &[&str] = &[];
const MISSING: &[&str] = &["signature-missing"];
const CHILD: &[&str] = &["child-not-signed"];
const INDEX: &[&str] = &["index-not-accepted"];

#[test]
fn an_index_that_cosign_signed_with_its_images_is_what_every_mode_asks_for() {
    for kind in [Kind::Ferro, Kind::Distribution] {
        for layout in [Layout::Bundle, Layout::SignatureTag] {
            let pair = Pair::new(kind);
            let placing = Placing {
                recursive: true,
                ..Placing::default()
            };
            cosign::sign_placed(layout, KeyPair::trusted(), &pair.index, placing);
            let expected = [("index", GOOD), ("everyChild", GOOD), ("child", INDEX)];
            judged(&pair.index, expected);
            for child in &pair.children {
                let expected = [("index", GOOD), ("everyChild", GOOD), ("child", GOOD)];
                judged(child, expected);
            }
        }
    }
}

#[test]
fn a_signature_of_the_index_alone_is_none_of_its_images() {
    let pair = Pair::new(Kind::Ferro).signed(|pair| vec![&pair.index]);
    let expected = [("index", GOOD), ("everyChild", CHILD), ("child", INDEX)];
    judged(&pair.index, expected);
    let expected = [
        ("index", MISSING),
        ("everyChild", MISSING),
        ("child", MISSING),
    ];
    judged(&pair.children[0], expected);
}

#[test]
fn signatures_of_the_images_alone_are_none_of_the_index() {
    let pair = Pair::new(Kind::Ferro).signed(|pair| pair.children.iter().collect());
    let expected = [("index", MISSING), ("everyChild", GOOD), ("child", INDEX)];
    judged(&pair.index, expected);
    let expected = [("index", GOOD), ("everyChild", GOOD), ("child", GOOD)];
    judged(&pair.children[0], expected);
}

#[test]
fn one_image_without_a_signature_is_enough_to_refuse_every_child() {
    let pair = Pair::new(Kind::Ferro).signed(|pair| vec![&pair.index, &pair.children[1]]);
    let expected = [("index", GOOD), ("everyChild", CHILD), ("child", INDEX)];
    judged(&pair.index, expected);
}
