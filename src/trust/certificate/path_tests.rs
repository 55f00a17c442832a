use std::cell::Cell;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, SanType,
};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use webpki::aws_lc_rs::ECDSA_P256_SHA256;

use super::path::{MAX_CHECKS, Search};
use super::pki::{self, Holder, at, chain};
use super::{CaCertificate, Leaf, Path, path, path_at, without_anchors};
use crate::trust::root::CertificateAuthority;
use crate::trust::{Rejection, RejectionKind, Window};

const SIGNED: &str = "2026-01-01T00:05:00Z";

fn two() -> (Holder, Holder) {
    let root = pki::root(pki::authority("Root"));
    let between = root.certifies(pki::authority("Intermediate"));
    (root, between)
}

fn find(leaf: &[u8], above: &[Vec<u8>], to: &CertificateAuthority) -> Result<Path, Rejection> {
    find_at(leaf, above, to, &[SIGNED])
}

fn find_at(
    leaf: &[u8],
    above: &[Vec<u8>],
    to: &CertificateAuthority,
    times: &[&str],
) -> Result<Path, Rejection> {
    let times: Vec<_> = times.iter().map(|time| at(time)).collect();
    let leaf = Leaf::parse(leaf).unwrap();
    path_at(&leaf, above, std::slice::from_ref(to), &times)
}

#[track_caller]
fn refused(found: Result<Path, Rejection>, kind: RejectionKind) -> String {
    let rejection = found.unwrap_err();
    assert_eq!(rejection.kind, kind, "{rejection}");
    rejection.detail
}

fn window(start: Option<&str>, end: Option<&str>) -> Window {
    Window {
        start: start.map(at),
        end: end.map(at),
    }
}

#[test]
fn a_path_leads_over_the_intermediate_of_the_authority_to_its_anchor() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let found = find(&leaf, &[], &chain(&[&between, &root])).unwrap();
    assert_eq!(found.issuer_spki, between.ca().spki);
    assert_eq!(found.anchor, root.ca().fingerprint());
    assert_eq!(
        found.validity,
        window(Some("2026-01-01T00:00:00Z"), Some("2026-01-01T00:10:00Z"))
    );
}

#[test]
fn the_anchor_may_be_the_issuer_itself_and_need_not_sign_itself() {
    let (_, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let found = find(&leaf, &[], &chain(&[&between])).unwrap();
    assert_eq!(found.issuer_spki, between.ca().spki);
    assert_eq!(found.anchor, between.ca().fingerprint());
}

#[test]
fn an_intermediate_that_came_with_the_signature_may_stand_in_the_path() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let above = [between.der.clone()];
    assert!(find(&leaf, &above, &chain(&[&root])).is_ok());
    refused(
        find(&leaf, &[], &chain(&[&root])),
        RejectionKind::CertificateUntrusted,
    );
}

#[test]
fn an_anchor_that_came_with_the_signature_is_no_anchor() {
    let (root, between) = two();
    let (stranger, theirs) = two();
    let leaf = theirs.certifies(pki::signer()).der;
    let above = [theirs.der.clone(), stranger.der.clone()];
    // Same names, other keys.
    refused(
        find(&leaf, &above, &chain(&[&between, &root])),
        RejectionKind::CertificateUntrusted,
    );
    let rejection = without_anchors(&above).unwrap_err();
    assert_eq!(rejection.kind, RejectionKind::CertificateUntrusted);
    assert!(rejection.detail.contains("signs itself"));
    assert_eq!(without_anchors(&above[..1]), Ok(()));
    // cosign's legacy layouts carry the anchor along; it changes nothing.
    let leaf = between.certifies(pki::signer()).der;
    let above = [between.der.clone(), root.der.clone()];
    assert!(find(&leaf, &above, &chain(&[&root])).is_ok());
}

#[test]
fn both_ends_of_the_leafs_validity_count_and_nothing_beyond() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let to = chain(&[&between, &root]);
    for time in ["2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"] {
        assert!(find_at(&leaf, &[], &to, &[time]).is_ok(), "{time}");
    }
    for time in [
        "2025-12-31T23:59:59Z",
        "2026-01-01T00:10:00.001Z",
        "2026-01-01T00:10:01Z",
        "1969-12-31T23:59:59Z",
    ] {
        let detail = refused(
            find_at(&leaf, &[], &to, &[time]),
            RejectionKind::CertificateExpired,
        );
        assert!(
            detail.starts_with(&format!("the signature was made at {time}, and")),
            "{detail}"
        );
    }
}

#[test]
fn every_trusted_time_must_be_inside() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let to = chain(&[&between, &root]);
    let (in_time, late) = ("2026-01-01T00:01:00Z", "2026-01-01T01:00:00Z");
    assert!(find_at(&leaf, &[], &to, &[in_time, SIGNED]).is_ok());
    for times in [[in_time, late], [late, in_time]] {
        refused(
            find_at(&leaf, &[], &to, &times),
            RejectionKind::CertificateExpired,
        );
    }
}

#[test]
fn without_any_time_nothing_is_valid_at_all_times() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    refused(
        find_at(&leaf, &[], &chain(&[&between, &root]), &[]),
        RejectionKind::CertificateExpired,
    );
}

#[test]
fn the_authority_must_have_issued_at_the_time() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let mut to = chain(&[&between, &root]);
    to.window = window(Some("2026-01-01T00:05:00Z"), None);
    assert!(find(&leaf, &[], &to).is_ok());
    to.window = window(Some("2026-01-01T00:05:01Z"), None);
    refused(find(&leaf, &[], &to), RejectionKind::CertificateExpired);
    to.window = window(Some("2020-01-01T00:00:00Z"), Some("2026-01-01T00:04:59Z"));
    refused(find(&leaf, &[], &to), RejectionKind::CertificateExpired);
    // One that had stopped before the leaf began never vouched for it.
    to.window = window(None, Some("2025-01-01T00:00:00Z"));
    refused(find(&leaf, &[], &to), RejectionKind::CertificateUntrusted);
}

#[test]
fn every_certificate_above_must_have_been_valid_the_anchor_too() {
    let ends_early = |name| {
        let mut params = pki::authority(name);
        params.not_after = rcgen::date_time_ymd(2026, 1, 1) + std::time::Duration::from_secs(60);
        params
    };
    let root = pki::root(ends_early("Root"));
    let between = root.certifies(pki::authority("Intermediate"));
    let leaf = between.certifies(pki::signer()).der;
    let to = chain(&[&between, &root]);
    assert!(find_at(&leaf, &[], &to, &["2026-01-01T00:01:00Z"]).is_ok());
    refused(find(&leaf, &[], &to), RejectionKind::CertificateExpired);
    let root = pki::root(pki::authority("Root"));
    let between = root.certifies(ends_early("Intermediate"));
    let leaf = between.certifies(pki::signer()).der;
    refused(
        find(&leaf, &[], &chain(&[&between, &root])),
        RejectionKind::CertificateExpired,
    );
}

#[test]
fn the_leaf_must_be_for_signing_code_and_no_authority() {
    let (root, between) = two();
    let to = chain(&[&between, &root]);
    let tell = |edit: fn(&mut CertificateParams)| {
        let mut params = pki::signer();
        edit(&mut params);
        let leaf = between.certifies(params).der;
        refused(find(&leaf, &[], &to), RejectionKind::CertificateUntrusted)
    };
    let not_for_code =
        "the certificate is not for code signing: its extended key usage must say so";
    assert_eq!(tell(|p| p.extended_key_usages.clear()), not_for_code);
    assert_eq!(
        tell(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        not_for_code
    );
    assert_eq!(
        tell(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
        not_for_code
    );
    assert!(
        tell(|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))
            .contains("one of a certificate authority")
    );
    assert!(
        tell(|p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment])
            .contains("does not include digital signatures")
    );
    let mut silent = pki::signer();
    silent.key_usages.clear();
    assert!(find(&between.certifies(silent).der, &[], &to).is_ok());
}

#[test]
fn an_intermediate_must_be_an_authority_that_signs_certificates_for_code() {
    let root = pki::root(pki::authority("Root"));
    let tell = |edit: fn(&mut CertificateParams)| {
        let mut params = pki::authority("Intermediate");
        edit(&mut params);
        let between = root.certifies(params);
        let leaf = between.certifies(pki::signer()).der;
        find(&leaf, &[between.der], &chain(&[&root]))
    };
    assert!(tell(|p| p.key_usages.clear()).is_ok());
    assert!(tell(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]).is_ok());
    assert!(tell(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]).is_ok());
    refused(
        tell(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        RejectionKind::CertificateUntrusted,
    );
    let detail = refused(
        tell(|p| p.is_ca = IsCa::ExplicitNoCa),
        RejectionKind::CertificateInvalid,
    );
    assert_eq!(
        detail,
        "the certificate is not one of a certificate authority"
    );
    let detail = refused(
        tell(|p| p.key_usages = vec![KeyUsagePurpose::CrlSign]),
        RejectionKind::CertificateInvalid,
    );
    assert_eq!(
        detail,
        "the key usage of the certificate does not include signing certificates"
    );
}

#[test]
fn a_path_longer_than_an_authority_allows_is_none() {
    let short = |name| {
        let mut params = pki::authority(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params
    };
    // The library does not know the length that an anchor allows.
    let root = pki::root(short("Root"));
    assert!(find(&root.certifies(pki::signer()).der, &[], &chain(&[&root])).is_ok());
    let between = root.certifies(pki::authority("Intermediate"));
    let leaf = between.certifies(pki::signer()).der;
    refused(
        find(&leaf, &[], &chain(&[&between, &root])),
        RejectionKind::CertificateUntrusted,
    );
    let root = pki::root(pki::authority("Root"));
    let upper = root.certifies(short("Upper"));
    assert!(
        find(
            &upper.certifies(pki::signer()).der,
            &[],
            &chain(&[&upper, &root])
        )
        .is_ok()
    );
    let lower = upper.certifies(pki::authority("Lower"));
    let leaf = lower.certifies(pki::signer()).der;
    refused(
        find(&leaf, &[], &chain(&[&lower, &upper, &root])),
        RejectionKind::CertificateUntrusted,
    );
}

#[test]
fn a_name_that_an_authority_must_not_certify_is_refused() {
    let mut params = pki::authority("Root");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: Vec::new(),
    });
    let root = pki::root(params);
    let certify = |name: &str| {
        let mut params = pki::signer();
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        root.certifies(params).der
    };
    let to = chain(&[&root]);
    assert!(find(&certify("build.example.com"), &[], &to).is_ok());
    refused(
        find(&certify("build.example.org"), &[], &to),
        RejectionKind::CertificateUntrusted,
    );
}

#[test]
fn a_signature_that_is_not_by_the_issuer_is_no_path() {
    let (root, between) = two();
    let mut leaf = between.certifies(pki::signer()).der;
    let to = chain(&[&between, &root]);
    assert!(find(&leaf, &[], &to).is_ok());
    *leaf.last_mut().unwrap() ^= 1;
    refused(find(&leaf, &[], &to), RejectionKind::CertificateUntrusted);
}

#[test]
fn no_byte_of_a_certificate_may_change() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let to = chain(&[&between, &root]);
    for place in 0..leaf.len() {
        for bit in [0x01, 0x80] {
            let mut changed = leaf.clone();
            changed[place] ^= bit;
            let Ok(changed) = Leaf::parse(&changed) else {
                continue;
            };
            let found = path_at(&changed, &[], std::slice::from_ref(&to), &[at(SIGNED)]);
            let kind = found.map_err(|rejection| rejection.kind).unwrap_err();
            assert_eq!(kind, RejectionKind::CertificateUntrusted, "byte {place}");
        }
    }
}

#[test]
fn certificates_above_are_bounded_and_must_be_readable() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let to = chain(&[&root]);
    let many = |count| vec![between.der.clone(); count];
    assert!(find(&leaf, &many(8), &to).is_ok());
    refused(
        find(&leaf, &many(9), &to),
        RejectionKind::CertificateUntrusted,
    );
    refused(
        find(&leaf, &[between.der.clone(), vec![0x30, 0]], &to),
        RejectionKind::CertificateInvalid,
    );
}

#[test]
fn without_a_trusted_time_the_whole_path_says_when() {
    let root = pki::root(pki::authority("Root"));
    let mut params = pki::authority("Intermediate");
    params.not_before = rcgen::date_time_ymd(2026, 2, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let between = root.certifies(params);
    let mut params = pki::signer();
    params.not_after = rcgen::date_time_ymd(2028, 1, 1);
    let leaf = between.certifies(params).der;
    let leaf = Leaf::parse(&leaf).unwrap();
    let found = path(&leaf, &[], &[chain(&[&between, &root])]).unwrap();
    assert_eq!(
        found.validity,
        window(Some("2026-02-01T00:00:00Z"), Some("2027-01-01T00:00:00Z"))
    );
    let (other, _) = two();
    assert_eq!(
        path(&leaf, &[], &[chain(&[&other])]).unwrap_err().kind,
        RejectionKind::CertificateUntrusted
    );
    assert_eq!(
        path(&leaf, &[], &[]).unwrap_err().kind,
        RejectionKind::CertificateUntrusted
    );
}

#[test]
fn of_several_paths_the_one_that_is_valid_longest_counts() {
    let (root, between) = two();
    let mut params = pki::authority("Old root");
    params.not_after = rcgen::date_time_ymd(2026, 1, 1) + std::time::Duration::from_secs(120);
    let old = pki::root(params);
    let crossed = old.certifies_key(&between.params, &between.key);
    let leaf = between.certifies(pki::signer()).der;
    let leaf = Leaf::parse(&leaf).unwrap();
    let mut to = [chain(&[&old]), chain(&[&root])];
    let above = [crossed, between.der.clone()];
    for _ in 0..2 {
        let found = path(&leaf, &above, &to).unwrap();
        assert_eq!(found.anchor, root.ca().fingerprint());
        // And where times are known, the one that was valid then.
        let found = path_at(&leaf, &above, &to, &[at(SIGNED)]).unwrap();
        assert_eq!(found.anchor, root.ca().fingerprint());
        to.reverse();
    }
}

#[test]
fn certificates_made_to_be_searched_for_long_are_given_up() {
    let root = pki::root(pki::authority("Root"));
    // Each could have certified each other one, by their names.
    let strangers: Vec<_> = (0..8)
        .map(|_| pki::root(pki::authority("Root")).certifies(pki::authority("Root")))
        .collect();
    let mut looping: Vec<CaCertificate> = strangers.iter().map(Holder::ca).collect();
    looping.push(root.ca());
    let to = CertificateAuthority::new(looping, Window::default());
    let leaf = strangers[0].certifies(pki::signer()).der;
    refused(find(&leaf, &[], &to), RejectionKind::CertificateUntrusted);
}

thread_local! {
    /// How many signatures [`Counting`] checked.
    static CHECKED: Cell<usize> = const { Cell::new(0) };
}

/// The algorithm of the certificates of these tests, counting.
#[derive(Debug)]
struct Counting;

impl SignatureVerificationAlgorithm for Counting {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        CHECKED.set(CHECKED.get() + 1);
        ECDSA_P256_SHA256.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        ECDSA_P256_SHA256.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        ECDSA_P256_SHA256.signature_alg_id()
    }
}

/// What is found, and for how many signature checks.
fn counted(
    leaf: &[u8],
    above: &[Vec<u8>],
    to: &[CertificateAuthority],
) -> (Result<Path, Rejection>, usize) {
    CHECKED.set(0);
    let leaf = Leaf::parse(leaf).unwrap();
    let search = Search::new(&leaf, above).unwrap().with(&[&Counting]);
    let found = search.path_at(to, &[at(SIGNED)]);
    (found, CHECKED.get())
}

#[test]
fn an_honest_signature_costs_one_check_for_each_certificate_of_its_path() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let (found, checked) = counted(&leaf, &[], &[chain(&[&between, &root])]);
    assert!(found.is_ok());
    assert_eq!(checked, 2);
    let (found, checked) = counted(&leaf, &vec![between.der.clone(); 8], &[chain(&[&root])]);
    assert!(found.is_ok());
    assert_eq!(checked, 2);
}

#[test]
fn certificates_made_to_be_costly_cost_a_bounded_number_of_checks() {
    // Nobody has issued any of them: they only name each other and the anchor,
    // and each begins a second after the one before.
    let (a, b) = ("One", "Other");
    let stranger = |name| pki::root(pki::authority(name));
    let (as_root, as_a, as_b) = (stranger("Root"), stranger(a), stranger(b));
    let mut begin = rcgen::date_time_ymd(2021, 1, 1);
    let mut forged = |by: &Holder, name| {
        begin += std::time::Duration::from_secs(1);
        let mut params = pki::authority(name);
        params.not_before = begin;
        by.certifies(params).der
    };
    let mut above = vec![forged(&as_root, a), forged(&as_root, b)];
    for _ in 0..3 {
        above.extend([forged(&as_b, a), forged(&as_a, b)]);
    }
    let leaf = as_a.certifies(pki::signer()).der;
    let roots: Vec<_> = (0..16).map(|_| stranger("Root")).collect();
    let authorities: Vec<_> = roots.iter().map(|root| chain(&[root])).collect();
    // To one anchor: directly, and over each of the three certificates of the
    // other name.
    let (found, checked) = counted(&leaf, &above, &authorities[..1]);
    refused(found, RejectionKind::CertificateUntrusted);
    assert_eq!(checked, 4);
    let (found, checked) = counted(&leaf, &above, &authorities);
    refused(found, RejectionKind::CertificateUntrusted);
    assert!((4..=MAX_CHECKS).contains(&checked), "{checked}");
}

#[test]
fn the_reason_that_a_path_is_over_costs_no_second_search() {
    let (root, between) = two();
    let leaf = between.certifies(pki::signer()).der;
    let mut to = chain(&[&between, &root]);
    to.window = window(Some("2026-01-01T00:05:01Z"), None);
    let (found, checked) = counted(&leaf, &[], &[to]);
    refused(found, RejectionKind::CertificateExpired);
    assert_eq!(checked, 2);
    let forged = pki::root(pki::authority("Root")).certifies_key(&between.params, &between.key);
    let (found, checked) = counted(&leaf, &[forged], &[chain(&[&root])]);
    refused(found, RejectionKind::CertificateUntrusted);
    assert_eq!(checked, 1);
}
