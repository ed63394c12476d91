//! The rules of a beer's fields that a length alone does not say.

use axum::http::{Uri, uri::Scheme};

use crate::{segment, visible::is_visible};

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

/// A name has something to see; blanks and joiners of characters are welcome inside.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    if !matches!(name.chars().count(), 1..=NAME_MAX) {
        return Err("must have 1 to 255 characters");
    }
    if !name.chars().any(is_visible) {
        return Err("must have a visible character");
    }
    Ok(())
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
    fn what_cannot_be_seen_is_no_part_of_a_sku() {
        for hidden in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d159}',
            '\u{1d173}',
            '\u{e0041}',
        ] {
            let sku = format!("a{hidden}");
            assert!(check_sku(&sku).is_err(), "{sku:?}");
        }
    }

    #[test]
    fn a_name_has_a_visible_character() {
        let family = "\u{1f468}\u{200d}\u{1f469}";
        for name in ["x", "India Pale Ale", "\u{200b}é", family, &"x".repeat(255)] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
        for name in ["", "\u{200b}", "\u{2800} \u{3164}", &"x".repeat(256)] {
            assert!(check_name(name).is_err(), "{name:?}");
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
