//! What a 401 asks for.

use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Longest challenge that is read; real ones have a few hundred bytes.
const MAX_HEADER: usize = 8 * 1024;

/// A challenge that can be met.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Challenge {
    /// User name and password, at the registry itself. RFC 7617.
    Basic,
    /// A token of a token service, as the distribution project specifies it in
    /// *Token Authentication*.
    Bearer {
        realm: Url,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// The best challenge of an answer: a token rather than a password.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            if text.len() > MAX_HEADER {
                continue;
            }
            for (scheme, parameters) in challenges(text) {
                if scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                } else if scheme.eq_ignore_ascii_case("bearer") {
                    let get = |name: &str| {
                        parameters
                            .iter()
                            .find(|(key, _)| key.eq_ignore_ascii_case(name))
                            .map(|(_, value)| value.clone())
                    };
                    if let Some(realm) = get("realm").and_then(|realm| Url::parse(&realm).ok()) {
                        return Some(Self::Bearer {
                            realm,
                            service: get("service"),
                            scope: get("scope").map(|scope| pull_only(&scope)),
                        });
                    }
                }
            }
        }
        basic
    }

    /// The same challenge for another repository.
    pub(super) fn for_path(&self, path: &str) -> Self {
        match self {
            Self::Basic => Self::Basic,
            Self::Bearer { realm, service, .. } => Self::Bearer {
                realm: realm.clone(),
                service: service.clone(),
                scope: Some(format!("repository:{path}:pull")),
            },
        }
    }
}

/// A token for reading is all that is ever needed, whatever is asked for. One
/// scope or several with blanks between them.
fn pull_only(scope: &str) -> String {
    let readable = |scope: &str| match scope.rsplit_once(':') {
        Some((resource, _)) if resource.starts_with("repository:") => format!("{resource}:pull"),
        _ => scope.to_owned(),
    };
    let scopes: Vec<_> = scope.split(' ').map(readable).collect();
    scopes.join(" ")
}

type Parameters = Vec<(String, String)>;

/// Splits a header into challenges: `SCHEME key=value, key="value", SCHEME …`.
/// RFC 9110, section 11.6.1.
fn challenges(text: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '='))
            .unwrap_or(rest.len());
        if end == 0 {
            return found;
        }
        let word = rest[..end].to_owned();
        rest = rest[end..].trim_start();
        let Some(value) = rest.strip_prefix('=') else {
            found.push((word, Vec::new()));
            continue;
        };
        let (value, after) = value_of(value.trim_start());
        rest = after;
        if let Some((_, parameters)) = found.last_mut() {
            parameters.push((word, value));
        }
    }
}

/// A token or a quoted string, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_ascii_whitespace() || c == ',')
            .unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().expect("a header"));
        }
        Challenge::read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.parse().expect("a URL"),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        })
    }

    #[test]
    fn challenges_of_real_registries_are_read() {
        assert_eq!(
            read(&[
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#
            ]),
            bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:library/nginx:pull")
            )
        );
        assert_eq!(read(&[r#"Basic realm="Registry""#]), Some(Challenge::Basic));
        assert_eq!(
            read(&[r#"bearer Realm=https://a.example/t , SERVICE="x \"y\"""#]),
            bearer("https://a.example/t", Some(r#"x "y""#), None)
        );
    }

    #[test]
    fn a_token_is_preferred_to_a_password_in_one_header_or_two() {
        let expected = bearer("https://a.example/t", None, None);
        let basic = r#"Basic realm="x""#;
        let token = r#"Bearer realm="https://a.example/t""#;
        assert_eq!(read(&[basic, token]), expected);
        assert_eq!(read(&[&format!("{basic}, {token}")]), expected);
        assert_eq!(read(&[&format!("{token}, {basic}")]), expected);
    }

    #[test]
    fn no_more_than_pulling_is_asked_for() {
        assert_eq!(
            read(&[
                r#"Bearer realm="https://a.example/t",scope="repository:a/b:pull,push,delete""#
            ]),
            bearer("https://a.example/t", None, Some("repository:a/b:pull"))
        );
        assert_eq!(
            read(&[
                r#"Bearer realm="https://a.example/t",scope="repository:a/b:pull,push repository:c:* registry:catalog:*""#
            ]),
            bearer(
                "https://a.example/t",
                None,
                Some("repository:a/b:pull repository:c:pull registry:catalog:*")
            )
        );
    }

    #[test]
    fn what_cannot_be_met_is_no_challenge() {
        for text in [
            "",
            "Negotiate",
            "Bearer",
            r#"Bearer realm="/token""#,
            r#"Bearer realm="not a url""#,
            "= , = \" ",
            "Digest realm=\"unterminated",
        ] {
            assert_eq!(read(&[text]), None, "{text}");
        }
        let long = format!(r#"Bearer realm="https://a.example/{}""#, "x".repeat(9000));
        assert_eq!(read(&[&long]), None);
    }
}
