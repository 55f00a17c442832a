//! PEM blocks (RFC 7468) as they come inside documents.

use super::json;

/// Label of an X.509 certificate.
pub(crate) const CERTIFICATE: &str = "CERTIFICATE";

/// Label of a SubjectPublicKeyInfo.
pub(crate) const PUBLIC_KEY: &str = "PUBLIC KEY";

/// The contents of the blocks of `text`, all of them labelled `label`, in
/// order. Nothing but white space may stand around and between them.
///
/// Returns nothing if there is any other text, another label, no block, or more
/// than `at_most` of them.
pub(crate) fn blocks(text: &str, label: &str, at_most: usize) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        if found.len() == at_most {
            return None;
        }
        let inside = boundary(rest, "BEGIN", label)?;
        let (body, end) = inside.split_once('-')?;
        // Lines may be of any length: it has no influence on what they mean.
        let body: String = body.split_ascii_whitespace().collect();
        let der = json::base64(&body).filter(|der| !der.is_empty())?;
        found.push(der);
        // The hyphen that ended the body was the first of this boundary.
        rest = boundary(&rest[rest.len() - end.len() - 1..], "END", label)?.trim_ascii_start();
    }
    (!found.is_empty()).then_some(found)
}

/// What follows the boundary at the start of `text`.
fn boundary<'t>(text: &'t str, word: &str, label: &str) -> Option<&'t str> {
    text.strip_prefix("-----")?
        .strip_prefix(word)?
        .strip_prefix(' ')?
        .strip_prefix(label)?
        .strip_prefix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----\n";

    #[test]
    fn blocks_are_read_in_order_up_to_the_bound() {
        let two = format!("\n{ONE}\r\n{}", ONE.replace("aGk=", "aG\r\n8="));
        assert_eq!(
            blocks(&two, "CERTIFICATE", 2),
            Some(vec![b"hi".to_vec(), b"ho".to_vec()])
        );
        assert_eq!(blocks(&two, "CERTIFICATE", 1), None);
        assert_eq!(blocks(ONE, "CERTIFICATE", 1), Some(vec![b"hi".to_vec()]));
    }

    #[test]
    fn anything_but_blocks_of_the_label_is_refused() {
        for text in [
            "",
            " \n",
            "PEM",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\naGk=",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\naGk\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\naGk=\n-----END PUBLIC KEY-----\n",
            &ONE.replace("CERTIFICATE", "PUBLIC KEY"),
            &format!("subject=x\n{ONE}"),
            &format!("{ONE}x"),
            &format!("{ONE}é"),
            &ONE.replace("aGk=", "Proc-Type: 4,ENCRYPTED\n\naGk="),
        ] {
            assert_eq!(blocks(text, "CERTIFICATE", 9), None, "{text:?}");
        }
    }
}
