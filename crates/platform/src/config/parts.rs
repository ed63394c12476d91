//! Which parts of a service a process runs: all of them, or those that it is told to.

use axum::Router;

/// `--only http,payments`: some of a service's parts in a process of their own. `/health` and `/metrics` are always
/// served.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Parts {
    /// Run these parts only, separated by commas: `http` and the names of consumers. All of them when nothing is said.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// A part that the service does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--only: there is no part '{unknown}'; the parts are: {known}")]
pub struct UnknownPart {
    unknown: String,
    known: String,
}

impl Parts {
    /// The part that answers the routes of the API.
    pub const HTTP: &str = "http";

    /// Whether the service has all that is asked for; `consumers` are the parts beside `http`.
    ///
    /// # Errors
    /// [`UnknownPart`].
    pub fn check(&self, consumers: impl Iterator<Item = &'static str>) -> Result<(), UnknownPart> {
        let known: Vec<_> = std::iter::once(Self::HTTP).chain(consumers).collect();
        match self
            .only
            .iter()
            .find(|part| !known.contains(&part.as_str()))
        {
            None => Ok(()),
            Some(unknown) => Err(UnknownPart {
                unknown: unknown.clone(),
                known: known.join(", "),
            }),
        }
    }

    /// Whether this process runs `part`.
    #[must_use]
    pub fn has(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// The routes, if this process answers them.
    pub fn routes(&self, routes: Router) -> Router {
        if self.has(Self::HTTP) {
            routes
        } else {
            Router::new()
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn only(parts: &[&str]) -> Parts {
        Parts {
            only: parts.iter().map(|&part| part.to_owned()).collect(),
        }
    }

    #[test]
    fn without_a_choice_every_part_runs() {
        assert!(only(&[]).has("http") && only(&[]).has("payments"));
        assert!(only(&["payments"]).has("payments") && !only(&["payments"]).has("http"));
    }

    #[test]
    fn an_unknown_part_is_told_with_those_that_are_known() {
        let error = only(&["http", "paiments"])
            .check(["payments"].into_iter())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "--only: there is no part 'paiments'; the parts are: http, payments"
        );
        assert_eq!(only(&["payments"]).check(["payments"].into_iter()), Ok(()));
    }
}
