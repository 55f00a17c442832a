//! Listings of what is attached to a digest.

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

use super::answer::Answer;
use crate::oci::{Content, Descriptor, Digest, Manifest, Registry, media_type};
use crate::source::{Referrers, ReferrersVia, SourceError};

/// Whether a status of the referrers endpoint says that it is not offered. 404
/// is how the distribution specification wants it said; the others are how
/// registries of before 1.1 say it.
pub(super) const fn is_not_offered(status: u16) -> bool {
    matches!(status, 400 | 404 | 405 | 406 | 501)
}

/// A listing that is being read page by page.
#[derive(Debug)]
pub(super) struct Listing {
    entries: Vec<Descriptor>,
    seen: HashSet<Url>,
    limit: usize,
    pages: usize,
    truncated: bool,
}

impl Listing {
    pub(super) fn new(limit: usize, pages: usize) -> Self {
        Self {
            entries: Vec::new(),
            seen: HashSet::new(),
            limit,
            pages,
            truncated: false,
        }
    }

    /// Whether no page was read yet.
    pub(super) fn is_new(&self) -> bool {
        self.seen.is_empty()
    }

    /// Takes in a page that was asked for at `asked`, and says where the next
    /// one is, if it is wanted.
    ///
    /// # Errors
    ///
    /// [`SourceError::Malformed`] for anything but an image index, and for
    /// pages in a circle; [`SourceError::RedirectRefused`] for a next page of
    /// another origin.
    pub(super) fn page(
        &mut self,
        registry: &Registry,
        asked: &Url,
        answer: &Answer,
    ) -> Result<Option<Url>, SourceError> {
        let malformed = |why: &str| SourceError::Malformed {
            detail: format!("{registry} answers for the referrers with {why}"),
        };
        if answer.media_type() != media_type::IMAGE_INDEX {
            return Err(malformed("something else than an image index"));
        }
        // The parser's words may quote the body, which has no place in an error.
        let page = Manifest::parse_listing(&answer.body)
            .map_err(|_| malformed("an image index that cannot be read"))?;
        self.seen.insert(asked.clone());
        self.add(page.manifests);
        let Some(next) = next_page(&answer.headers) else {
            return Ok(None);
        };
        let next = answer
            .url
            .join(&next)
            .map_err(|_| malformed("a next page that has no URL"))?;
        if next.origin() != asked.origin() {
            return Err(SourceError::RedirectRefused {
                detail: format!(
                    "{registry} has the next page of the referrers at {}",
                    next.host_str().unwrap_or("nowhere")
                ),
            });
        }
        if self.seen.contains(&next) {
            return Err(malformed("pages that lead back to one another"));
        }
        if self.truncated || self.entries.len() == self.limit || self.seen.len() == self.pages {
            self.truncated = true;
            return Ok(None);
        }
        Ok(Some(next))
    }

    fn add(&mut self, entries: Vec<Descriptor>) {
        let room = self.limit - self.entries.len();
        self.truncated |= entries.len() > room;
        self.entries.extend(entries.into_iter().take(room));
    }

    pub(super) fn finish(self, via: ReferrersVia) -> Referrers {
        Referrers {
            entries: self.entries,
            truncated: self.truncated,
            via,
        }
    }
}

/// What the body of a referrers tag lists.
///
/// # Errors
///
/// [`SourceError::Malformed`] for anything but an image index.
pub(super) fn of_tag(
    registry: &Registry,
    subject: Digest,
    answer: &Answer,
    limit: usize,
) -> Result<Referrers, SourceError> {
    let mut listing = Listing::new(limit, 1);
    // Some registries resolve the tag as if it were the digest. What they give
    // is the image, which says nothing about what is attached to it.
    if Digest::of(subject.algorithm(), &answer.body) != subject {
        let content = Content::of_tag(answer.media_type(), answer.body.clone());
        let malformed = |why: &str| SourceError::Malformed {
            detail: format!("{registry} answers for the referrers tag with {why}"),
        };
        match Manifest::parse(&content) {
            Ok(Manifest::Index(index)) => listing.add(index.manifests),
            Ok(Manifest::Image(_)) => return Err(malformed("an image, not an index")),
            Err(_) => return Err(malformed("something that cannot be read as an index")),
        }
    }
    Ok(listing.finish(ReferrersVia::Tag))
}

/// The target of `rel="next"`. RFC 8288.
fn next_page(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(links)
        .find(|(_, parameters)| is_next(parameters))
        .map(|(target, _)| target)
}

fn links(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        let end = after.find('<').unwrap_or(after.len());
        found.push((target.to_owned(), after[..end].to_owned()));
        rest = &after[end..];
    }
    found
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).any(|parameter| {
        parameter.split_once('=').is_some_and(|(key, value)| {
            key.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_link_is_followed() {
        let next = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, text.parse().expect("a header"));
            next_page(&headers)
        };
        assert_eq!(next(r#"</v2/x?n=2>; rel="next""#), Some("/v2/x?n=2".into()));
        assert_eq!(next("</x>;rel=next"), Some("/x".into()));
        assert_eq!(
            next(r#"</a>; rel="prev", </b>; type="x"; rel="last next""#),
            Some("/b".into())
        );
        assert_eq!(next(r#"</a>; rel="prev""#), None);
        assert_eq!(next("</a"), None);
        assert_eq!(next("rel=next"), None);
    }

    #[test]
    fn the_statuses_that_mean_not_offered_are_these_five() {
        let all: Vec<u16> = (100..600)
            .filter(|status| is_not_offered(*status))
            .collect();
        assert_eq!(all, [400, 404, 405, 406, 501]);
    }
}
