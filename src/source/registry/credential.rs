//! Credentials that cannot be shown by accident.

use std::fmt;

use crate::oci::Digest;
use crate::source::Scope;

/// A password, token or key. `Debug` shows nothing; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a registry or its token service is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user name and a password, shown to the registry itself (basic) or
    /// traded for a token (bearer).
    Password {
        /// User name.
        username: String,
        /// Password or access token.
        password: Secret,
    },
    /// A refresh token, traded for an access token at the token service.
    Identity(Secret),
    /// An access token that is sent as it is.
    Token(Secret),
}

impl Credential {
    /// A name for this credential at this registry. The same in every process,
    /// so that a new client with the same configuration finds what an old one
    /// left in a cache.
    pub(super) fn scope(&self, registry: &str) -> Scope {
        let (kind, name, secret) = match self {
            Self::Password { username, password } => ("password", &**username, password),
            Self::Identity(secret) => ("identity", "", secret),
            Self::Token(secret) => ("token", "", secret),
        };
        scope_of(&[kind, registry, name, secret.expose()])
    }
}

/// A scope that is never the anonymous one.
pub(super) fn scope_of(parts: &[&str]) -> Scope {
    let mut bytes = b"floe credential scope v1".to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    let digest = Digest::sha256(&bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    Scope(u64::from_be_bytes(first).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential::Password {
            username: "robot".into(),
            password: Secret::new("canary-9f2c"),
        };
        assert_eq!(
            format!("{credential:?}"),
            r#"Password { username: "robot", password: [redacted] }"#
        );
        let scope = credential.scope("registry.example.com");
        assert_eq!(format!("{scope:?}"), "Scope(..)");
    }

    #[test]
    fn equal_credentials_have_equal_scopes_and_different_ones_do_not() {
        let password = |name: &str, secret: &str| Credential::Password {
            username: name.into(),
            password: Secret::new(secret),
        };
        let scope = |credential: Credential| credential.scope("a.example").0;
        assert_eq!(scope(password("u", "p")), scope(password("u", "p")));
        assert_ne!(scope(password("u", "p")), scope(password("up", "")));
        assert_ne!(
            scope(Credential::Token(Secret::new("t"))),
            scope(Credential::Identity(Secret::new("t")))
        );
        assert_ne!(
            password("u", "p").scope("a.example"),
            password("u", "p").scope("b.example")
        );
    }
}
