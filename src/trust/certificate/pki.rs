//! Certificates for tests: authorities and signers that certify whatever a test
//! wants, also what no authority would.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use super::CaCertificate;
use crate::trust::Window;
use crate::trust::root::CertificateAuthority;

/// Who [`signer`] is.
pub(in crate::trust) const NAME: &str =
    "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
/// Who says so.
pub(in crate::trust) const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A certificate with its key.
pub(in crate::trust) struct Holder {
    pub(in crate::trust) params: CertificateParams,
    pub(in crate::trust) key: KeyPair,
    pub(in crate::trust) der: Vec<u8>,
}

impl Holder {
    /// Certifies `params` for a new key.
    pub(in crate::trust) fn certifies(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = self.certifies_key(&params, &key);
        Self { params, key, der }
    }

    /// Certifies `params` for `key`.
    pub(in crate::trust) fn certifies_key(
        &self,
        params: &CertificateParams,
        key: &KeyPair,
    ) -> Vec<u8> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).unwrap().der().to_vec()
    }

    pub(in crate::trust) fn ca(&self) -> CaCertificate {
        CaCertificate::parse(&self.der).unwrap()
    }
}

/// An authority that signs itself.
pub(in crate::trust) fn root(params: CertificateParams) -> Holder {
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Holder { params, key, der }
}

/// What an authority called `name` is certified with, from 2020 to 2040.
pub(in crate::trust) fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What Fulcio certifies a workflow with, for ten minutes from 2026 on.
pub(in crate::trust) fn signer() -> CertificateParams {
    let mut params = named("");
    params.distinguished_name = DistinguishedName::new();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = params.not_before + std::time::Duration::from_secs(600);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    params.subject_alt_names = vec![SanType::URI(NAME.try_into().unwrap())];
    params.custom_extensions = vec![extension(8, &utf8(ISSUER))];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(7u64.into());
    params
}

/// The extension of Fulcio with this last number.
pub(in crate::trust) fn extension(last: u64, value: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, last], value.to_vec())
}

/// A short `UTF8String`.
pub(in crate::trust) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// DER: a tag, a length, a value.
pub(in crate::trust) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut bytes = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        Ok(long) => bytes.extend([0x81, long]),
        Err(_) => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend(value);
    bytes
}

/// A chain that issues at any time, leaf-most first.
pub(in crate::trust) fn chain(holders: &[&Holder]) -> CertificateAuthority {
    let chain = holders.iter().map(|holder| holder.ca()).collect();
    CertificateAuthority::new(chain, Window::default())
}

pub(in crate::trust) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}
