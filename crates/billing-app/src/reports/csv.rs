//! A page as CSV (RFC 4180): a line of names, then a line for each group; lines end in CRLF.
//!
//! Texts are written as they are. A text that begins with `=`, `+`, `-` or `@` is a formula to some spreadsheets; a program that
//! reads the file needs the text unchanged, so it is not escaped here. Import such columns as text.

use axum::http::{HeaderMap, header};
use csv::{Terminator, WriterBuilder};

use super::{
    page::{Group, day_text},
    values::Dimension,
};

/// The media type.
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Why a page could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CsvError {
    /// A line was not.
    #[error("a line of CSV cannot be written")]
    Line(#[from] csv::Error),
    /// The lines were not.
    #[error("CSV cannot be written")]
    End(#[source] std::io::Error),
    /// A day was not.
    #[error("a day cannot be written")]
    Day(#[from] time::error::Format),
}

/// Writes the groups, with a column for each grouped dimension in this order.
pub(super) fn write(groups: &[Group], group_by: &[Dimension]) -> Result<Vec<u8>, CsvError> {
    let mut lines = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let names = group_by.iter().map(|dimension| dimension.name());
    lines.write_record(names.chain(["mean", "sum", "count"]))?;
    for group in groups {
        for dimension in group_by {
            lines.write_field(field(group, *dimension)?)?;
        }
        let count = group.count.to_string();
        lines.write_record([&group.mean, &group.sum, &count])?;
    }
    let written = lines.into_inner().map_err(csv::IntoInnerError::into_error);
    written.map_err(CsvError::End)
}

fn field(group: &Group, dimension: Dimension) -> Result<String, CsvError> {
    let integer = |value: Option<i64>| value.map(|value| value.to_string());
    let field = match dimension {
        Dimension::Client => integer(group.client),
        Dimension::ClientGroup => integer(group.client_group),
        Dimension::DeviceType => group.device_type.clone(),
        Dimension::Category => group.category.clone(),
        Dimension::Valid => group.valid.map(|valid| valid.to_string()),
        Dimension::Date => group.date.map(day_text).transpose()?,
    };
    Ok(field.unwrap_or_default())
}

/// Whether the client would rather have CSV than JSON. A client that accepts neither gets JSON.
pub(super) fn is_preferred(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let accepted = accepted.join(",");
    quality(&accepted, ["text/csv", "text/*", "*/*"])
        > quality(&accepted, ["application/json", "application/*", "*/*"])
}

/// The weight of a type in thousandths (RFC 9110, 12.5.1): that of the first of `ranges`, which are more and more general, that
/// is accepted.
fn quality(accepted: &str, ranges: [&str; 3]) -> u16 {
    let weight = |range: &str| {
        accepted.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next()?.eq_ignore_ascii_case(range);
            named.then(|| parts.find_map(weight_of).unwrap_or(1_000))
        })
    };
    ranges.into_iter().find_map(weight).unwrap_or(0)
}

/// The weight of a parameter `q`; one that is no number weighs nothing.
fn weight_of(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let is_number = |text: &str| text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let weight = || match value.split_once('.').unwrap_or((value, "")) {
        ("0", decimals) if is_number(decimals) => format!("{decimals:0<3}").parse().unwrap_or(0),
        ("1", decimals) if decimals.bytes().all(|byte| byte == b'0') => 1_000,
        _ => 0,
    };
    name.trim().eq_ignore_ascii_case("q").then(weight)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn csv_is_written_when_it_is_preferred() {
        let preferred = |accept: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            is_preferred(&headers)
        };
        for accept in [
            "text/csv",
            "TEXT/CSV; header=present",
            "text/csv, application/json;q=0.9",
            "application/json;q=0.5, text/csv;q=0.51",
            "text/*, */*;q=0.1",
            "text/csv;q=0.001",
            "image/png, text/csv",
        ] {
            assert!(preferred(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "application/json",
            "text/csv;q=0",
            "text/csv, application/json",
            "text/csv;q=0.5, application/json;q=0.9",
            "text/csv;q=0.5, */*",
            "text/html",
            "text/csv;q=x",
            "text/csv;q=0.x",
            "text/csv;q=0.+9",
            "",
        ] {
            assert!(!preferred(accept), "{accept}");
        }
        assert!(!is_preferred(&HeaderMap::new()));
    }

    #[test]
    fn texts_with_commas_quotes_and_line_ends_stay_one_field() {
        let group = Group {
            client: None,
            client_group: None,
            device_type: Some("a,\"b\"\r\nc".into()),
            category: Some("=1+1".into()),
            valid: Some(true),
            date: None,
            mean: "1.000000".into(),
            sum: "2.000000".into(),
            count: 2,
        };
        let dimensions = [Dimension::Valid, Dimension::DeviceType, Dimension::Category];
        let written = write(&[group], &dimensions).unwrap();
        let expected = "valid,device_type,category,mean,sum,count\r\n\
                        true,\"a,\"\"b\"\"\r\nc\",=1+1,1.000000,2.000000,2\r\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
