//! Entries of transparency logs as they come with a signature: in a bundle in
//! the JSON of protobuf, beside a legacy signature in that of Rekor v1.

use super::json::{self, JsonError, Object};
use super::{InclusionProof, LogEntry};

/// More hashes than this are in no proof: a tree of 2^64 leaves has 64 levels.
const MAX_HASHES: usize = 64;

/// The longest checkpoint that is read, in bytes. The text itself has about
/// 150, and each cosignature of a witness adds as many.
const MAX_CHECKPOINT_BYTES: usize = 16 << 10;

/// The longest name of a kind, version or hash that is kept.
const MAX_NAME: usize = 64;

impl LogEntry {
    /// Reads an element of `tlogEntries`, `text`; `path` names it in errors.
    pub(super) fn from_bundle(path: String, text: &str) -> Result<Self, JsonError> {
        let entry = Object::parse(
            path,
            text,
            &[
                "logIndex",
                "logId",
                "kindVersion",
                "integratedTime",
                "inclusionPromise",
                "inclusionProof",
                "canonicalizedBody",
            ],
        )?;
        let kind = entry.object("kindVersion", &["kind", "version"])?;
        let promise = entry.optional_object("inclusionPromise", &["signedEntryTimestamp"])?;
        Ok(Self {
            index: entry.index("logIndex")?,
            log_id: entry.object("logId", &["keyId"])?.base64("keyId")?,
            kind: name(&kind, "kind")?,
            version: name(&kind, "version")?,
            integrated_time: time(&entry, "integratedTime")?,
            promise: promise
                .map(|promise| promise.base64("signedEntryTimestamp"))
                .transpose()?,
            proof: entry
                .optional_object(
                    "inclusionProof",
                    &["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"],
                )?
                .map(|proof| InclusionProof::parse(&proof))
                .transpose()?,
            body: entry.base64("canonicalizedBody")?,
        })
    }

    /// Reads the annotation that cosign writes beside a legacy signature: what
    /// Rekor v1 answered, without a proof. The body says what kind it is.
    pub(super) fn from_annotation(text: &str) -> Result<Self, JsonError> {
        let bundle = Object::parse("log entry", text, &["SignedEntryTimestamp", "Payload"])?;
        let payload = bundle.object("Payload", &["body", "integratedTime", "logIndex", "logID"])?;
        let body = payload.base64("body")?;
        let said = Object::parse(
            "log entry body",
            json::text(&body)?,
            &["kind", "apiVersion"],
        )?;
        Ok(Self {
            index: payload.index("logIndex")?,
            log_id: json::hex(&payload.string("logID")?)
                .ok_or_else(|| JsonError("Payload.logID is not hexadecimal".into()))?,
            kind: name(&said, "kind")?,
            version: name(&said, "apiVersion")?,
            integrated_time: time(&payload, "integratedTime")?,
            promise: Some(bundle.base64("SignedEntryTimestamp")?),
            proof: None,
            body,
        })
    }
}

impl InclusionProof {
    fn parse(proof: &Object<'_>) -> Result<Self, JsonError> {
        let hashes = proof.list("hashes")?;
        if hashes.len() > MAX_HASHES {
            return Err(JsonError(format!(
                "inclusionProof.hashes has {} hashes; {MAX_HASHES} are read at most",
                hashes.len()
            )));
        }
        let checkpoint = proof
            .optional_object("checkpoint", &["envelope"])?
            .map(|checkpoint| checkpoint.optional_string("envelope"))
            .transpose()?
            .flatten()
            .filter(|text| !text.is_empty());
        if checkpoint
            .as_ref()
            .is_some_and(|text| text.len() > MAX_CHECKPOINT_BYTES)
        {
            return Err(JsonError(format!(
                "the checkpoint has more than {MAX_CHECKPOINT_BYTES} bytes"
            )));
        }
        // A copy in every generation; one of another length is of no tree.
        let root_hash = proof.base64("rootHash")?;
        if root_hash.len() != 32 {
            return Err(JsonError(
                "inclusionProof.rootHash is not 32 bytes in base64".into(),
            ));
        }
        Ok(Self {
            index: proof.index("logIndex")?,
            root_hash,
            tree_size: proof.index("treeSize")?,
            hashes: hashes
                .into_iter()
                .map(|raw| {
                    let text: Option<String> = serde_json::from_str(raw.get()).ok();
                    let bytes = text.and_then(|text| json::base64(&text));
                    bytes.and_then(|bytes| bytes.try_into().ok())
                })
                .collect::<Option<_>>()
                .ok_or_else(|| {
                    JsonError("inclusionProof.hashes has one that is not 32 bytes in base64".into())
                })?,
            checkpoint,
        })
    }
}

/// Seconds since 1970; 0 is the same as absent, which protobuf does not tell
/// apart, and a time that no log has seen.
fn time(object: &Object<'_>, key: &str) -> Result<Option<i64>, JsonError> {
    let seconds = object.index(key)?;
    Ok(i64::try_from(seconds).ok().filter(|seconds| *seconds != 0))
}

fn name(object: &Object<'_>, key: &str) -> Result<String, JsonError> {
    let name = object.string(key)?;
    if name.len() > MAX_NAME {
        return Err(JsonError(format!("{key} has more than {MAX_NAME} bytes")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn entry() -> Value {
        json!({
            "logIndex": "7",
            "logId": {"keyId": "AQI="},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": "1700000000",
            "inclusionPromise": {"signedEntryTimestamp": "AwQ="},
            "inclusionProof": {
                "logIndex": 5,
                "rootHash": HASH,
                "treeSize": "6",
                "hashes": [HASH, HASH],
                "checkpoint": {"envelope": "note"},
            },
            "canonicalizedBody": "e30=",
        })
    }

    fn read(value: &Value) -> Result<LogEntry, String> {
        LogEntry::from_bundle("tlogEntries[0]".into(), &value.to_string()).map_err(|e| e.0)
    }

    #[test]
    fn every_member_of_an_entry_in_a_bundle_is_read() {
        let whole = LogEntry {
            index: 7,
            log_id: vec![1, 2],
            kind: "dsse".into(),
            version: "0.0.1".into(),
            integrated_time: Some(1_700_000_000),
            promise: Some(vec![3, 4]),
            proof: Some(InclusionProof {
                index: 5,
                root_hash: vec![0; 32],
                tree_size: 6,
                hashes: vec![[0; 32]; 2],
                checkpoint: Some("note".into()),
            }),
            body: b"{}".to_vec(),
        };
        assert_eq!(read(&entry()), Ok(whole.clone()));
        let mut bare = entry();
        for key in ["logIndex", "inclusionPromise", "inclusionProof"] {
            bare[key] = Value::Null;
        }
        bare["integratedTime"] = json!(0);
        let expected = LogEntry {
            index: 0,
            integrated_time: None,
            promise: None,
            proof: None,
            ..whole
        };
        assert_eq!(read(&bare), Ok(expected));
        let mut short = entry();
        let root = "A".repeat(43) + "=";
        short["inclusionProof"] = json!({"checkpoint": {}, "rootHash": root});
        let proof = read(&short).expect("an entry").proof.expect("a proof");
        assert_eq!((proof.checkpoint, proof.root_hash), (None, vec![0; 32]));
        for root in ["", "AAAA"] {
            short["inclusionProof"]["rootHash"] = json!(root);
            assert!(read(&short).is_err(), "{root:?}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_says_what_is_wrong_with_it() {
        type Edit = fn(&mut Value);
        let cases: [(Edit, &str); 12] = [
            (
                |e| e["logIndex"] = json!(-1),
                "tlogEntries[0].logIndex is not a whole number",
            ),
            (
                |e| e["integratedTime"] = json!("-5"),
                "integratedTime is not a whole number",
            ),
            (
                |e| e["logId"] = Value::Null,
                "tlogEntries[0].logId is missing",
            ),
            (
                |e| e["logId"]["keyId"] = json!("?"),
                "logId.keyId is not standard base64",
            ),
            (
                |e| e["kindVersion"] = json!({"kind": "dsse"}),
                "kindVersion.version is missing",
            ),
            (
                |e| e["kindVersion"]["kind"] = json!("x".repeat(65)),
                "kind has more than 64 bytes",
            ),
            (
                |e| e["canonicalizedBody"] = Value::Null,
                "canonicalizedBody is missing",
            ),
            (
                |e| e["inclusionPromise"] = json!({}),
                "signedEntryTimestamp is missing",
            ),
            (
                |e| e["inclusionProof"]["hashes"] = json!(["AAA="]),
                "not 32 bytes in base64",
            ),
            (
                |e| e["inclusionProof"]["hashes"] = json!(vec![HASH; 65]),
                "has 65 hashes",
            ),
            (
                |e| e["inclusionProof"]["checkpoint"]["envelope"] = json!("x".repeat(16_385)),
                "the checkpoint has more than 16384 bytes",
            ),
            (
                |e| e["log_index"] = json!(1),
                r#"where "logIndex" is meant"#,
            ),
        ];
        for (edit, words) in cases {
            let mut value = entry();
            edit(&mut value);
            let message = read(&value).expect_err(words);
            assert!(message.contains(words), "{message} / {words}");
        }
    }

    #[test]
    fn an_annotation_names_the_log_in_hexadecimal_and_its_body_says_the_kind() {
        let annotation = |body: &str, log: &str| {
            use base64::Engine as _;
            let body = base64::engine::general_purpose::STANDARD.encode(body);
            json!({
                "SignedEntryTimestamp": "AwQ=",
                "Payload": {"body": body, "integratedTime": 9, "logIndex": 7, "logID": log},
            })
            .to_string()
        };
        let body = r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#;
        assert_eq!(
            LogEntry::from_annotation(&annotation(body, "0102")),
            Ok(LogEntry {
                index: 7,
                log_id: vec![1, 2],
                kind: "hashedrekord".into(),
                version: "0.0.1".into(),
                integrated_time: Some(9),
                promise: Some(vec![3, 4]),
                proof: None,
                body: body.into(),
            })
        );
        for (text, words) in [
            (annotation(body, "xy"), "Payload.logID is not hexadecimal"),
            (annotation(body, "012"), "Payload.logID is not hexadecimal"),
            (annotation("[]", "01"), "log entry body is not an object"),
            (annotation("{}", "01"), "log entry body.kind is missing"),
            ("{}".into(), "log entry.Payload is missing"),
            ("null".into(), "log entry is not an object"),
        ] {
            let message = LogEntry::from_annotation(&text).expect_err(words).0;
            assert_eq!(message, words);
        }
    }
}
