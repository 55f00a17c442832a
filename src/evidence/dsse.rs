//! The Dead Simple Signing Envelope: what was signed, and over which bytes.

use super::json::{JsonError, Object};

/// The payload type of an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A DSSE envelope as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Type of the payload.
    pub payload_type: String,
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// The signatures, decoded, in order.
    pub signatures: Vec<Vec<u8>>,
}

/// More signatures than this are not even decoded: one is expected.
const MAX_SIGNATURES: usize = 64;

impl Envelope {
    pub(super) fn parse(object: &Object<'_>) -> Result<Self, JsonError> {
        let signatures = object.list("signatures")?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(JsonError(format!(
                "the envelope has {} signatures",
                signatures.len()
            )));
        }
        Ok(Self {
            payload_type: object.string("payloadType")?,
            payload: object.base64("payload")?,
            signatures: signatures
                .into_iter()
                .map(|value| {
                    let signature = Object::parse("signature", value.get(), &["sig", "keyid"])?;
                    signature.optional_string("keyid")?;
                    signature.base64("sig")
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// The bytes that are signed: PAE of the DSSE protocol, version 1.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// The keys of an envelope.
pub(super) const KEYS: &[&str] = &["payload", "payloadType", "signatures"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_key_is_a_text_if_it_is_there() {
        for (keyid, accepted) in [
            ("", true),
            (r#","keyid":"x""#, true),
            (r#","keyid":null"#, true),
            (r#","keyid":0"#, false),
            (r#","keyid":{"a":1}"#, false),
        ] {
            let text = format!(
                r#"{{"payload":"e30=","payloadType":"t","signatures":[{{"sig":"AA=="{keyid}}}]}}"#
            );
            let object = Object::parse("envelope", &text, KEYS).unwrap();
            assert_eq!(Envelope::parse(&object).is_ok(), accepted, "{keyid}");
        }
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_protocol() {
        // The example of the DSSE protocol document.
        let envelope = Envelope {
            payload_type: "http://example.com/HelloWorld".into(),
            payload: b"hello world".to_vec(),
            signatures: Vec::new(),
        };
        assert_eq!(
            envelope.signed_bytes(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
