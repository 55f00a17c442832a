//! Writing DER (X.690), just what certificates and timestamp tokens need.
//!
//! Written by hand so that every malformed value that a test wants can be
//! written as well: no library stands in between that knows better.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A value of any tag.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let used = &bytes[bytes.iter().take_while(|b| **b == 0).count()..];
        out.push(0x80 | used.len() as u8);
        out.extend_from_slice(used);
    }
    out.extend_from_slice(content);
    out
}

/// SEQUENCE.
pub(crate) fn sequence<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    tlv(0x30, &joined(parts))
}

/// SET OF, sorted as DER demands.
pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.sort();
    tlv(0x31, &joined(&parts))
}

/// `[number]`, constructed.
pub(crate) fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// `[number]`, primitive.
pub(crate) fn primitive(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0x80 | number, content)
}

/// OBJECT IDENTIFIER, from `1.2.3`.
pub(crate) fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text
        .split('.')
        .map(|a| a.parse().expect("a number"))
        .collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        content.extend(digits.iter().rev());
    }
    tlv(0x06, &content)
}

/// INTEGER, from unsigned big-endian bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let bytes = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    let mut content = Vec::new();
    if bytes.first().is_none_or(|b| b & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(bytes);
    tlv(0x02, &content)
}

/// A small INTEGER.
pub(crate) fn number(value: u8) -> Vec<u8> {
    integer(&[value])
}

/// BOOLEAN TRUE.
pub(crate) fn yes() -> Vec<u8> {
    tlv(0x01, &[0xff])
}

/// OCTET STRING.
pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

/// BIT STRING without unused bits.
pub(crate) fn bits(content: &[u8]) -> Vec<u8> {
    tlv(0x03, &joined(&[&[0][..], content]))
}

/// UTF8String.
pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// PrintableString.
pub(crate) fn printable(text: &str) -> Vec<u8> {
    tlv(0x13, text.as_bytes())
}

/// Time as certificates write it: UTCTime until 2049, then GeneralizedTime.
pub(crate) fn time(at: Timestamp) -> Vec<u8> {
    let text = formatted(at);
    if ("1950".."2050").contains(&&text[..4]) {
        return tlv(0x17, &text.as_bytes()[2..]);
    }
    generalized_time(at)
}

/// GeneralizedTime in whole seconds.
pub(crate) fn generalized_time(at: Timestamp) -> Vec<u8> {
    tlv(0x18, formatted(at).as_bytes())
}

/// Everything behind one another.
pub(crate) fn joined<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    parts.iter().flat_map(|p| p.as_ref()).copied().collect()
}

fn formatted(at: Timestamp) -> String {
    let t = at.to_zoned(TimeZone::UTC);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}
