//! What to do about each reason.

use crate::verdict::Code;

/// What to do about a reason, in one sentence. The long form stands in
/// `docs/reasons.md`.
pub(super) fn remedy(code: Code) -> &'static str {
    use crate::evidence::ObstacleKind as O;
    use crate::trust::RejectionKind as R;
    match code {
        Code::NoPolicyMatches => {
            "add a policy whose match covers this image, or correct the image's name"
        }
        Code::TagNotPinned => "write the reference with its digest",
        Code::ReferenceInvalid => "write the image as [HOST[:PORT]/]PATH[:TAG]@DIGEST",
        Code::SignatureMissing => "sign this digest as one of the signers that the policy accepts",
        Code::ThresholdNotMet => "have more of the named authorities sign this digest",
        Code::ChildNotSigned => {
            "sign the index with all its entries, or let the policy accept the index's signature"
        }
        Code::ChildSignersDiffer => "have the same signers sign every entry of the index",
        Code::IndexNotAccepted => "deploy the image of one platform by its own digest",
        Code::IndexEmpty => "deploy an index that lists an image",
        Code::AttestationMissing => {
            "attest this digest, with a signer that the policy names for this type"
        }
        Code::AttestationConditionFailed => {
            "correct what the statement is about and attest again, or the policy's conditions"
        }
        Code::KeyUnavailable => "make the key readable where the policy says it is",
        Code::TrustRootUnavailable => "make the trust root readable where the policy says it is",
        Code::TrustRootExpired => "let floe reach the mirror of the trust root, or renew the root",
        Code::IdentityMismatch => {
            "sign as one of the identities that the policy names, or name this one"
        }
        Code::IssuerMismatch => "sign with a token of the issuer that the policy names",
        Code::SignedInTheFuture => "check the clocks of floe and of whoever signed",
        Code::KeyNotValidThen => "sign with a key that counts now, or correct its dates",
        Code::CertificateNotValidNow => {
            "sign again, with a log or a timestamp that says when, or renew the certificate"
        }
        Code::SignatureForAnotherRepository => "sign the image under the name by which it is used",
        Code::OldBundlesAccepted => "sign again with a current cosign, and remove the switch",
        Code::PolicyInvalid => "correct the policy; floe policy check PATH lists every problem",
        Code::PoliciesMissing => "put at least one policy into the folder, or make it readable",
        Code::SubjectIncomplete => "say where the image is used, with --namespace or --channel",
        Code::NotSynced => "wait until the gate is ready; it is still loading",
        Code::ReviewMalformed => "send an AdmissionReview v1 with a readable object",
        Code::TooManyImages => "split the object: it names more images than are looked at",
        Code::KindNotCovered => {
            "do not route this kind to floe, or pass it over with --allow-uncovered"
        }
        Code::InternalError => "report this as a defect of floe, with the log of the review",
        Code::Obstacle(kind) => match kind {
            O::Unreachable => "check name, network and TLS of the registry, then look again",
            O::TimedOut | O::DeadlineExceeded => {
                "look again; if it stays, find out why the registry is slow"
            }
            O::RateLimited => "wait as the registry asks, or use credentials with a higher limit",
            O::Denied => "give floe credentials that may read this repository",
            O::ServerError => "look again; if it stays, the registry is broken",
            O::Malformed => {
                "ask the registry's operator: it does not answer as the specification says"
            }
            O::DigestMismatch => "do not use this image; the registry or a proxy changes content",
            O::TooLarge => "remove or shrink what is attached to the image",
            O::RedirectRefused => {
                "name the token realm or redirect target in the configuration, if it is right"
            }
            O::ContentMissing => "push the missing content again, or sign again",
            O::ImageNotVisible => {
                "check that the image exists and that the credentials may read it"
            }
            O::SignaturesNotVisible => {
                "check the name of the signature repository and that the credentials may read it"
            }
            O::IndexTooLarge => {
                "split the index, or sign the index itself and let the policy ask for that"
            }
            O::TooManyReferrers | O::TooManyDocuments => {
                "remove what is not needed from the image's referrers"
            }
            O::Overloaded => "look again; more is asked of this registry than is allowed at once",
            O::RegistryRefused => {
                "name the registry in the configuration, if floe is to talk to it"
            }
            O::LookFailed => "report this as a defect of floe, with its log",
            O::LayoutUnreadable => "check the path and the files of the image layout",
        },
        Code::Rejection(kind) => match kind {
            R::Malformed => "remove the broken document, or sign again",
            R::FormatNotSupported => {
                "sign with cosign, as a Sigstore bundle v0.3 or under a .sig tag"
            }
            R::SignatureInvalid => "sign as one of the signers that the policy accepts",
            R::SubjectMismatch => {
                "sign this very digest; a signature of another image does not count"
            }
            R::SubjectMissing => "sign again with a tool that names the digest it signs",
            R::NotASignature => "sign the image itself; an attestation is not a signature",
            R::PayloadType => "sign with cosign, or as an in-toto statement in a DSSE envelope",
            R::SignatureCount => "attach one envelope for each signature",
            R::BundleVersion => {
                "sign again with a current cosign, or accept old bundles in the policy"
            }
            R::CertificateChain => {
                "sign without --certificate-chain, and give the chain to floe as trust root"
            }
            R::CertificateInvalid => "sign again with a certificate that names its holder",
            R::CertificateUntrusted => {
                "sign with a certificate of an authority that the policy names, or name its root"
            }
            R::CertificateExpired => "sign again while the certificate is valid",
            R::SctMissing | R::SctInvalid => {
                "use a certificate authority with a log that the trust root names"
            }
            R::LogEntryMissing | R::LogPromiseMissing | R::LogProofMissing => {
                "sign again with an upload to the transparency log"
            }
            R::LogEntryUnsupported => "sign again with an entry of a kind that floe reads",
            R::LogUnknown => "name the trust root of this log, or sign with one that is named",
            R::LogEntryMalformed
            | R::LogEntryMismatch
            | R::LogPromiseInvalid
            | R::LogProofInvalid
            | R::LogCheckpointInvalid => "do not use this signature; sign again",
            R::TimestampMissing => "sign again with a timestamp authority",
            R::TimestampInvalid | R::TimestampOutsideValidity => {
                "use a timestamp authority that the trust root names"
            }
            R::TrustedTimeMissing => {
                "sign again with a log or a timestamp authority that says when"
            }
            R::RootMissing => "name a trust root for this authority",
        },
    }
}
