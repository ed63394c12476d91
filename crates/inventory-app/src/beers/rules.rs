//! The rules of a beer's fields that a length alone does not say.

use axum::http::{Uri, uri::Scheme};

use crate::segment;

/// The longest sku, in characters.
pub(super) const SKU_MAX: usize = 255;

/// The longest name, in characters.
pub(super) const NAME_MAX: usize = 255;

/// The longest image, in characters.
pub(super) const IMAGE_MAX: usize = 2_000;

/// A sku can stand as one segment of a path.
pub(super) fn check_sku(sku: &str) -> Result<(), &'static str> {
    if !matches!(sku.chars().count(), 1..=SKU_MAX) {
        return Err("must have 1 to 255 characters");
    }
    segment::check(sku)
}

/// An http(s) URL, or a path that starts with one slash. Two would name another host, and browsers take a backslash for a slash.
pub(super) fn check_image(image: &str) -> Result<(), &'static str> {
    const RULE: &str = "must be an http or https URL, or a path that starts with /";
    if image.chars().count() > IMAGE_MAX {
        return Err("must have at most 2000 characters");
    }
    if image.contains(['\\', '"', '<', '>']) {
        return Err(RULE);
    }
    let uri: Uri = image.parse().map_err(|_| RULE)?;
    let is_url = matches!(uri.scheme(), Some(scheme) if [Scheme::HTTP, Scheme::HTTPS].contains(scheme))
        && uri.host().is_some_and(|host| !host.is_empty());
    let is_path = image.starts_with('/') && !image.starts_with("//");
    if is_url || is_path { Ok(()) } else { Err(RULE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_visible_and_one_segment() {
        for sku in [
            "IPA-1",
            "é",
            "%2e",
            "...",
            ".a",
            "a;.",
            "#?&=+%",
            "\u{1F37A}",
        ] {
            assert_eq!(check_sku(sku), Ok(()), "{sku}");
        }
        for sku in [
            "",
            " ",
            "a b",
            "a\tb",
            "a\u{7f}",
            "a\u{85}",
            "a\u{200b}",
            "a/b",
            "/",
            "a\\b",
            ".",
            "..",
            "..;x",
            ".;",
        ] {
            assert!(check_sku(sku).is_err(), "{sku:?}");
        }
    }

    #[test]
    fn an_image_is_a_url_or_a_path() {
        for image in [
            "http://a/b.png",
            "HTTPS://a.example:8443/?x=1",
            "/a.png",
            "/",
        ] {
            assert_eq!(check_image(image), Ok(()), "{image}");
        }
        for image in [
            "",
            "a.png",
            "//host/a.png",
            "javascript:alert(1)",
            "ftp://a/b",
            "data:,x",
            "http://",
            "/a b",
            "http:///a",
            "*",
        ] {
            assert!(check_image(image).is_err(), "{image:?}");
        }
    }
}
