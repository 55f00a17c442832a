//! What can be wrong with a signature, by name.

/// One defect. What is not touched by it stays genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    // The certificate.
    /// No extended key usage.
    NoPurpose,
    /// An extended key usage that is not code signing.
    OtherPurpose,
    /// No certificate timestamp.
    NoSct,
    /// A certificate timestamp of each of the two logs.
    TwoScts,
    /// A certificate timestamp of a log that nobody knows.
    SctOfUnknownLog,
    /// A certificate timestamp over another issuer's certificate.
    SctOfAnotherIssuer,
    /// A certificate timestamp over other contents.
    SctForged,
    /// A certificate timestamp from before its log was valid.
    SctBeforeLog,
    /// A certificate that may issue others.
    LeafIsCa,
    /// A critical extension that nobody knows.
    UnknownCriticalExtension,
    /// No subject alternative name.
    NoName,
    /// A second subject alternative name.
    TwoNames,
    /// A NUL behind the name, and more.
    NameWithNul,
    /// The name in capitals.
    NameInCapitals,
    /// A slash behind the issuer.
    IssuerWithSlash,
    /// Two extensions that name different issuers.
    TwoIssuers,
    /// A certificate by a stranger of the same name.
    CertificateOfStranger,
    /// A certificate that was valid before everything else happened.
    CertificateExpired,
    /// A certificate that becomes valid afterwards.
    CertificateTooYoung,

    // What is signed.
    /// A signature by another key than the certificate's.
    SignatureOfAnotherKey,
    /// A signature with a wrong bit.
    SignatureForged,
    /// A statement without subjects.
    NoSubject,
    /// A statement or payload about another image.
    OtherSubject,
    /// An envelope with the same signature twice.
    TwoSignatures,
    /// An envelope without signatures.
    NoSignature,
    /// An envelope whose payload is announced as something else.
    OtherPayloadType,

    // The log.
    /// The genuine entry of another signature by the same signer.
    EntryOfAnother,
    /// An entry whose body has one byte changed.
    BodyForged,
    /// No inclusion proof.
    NoProof,
    /// No signed entry timestamp.
    NoPromise,
    /// A signed entry timestamp with a wrong bit.
    PromiseForged,
    /// A signed entry timestamp by another log.
    PromiseOfStranger,
    /// A path with a wrong bit.
    PathForged,
    /// The genuine checkpoint of a larger tree.
    ProofOfAnotherSize,
    /// A checkpoint of the same tree by another log.
    CheckpointOfAnotherLog,
    /// A checkpoint with a wrong bit in its signature.
    CheckpointForged,
    /// A checkpoint without any signature.
    CheckpointUnsigned,
    /// No checkpoint.
    NoCheckpoint,
    /// The entry of one log under the name of another.
    LogIdOfAnotherLog,
    /// An integrated time long after now.
    IntegratedInFuture,
    /// An integrated time after the certificate had expired.
    IntegratedTooLate,
    /// An integrated time that the promise does not cover.
    IntegratedTimeForged,
    /// The same entry twice.
    TwoEntries,

    // The timestamp.
    /// A token over another signature.
    StampOfAnother,
    /// A token by an authority that nobody knows.
    StampOfStranger,
    /// A token with a wrong bit in its signature.
    StampForged,
    /// A token with two signers.
    StampSignedTwice,
    /// A token from after the certificate had expired.
    StampTooLate,

    // The form.
    /// A chain in a bundle of version 0.3.
    ChainInV03,
    /// A second certificate in the place for one.
    TwoCertificates,
}

impl Defect {
    /// Every defect.
    pub(crate) const ALL: &'static [Self] = &[
        Self::NoPurpose,
        Self::OtherPurpose,
        Self::NoSct,
        Self::TwoScts,
        Self::SctOfUnknownLog,
        Self::SctOfAnotherIssuer,
        Self::SctForged,
        Self::SctBeforeLog,
        Self::LeafIsCa,
        Self::UnknownCriticalExtension,
        Self::NoName,
        Self::TwoNames,
        Self::NameWithNul,
        Self::NameInCapitals,
        Self::IssuerWithSlash,
        Self::TwoIssuers,
        Self::CertificateOfStranger,
        Self::CertificateExpired,
        Self::CertificateTooYoung,
        Self::SignatureOfAnotherKey,
        Self::SignatureForged,
        Self::NoSubject,
        Self::OtherSubject,
        Self::TwoSignatures,
        Self::NoSignature,
        Self::OtherPayloadType,
        Self::EntryOfAnother,
        Self::BodyForged,
        Self::NoProof,
        Self::NoPromise,
        Self::PromiseForged,
        Self::PromiseOfStranger,
        Self::PathForged,
        Self::ProofOfAnotherSize,
        Self::CheckpointOfAnotherLog,
        Self::CheckpointForged,
        Self::CheckpointUnsigned,
        Self::NoCheckpoint,
        Self::LogIdOfAnotherLog,
        Self::IntegratedInFuture,
        Self::IntegratedTooLate,
        Self::IntegratedTimeForged,
        Self::TwoEntries,
        Self::StampOfAnother,
        Self::StampOfStranger,
        Self::StampForged,
        Self::StampSignedTwice,
        Self::StampTooLate,
        Self::ChainInV03,
        Self::TwoCertificates,
    ];

    /// Whether this log can have this defect: the second generation has no
    /// promises and no times.
    pub(crate) fn concerns(self, log: super::Log) -> bool {
        let timed = matches!(
            self,
            Self::NoPromise
                | Self::PromiseForged
                | Self::PromiseOfStranger
                | Self::IntegratedInFuture
                | Self::IntegratedTooLate
                | Self::IntegratedTimeForged
        );
        let logged = matches!(
            self,
            Self::EntryOfAnother
                | Self::BodyForged
                | Self::NoProof
                | Self::PathForged
                | Self::ProofOfAnotherSize
                | Self::CheckpointOfAnotherLog
                | Self::CheckpointForged
                | Self::CheckpointUnsigned
                | Self::NoCheckpoint
                | Self::LogIdOfAnotherLog
                | Self::TwoEntries
        );
        match log {
            super::Log::V1 => true,
            super::Log::V2 | super::Log::V2Ecdsa => !timed,
            super::Log::None => !timed && !logged,
        }
    }
}
