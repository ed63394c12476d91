//! Finds the operation of [`TABLE`] that a request is for.
//!
//! It means what axum's router would: HEAD is answered where GET is, a slash at the end changes nothing, and another
//! method of a known path is a 405. axum's router makes several boxes for each request; this one makes none.

use std::collections::BTreeSet;

use axum::{
    extract::Request,
    http::{HeaderValue, Method, Uri, header, uri::PathAndQuery},
};
use matchit::{Params, Router};
use percent_encoding::percent_decode_str;
use platform::problem::Problem;

use crate::table::{Operation, TABLE, Target};

/// The operations by path.
pub struct Routes(Router<Rows>);

/// The operations of one path.
struct Rows {
    operations: Vec<&'static Operation>,
    allow: HeaderValue,
}

/// An operation, and what its path says.
pub struct Found {
    /// The row of the table.
    pub operation: &'static Operation,
    /// The parameters of the path, decoded, in their order; none for what is forwarded.
    pub parameters: Vec<String>,
}

impl Routes {
    /// All of [`TABLE`].
    ///
    /// # Errors
    /// When two paths of the table collide.
    pub fn new() -> anyhow::Result<Self> {
        let mut routes = Router::new();
        let paths: BTreeSet<_> = TABLE.iter().map(|row| row.path).collect();
        for path in paths {
            let rows = TABLE.iter().filter(|row| row.path == path);
            routes.insert(path, Rows::new(rows.collect())?)?;
        }
        Ok(Self(routes))
    }

    /// The operation of `request`, whose path is changed to the one that was found; `None` for a path that is not in the
    /// table.
    ///
    /// # Errors
    /// 405 with `Allow` for another method, 400 for a parameter that is no text.
    pub fn find(&self, request: &mut Request) -> Result<Option<Found>, Problem> {
        trim_slash(request.uri_mut());
        let Ok(matched) = self.0.at(request.uri().path()) else {
            return Ok(None);
        };
        let operation = matched.value.operation(request.method())?;
        let parameters = match operation.target {
            Target::Forward(_) => Vec::new(),
            Target::Publish(_) => decoded(&matched.params)?,
        };
        Ok(Some(Found {
            operation,
            parameters,
        }))
    }
}

impl Rows {
    fn new(operations: Vec<&'static Operation>) -> anyhow::Result<Self> {
        let methods = operations
            .iter()
            .flat_map(|operation| match operation.method {
                Method::GET => vec!["GET", "HEAD"],
                ref method => vec![method.as_str()],
            });
        let allow = methods.collect::<Vec<_>>().join(",").try_into()?;
        Ok(Self { operations, allow })
    }

    fn operation(&self, method: &Method) -> Result<&'static Operation, Problem> {
        let mut operations = self.operations.iter();
        let operation = operations.find(|operation| operation.takes(method));
        operation.copied().ok_or_else(|| {
            Problem::method_not_allowed().with_header(header::ALLOW, self.allow.clone())
        })
    }
}

impl Operation {
    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }
}

fn trim_slash(uri: &mut Uri) {
    let path = uri.path().trim_end_matches('/');
    if path.is_empty() || path.len() == uri.path().len() {
        return;
    }
    let query = uri.query().map(|query| format!("?{query}"));
    let path = format!("{path}{}", query.unwrap_or_default());
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    // A part of a valid URI is valid.
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

fn decoded(parameters: &Params) -> Result<Vec<String>, Problem> {
    let texts = parameters.iter().map(|(name, value)| {
        let text = percent_decode_str(value).decode_utf8();
        let text = text.map_err(|_| {
            Problem::bad_request(format!("the path is wrong: `{name}` is not UTF-8"))
        })?;
        Ok(text.into_owned())
    });
    texts.collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use axum::body::Body;

    fn find(method: &str, uri: &str) -> (Result<Option<Found>, Problem>, String) {
        let request = Request::builder().method(method).uri(uri);
        let mut request = request.body(Body::empty()).unwrap();
        let found = Routes::new().unwrap().find(&mut request);
        (found, request.uri().to_string())
    }

    fn found(method: &str, uri: &str) -> (Method, &'static str, Vec<String>, String) {
        let (found, uri) = find(method, uri);
        let Found {
            operation,
            parameters,
        } = found.unwrap().unwrap();
        (operation.method.clone(), operation.path, parameters, uri)
    }

    #[test]
    fn each_row_is_found_by_its_method_and_path() {
        for row in TABLE {
            let uri = row.path.replace('{', "%7B").replace('}', "%7D");
            let (method, path, ..) = found(row.method.as_str(), &uri);
            assert_eq!((method, path), (row.method.clone(), row.path));
        }
    }

    #[test]
    fn a_slash_at_the_end_and_head_mean_the_same() {
        let path = "/api/movies/{id}";
        let expected = |uri: &str| (Method::GET, path, Vec::new(), uri.to_owned());
        assert_eq!(found("HEAD", "/api/movies/7"), expected("/api/movies/7"));
        assert_eq!(
            found("GET", "/api/movies/7/?a=b/"),
            expected("/api/movies/7?a=b/")
        );
    }

    #[test]
    fn a_fixed_segment_comes_before_a_parameter() {
        assert_eq!(found("GET", "/api/bikes/stream").1, "/api/bikes/stream");
        assert_eq!(found("GET", "/api/bikes/streams").1, "/api/bikes/{id}");
    }

    #[test]
    fn what_is_published_has_its_parameters_decoded() {
        let (_, _, parameters, _) = found("POST", "/api/bikes/a%20%C3%A9/events");
        assert_eq!(parameters, ["a \u{e9}"]);
        let (found, _) = find("POST", "/api/bikes/%ff/events");
        assert_eq!(found.err().unwrap().status(), 400);
    }

    #[test]
    fn another_path_is_not_the_tables_and_another_method_is_told_which_there_are() {
        for other in ["/", "/docs", "/api", "/api/movies/7/8", "/health/live"] {
            assert!(find("GET", other).0.unwrap().is_none(), "{other}");
        }
        let (found, _) = find("PATCH", "/api/movies");
        assert_eq!(found.err().unwrap().status(), 405);
    }
}
