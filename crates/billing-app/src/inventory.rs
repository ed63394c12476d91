//! The inventory, as the billing asks it: what beers cost now.
//!
//! The one place that knows its routes and its shapes. What it answers is checked as any other input is: an answer that
//! makes no sense is as good as none. Whatever fails is a 503.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::http::uri::InvalidUri;
use futures_util::{StreamExt, TryStreamExt, stream};
use messages::orders::{NAME_MAX, PRICE_MAX};
use platform::{
    config::prefixed::Endpoint,
    http::{
        client::{AskError, JsonClient, Limits},
        context::RequestContext,
        escape::escaped,
    },
    problem::Problem,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio::time::timeout;

/// The most skus of one question, which the inventory sets.
const SKUS_MAX: usize = 100;

/// The longest query, in bytes: the inventory takes a head of 64 KiB. One sku takes 3 KiB at most.
const QUERY_MAX: usize = 32 * 1_024;

/// Questions of one request at once; their answers are in memory together.
const PARALLEL: usize = 4;

/// How long all questions of one request may take: less than the 5 s that the gateway gives an answer.
const LIMIT: Duration = Duration::from_secs(3);

/// A handle to the inventory; clones share its connections.
#[derive(Clone)]
pub struct Inventory(JsonClient);

/// A beer that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Beer {
    /// Names it.
    pub sku: String,
    /// What it is called.
    pub name: String,
    /// What one costs.
    #[serde(with = "rust_decimal::serde::str")]
    pub price: Decimal,
}

/// Beers by their skus.
pub type Beers = BTreeMap<String, Beer>;

impl Inventory {
    /// The inventory at `endpoint`; connects when it is first needed.
    ///
    /// # Errors
    /// When the host of `endpoint` is no host.
    pub fn new(endpoint: &Endpoint) -> Result<Self, InvalidUri> {
        JsonClient::new("inventory-app", endpoint, Limits::default()).map(Self)
    }

    /// Those of `skus` that there are, as they are now. About none there is no question.
    ///
    /// # Errors
    /// 503 when the inventory does not answer in time, or answers what cannot be used.
    pub async fn beers<'a>(
        &self,
        skus: impl IntoIterator<Item = &'a str>,
        context: &RequestContext,
    ) -> Result<Beers, Problem> {
        let questions = questions(skus.into_iter().collect());
        let ask = async |path: String| self.ask(&path, context).await;
        let asking = stream::iter(questions.into_iter().map(ask)).buffer_unordered(PARALLEL);
        let answers = asking.try_fold(Beers::new(), async |mut beers, answer| {
            beers.extend(answer.into_iter().map(|beer| (beer.sku.clone(), beer)));
            Ok(beers)
        });
        let beers = timeout(LIMIT, answers).await;
        let beers = beers.unwrap_or(Err(AskError::Late(LIMIT)));
        beers.map_err(|error| self.0.unavailable(error))
    }

    async fn ask(&self, path: &str, context: &RequestContext) -> Result<Vec<Beer>, AskError> {
        let beers: Vec<Beer> = self.0.get(path, context).await?;
        match beers.iter().find(|beer| !beer.is_possible()) {
            None => Ok(beers),
            Some(_) => Err(AskError::Impossible),
        }
    }
}

impl Beer {
    /// Whether it is within the bounds of the inventory: more could not be kept or sent.
    fn is_possible(&self) -> bool {
        let Self { name, price, .. } = self;
        (1..=NAME_MAX).contains(&name.chars().count())
            && !name.contains('\0')
            && (Decimal::ZERO..=PRICE_MAX).contains(price)
            && price.round_dp(2) == *price
    }
}

/// The paths that ask for these skus, none of them too long.
fn questions(skus: BTreeSet<&str>) -> Vec<String> {
    let mut paths: Vec<(String, usize)> = Vec::new();
    for sku in skus {
        let pair = format!("sku={}", escaped(sku));
        match paths.last_mut() {
            Some((path, count)) if *count < SKUS_MAX && path.len() + pair.len() < QUERY_MAX => {
                path.push('&');
                path.push_str(&pair);
                *count += 1;
            }
            _ => paths.push((format!("/api/beers?{pair}"), 1)),
        }
    }
    paths.into_iter().map(|(path, _)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_its_skus_escaped() {
        assert_eq!(
            questions(["a&b=%", "é"].into()),
            ["/api/beers?sku=a%26b%3D%25&sku=%C3%A9"]
        );
        assert!(questions([].into()).is_empty());
    }

    #[test]
    fn many_or_long_skus_are_several_questions() {
        let short: Vec<_> = (0..201).map(|number| number.to_string()).collect();
        assert_eq!(
            questions(short.iter().map(String::as_str).collect()).len(),
            3
        );
        let longest = |number| format!("{number:03}{}", "\u{1F37A}".repeat(252));
        let longest: Vec<_> = (0..100).map(longest).collect();
        let asked = questions(longest.iter().map(String::as_str).collect());
        assert!(asked.iter().all(|path| path.len() < QUERY_MAX + 16));
        let skus = asked.iter().map(|path| path.matches("sku=").count());
        assert_eq!(skus.sum::<usize>(), 100);
    }

    #[test]
    fn a_beer_that_cannot_be_is_told() {
        let beer = |name: &str, price| Beer {
            sku: "x".into(),
            name: name.into(),
            price,
        };
        assert!(beer("x", PRICE_MAX).is_possible());
        for (name, price) in [
            ("", Decimal::ONE),
            ("a\0", Decimal::ONE),
            ("x", -Decimal::ONE),
            ("x", PRICE_MAX + Decimal::ONE),
            ("x", Decimal::new(1, 3)),
        ] {
            assert!(!beer(name, price).is_possible(), "{name:?} {price}");
        }
    }
}
