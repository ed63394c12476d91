//! The parameters of a report, read into types.
//!
//! Whatever is unknown, empty, given twice or against the rules is a 400 that names the parameter.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use platform::problem::Problem;
use time::OffsetDateTime;

use super::values::{Dimension, Key, Moment, Order};

/// Groups of a page, unless the caller says how many.
const LIMIT: u16 = 100;

/// The most groups of a page.
const LIMIT_MAX: u16 = 1_000;

/// The most values of one filter.
const VALUES_MAX: usize = 1_000;

/// The longest text that an event has, in characters.
const TEXT_MAX: usize = 100;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportQuery {
    /// At least one, none twice.
    pub(super) group_by: Vec<Dimension>,
    /// Every grouped dimension is in it, so that the order of groups is total.
    pub(super) order_by: Vec<Order>,
    pub(super) offset: u32,
    pub(super) limit: u16,
    pub(super) filters: Vec<Filter>,
}

/// What is counted; events that pass all filters are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Clients(Vec<i64>),
    ClientGroups(Vec<i64>),
    DeviceTypes(Vec<String>),
    Categories(Vec<String>),
    Valid(Vec<bool>),
    /// This time, and later.
    From(OffsetDateTime),
    /// This time, and earlier.
    Until(OffsetDateTime),
}

/// The values by their names; what is read is taken out.
struct Parameters(BTreeMap<String, String>);

impl ReportQuery {
    /// Reads the parameters of a URL.
    pub(super) fn parse(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut parameters = Parameters::of(pairs)?;
        let group_by = parameters.list("group_by", "dimensions", Dimension::parse)?;
        let group_by = group_by.unwrap_or(Dimension::ALL.to_vec());
        let order_by = parameters.list(
            "order_by",
            "grouped dimensions, mean, sum or count",
            Order::parse,
        )?;
        let query = Self {
            order_by: complete_order(order_by.unwrap_or_default(), &group_by)?,
            group_by,
            offset: parameters.offset()?,
            limit: parameters.limit()?,
            filters: parameters.filters()?,
        };
        match parameters.0.first_key_value() {
            Some((name, _)) => Err(Problem::bad_request(format!(
                "there is no parameter `{name}`"
            ))),
            None => Ok(query),
        }
    }
}

/// Ties are in the order of the dimensions. Each key is there once.
fn complete_order(mut orders: Vec<Order>, group_by: &[Dimension]) -> Result<Vec<Order>, Problem> {
    for (place, order) in orders.iter().enumerate() {
        let name = order.key.name();
        if orders[..place].iter().any(|other| other.key == order.key) {
            return Err(refused("order_by", &format!("names `{name}` twice")));
        }
        if matches!(order.key, Key::Dimension(dimension) if !group_by.contains(&dimension)) {
            let detail = format!("names `{name}`, which is not in `group_by`");
            return Err(refused("order_by", &detail));
        }
    }
    for dimension in group_by {
        if !orders
            .iter()
            .any(|order| order.key == Key::Dimension(*dimension))
        {
            orders.push(Order::ascending(*dimension));
        }
    }
    Ok(orders)
}

impl Parameters {
    fn of(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            if value.is_empty() {
                return Err(refused(&name, "is empty"));
            }
            if parameters.contains_key(&name) {
                return Err(refused(&name, "is given twice"));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }

    /// Values that are separated by commas, none of them twice.
    fn list<T>(
        &mut self,
        name: &str,
        of: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let Some(text) = self.0.remove(name) else {
            return Ok(None);
        };
        let texts: Vec<&str> = text.split(',').collect();
        if texts.len() > VALUES_MAX {
            return Err(refused(name, &format!("has more than {VALUES_MAX} values")));
        }
        if texts.iter().collect::<BTreeSet<_>>().len() < texts.len() {
            return Err(refused(name, "names a value twice"));
        }
        let values = texts.into_iter().map(parse).collect::<Option<Vec<_>>>();
        let expected = || {
            refused(
                name,
                &format!("must be a list of {of}, separated by commas"),
            )
        };
        values.map(Some).ok_or_else(expected)
    }

    fn filters(&mut self) -> Result<Vec<Filter>, Problem> {
        let text = |text: &str| {
            (1..=TEXT_MAX)
                .contains(&text.chars().count())
                .then(|| text.to_owned())
        };
        let texts = "texts of 1 to 100 characters";
        let mut filters = Vec::new();
        filters.extend(
            self.list("clients", "integers", number)?
                .map(Filter::Clients),
        );
        let groups = self.list("client_groups", "integers", number)?;
        filters.extend(groups.map(Filter::ClientGroups));
        let devices = self.list("device_types", texts, text)?;
        filters.extend(devices.map(Filter::DeviceTypes));
        filters.extend(
            self.list("categories", texts, text)?
                .map(Filter::Categories),
        );
        let valid = self.list("valid", "true and false", |text| text.parse().ok())?;
        filters.extend(valid.map(Filter::Valid));
        filters.extend(self.times()?);
        Ok(filters)
    }

    fn times(&mut self) -> Result<Vec<Filter>, Problem> {
        let start = self.moment("start_date")?.map(Moment::first);
        let end = self.moment("end_date")?.map(Moment::last);
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(refused("start_date", "is after `end_date`"));
        }
        let (from, until) = (start.map(Filter::From), end.map(Filter::Until));
        Ok(from.into_iter().chain(until).collect())
    }

    fn moment(&mut self, name: &str) -> Result<Option<Moment>, Problem> {
        self.one(
            name,
            "must be a day (2026-11-22) or a time as in RFC 3339, of the years 1 to 9999; a `+` is written as `%2B`",
            Moment::parse,
        )
    }

    fn offset(&mut self) -> Result<u32, Problem> {
        let rule = "must be a number from 0 to 4294967295";
        let offset = self.one("offset", rule, number)?;
        Ok(offset.unwrap_or_default())
    }

    fn limit(&mut self) -> Result<u16, Problem> {
        let within = |text: &str| number(text).filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let limit = self.one("limit", "must be a number from 1 to 1000", within)?;
        Ok(limit.unwrap_or(LIMIT))
    }

    fn one<T>(
        &mut self,
        name: &str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let text = self.0.remove(name);
        let value = text.map(|text| parse(&text).ok_or_else(|| refused(name, rule)));
        value.transpose()
    }
}

/// Rust alone would read a plus before the digits.
fn number<N: FromStr>(text: &str) -> Option<N> {
    let number = text.parse().ok();
    number.filter(|_| !text.starts_with('+'))
}

fn refused(parameter: &str, why: &str) -> Problem {
    Problem::bad_request(format!("`{parameter}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, value: &str) -> Result<ReportQuery, Problem> {
        ReportQuery::parse(vec![(name.into(), value.into())])
    }

    #[test]
    fn numbers_have_digits_and_no_plus() {
        for name in ["offset", "limit", "clients", "client_groups"] {
            assert!(parse(name, "1").is_ok(), "{name}");
            for wrong in ["+1", " 1", "1 ", "1_0", "\u{661}"] {
                assert!(parse(name, wrong).is_err(), "{name}={wrong}");
            }
        }
        for text in ["-1", "-9223372036854775808"] {
            assert!(parse("clients", text).is_ok(), "{text}");
        }
    }
}
