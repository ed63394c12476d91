//! The inventory, as the billing asks it: what beers cost now.
//!
//! The one place that knows its routes and its shapes. What it answers is checked as any other input is: an answer that
//! makes no sense is as good as none. Whatever fails is a 503.

use std::collections::BTreeMap;

use axum::http::uri::InvalidUri;
use futures_util::future::try_join_all;
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

/// The most skus of one question, which the inventory sets.
const SKUS_MAX: usize = 100;

/// The longest query, in bytes: the inventory takes a head of 64 KiB. One sku takes 3 KiB at most.
const QUERY_MAX: usize = 32 * 1_024;

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

    /// Those of `skus` that there are, as they are now. It asks nobody about none.
    ///
    /// # Errors
    /// 503 when the inventory does not answer in time, or answers what cannot be used.
    pub async fn beers<'a>(
        &self,
        skus: impl IntoIterator<Item = &'a str>,
        context: &RequestContext,
    ) -> Result<Beers, Problem> {
        let questions = questions(skus);
        let asking = questions.iter().map(|path| self.ask(path, context));
        let answers = try_join_all(asking).await;
        let answers = answers.map_err(|error| self.0.unavailable(error))?;
        let beers = answers.into_iter().flatten();
        Ok(beers.map(|beer| (beer.sku.clone(), beer)).collect())
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
fn questions<'a>(skus: impl IntoIterator<Item = &'a str>) -> Vec<String> {
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
            questions(["a&b=%", "é"]),
            ["/api/beers?sku=a%26b%3D%25&sku=%C3%A9"]
        );
        assert!(questions([]).is_empty());
    }

    #[test]
    fn many_or_long_skus_are_several_questions() {
        assert_eq!(questions(vec!["x"; 201]).len(), 3);
        let longest = "\u{1F37A}".repeat(255);
        let asked = questions(vec![longest.as_str(); 100]);
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
