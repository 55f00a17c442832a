//! Timestamps.

use super::{DAY, HOUR, Twins};
use crate::support::sigstore::certificate::{self, EXTENDED_KEY_USAGE, Extension};
use crate::support::sigstore::{Defect, Layout, TokenForm, Tsa, Window, root};

const INVALID: &str = "timestamp-invalid";
const OUTSIDE: &str = "timestamp-outside-validity";
const EXPIRED: &str = "certificate-not-valid-at-signing";

pub(super) fn add(twins: &mut Twins<'_>) {
    let good = twins.good;
    let at = good.sigstore.at;
    twins.defect(
        "timestamp of another signature",
        INVALID,
        Defect::StampOfAnother,
    );
    twins.defect("timestamp by a stranger", INVALID, Defect::StampOfStranger);
    twins.defect("bit of the timestamp flipped", INVALID, Defect::StampForged);
    twins.defect(
        "timestamp with two signers",
        INVALID,
        Defect::StampSignedTwice,
    );
    if good.has_certificate() {
        twins.defect(
            "timestamp after the certificate's end",
            EXPIRED,
            Defect::StampTooLate,
        );
        // The legacy layouts have room for one.
        if !good.is_legacy() {
            let tsa = &good.sigstore.tsa;
            let early = good
                .again()
                .stamped_by(tsa, at - HOUR, TokenForm::default());
            twins.add(
                "second timestamp before the certificate's start",
                EXPIRED,
                &early.make(),
            );
        }
    }
    let stolen = good.same_signer(good.other).make();
    let borrowed = good.edited(|signed| signed.tokens = stolen.tokens);
    twins.add(
        "genuine timestamp of the signer's other signature",
        INVALID,
        &borrowed,
    );
    if !good.is_legacy() {
        let stranger = &good.stranger.tsa;
        let beside = good.again().stamped_by(stranger, at, TokenForm::default());
        twins.add(
            "stranger's timestamp beside a good one",
            INVALID,
            &beside.make(),
        );
    }
    if good.case.layout == Layout::Att {
        // cosign stamps the envelope there, which holds the signature.
        let tsa = &good.sigstore.tsa;
        let bare = tsa.token(good.signed.content.signature(), at, TokenForm::default());
        let bare = good.edited(|signed| signed.tokens = vec![bare]);
        twins.add("timestamp of the signature alone", INVALID, &bare);
    }
    for (name, spoil) in [
        (
            "timestamp cut short",
            (|t| t.truncate(t.len() - 1)) as fn(&mut Vec<u8>),
        ),
        ("byte behind the timestamp", |t| t.push(0)),
        ("empty timestamp", Vec::clear),
        ("timestamp that is text", |t| *t = b"timestamp".to_vec()),
        ("answer that refuses a timestamp", |t| {
            *t = crate::support::sigstore::der::sequence(&[
                crate::support::sigstore::der::sequence(&[crate::support::sigstore::der::number(
                    2,
                )]),
            ]);
        }),
    ] {
        let spoilt = good.edited(|signed| signed.tokens.iter_mut().for_each(spoil));
        twins.add(name, INVALID, &spoilt);
    }
    let past = Window::between(at - DAY * 200, at - DAY);
    let window = serde_json::json!({
        "start": past.start.expect("a start").to_string(),
        "end": past.end.expect("an end").to_string(),
    });
    twins.root(
        "authority that was trusted until yesterday",
        OUTSIDE,
        |root| {
            root.timestamp_authorities[0]["validFor"] = window.clone();
        },
    );
    twins.root("root without timestamp authorities", INVALID, |root| {
        root.timestamp_authorities.clear();
    });
    let code = certificate::purposes(&[certificate::CODE_SIGNING]);
    let purposes = [
        ("authority that has no purpose", None),
        ("authority that is for signing code", Some(code)),
    ];
    for (name, purpose) in purposes {
        let tsa = Tsa::edited(good.sigstore.tsa.key.kind, at, false, |tbs| {
            tbs.drop(EXTENDED_KEY_USAGE);
            tbs.extensions.extend(purpose.map(|purpose| Extension {
                critical: true,
                ..purpose
            }));
        });
        let signed = good
            .again()
            .stamp(crate::support::sigstore::Stamp::None)
            .stamped_by(&tsa, at, TokenForm::default())
            .make();
        twins.under(name, INVALID, &signed, |root| {
            root.timestamp_authorities = vec![root::timestamp_authority(&tsa)];
        });
    }
}
