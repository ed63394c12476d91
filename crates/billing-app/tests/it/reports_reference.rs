//! What a report is, in the plainest words: filter, group, sum, sort, cut.

use std::{cmp::Ordering, collections::BTreeMap};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use time::{
    Date, Duration, OffsetDateTime, UtcOffset,
    format_description::well_known::Rfc3339,
    macros::{datetime, format_description},
};

pub(crate) const DIMENSIONS: [&str; 6] = [
    "client",
    "client_group",
    "device_type",
    "category",
    "valid",
    "date",
];

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    time: OffsetDateTime,
    /// What it is posted with, in minutes.
    offset: i16,
    client: i64,
    client_group: i64,
    device_type: &'static str,
    category: &'static str,
    valid: bool,
    millionths: i128,
}

impl Sample {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let day = Duration::DAY.whole_microseconds() as i64;
        let within = prop_oneof![Just(0), Just(1), Just(day - 1), Just(day / 2), 0..day];
        let time = (0..4_i64, within).prop_map(move |(days, within)| {
            datetime!(2024-02-27 0:00 UTC) + Duration::microseconds(days * day + within)
        });
        let devices = proptest::sample::select(vec!["phone", "tablet", "é \"x\"", "Phone"]);
        let categories = proptest::sample::select(vec!["view", "click", "a;b", "=1"]);
        let clients = proptest::sample::select(vec![1, -2, 3, i64::MAX]);
        let values = prop_oneof![
            Just(0),
            -5..5_i128,
            -99_999_999_999_999_999_999..=99_999_999_999_999_999_999_i128
        ];
        (
            time,
            -839..=839_i16,
            clients,
            0..3_i64,
            devices,
            categories,
            any::<bool>(),
            values,
        )
            .prop_map(
                |(time, offset, client, client_group, device_type, category, valid, millionths)| {
                    Self {
                        time,
                        offset,
                        client,
                        client_group,
                        device_type,
                        category,
                        valid,
                        millionths,
                    }
                },
            )
    }

    /// As it is posted.
    pub(crate) fn body(&self) -> Value {
        let offset = UtcOffset::from_whole_seconds(i32::from(self.offset) * 60).unwrap();
        json!({
            "timestamp": self.time.to_offset(offset).format(&Rfc3339).unwrap(),
            "client": self.client, "client_group": self.client_group, "device_type": self.device_type,
            "category": self.category, "valid": self.valid, "value": decimal(self.millionths),
        })
    }

    fn dimension(&self, name: &str) -> Cell {
        match name {
            "client" => Cell::Integer(self.client),
            "client_group" => Cell::Integer(self.client_group),
            "device_type" => Cell::Text(self.device_type.into()),
            "category" => Cell::Text(self.category.into()),
            "valid" => Cell::Bool(self.valid),
            "date" => Cell::Text(self.time.date().to_string()),
            other => panic!("{other}"),
        }
    }

    fn passes(&self, name: &str, value: &str) -> bool {
        let is_one = |dimension: &str| {
            let cell = self.dimension(dimension).text();
            value.split(',').any(|item| item == cell)
        };
        match name {
            "clients" => is_one("client"),
            "client_groups" => is_one("client_group"),
            "device_types" => is_one("device_type"),
            "categories" => is_one("category"),
            "valid" => is_one("valid"),
            "start_date" => match day(value) {
                Some(day) => self.time.date() >= day,
                None => self.time >= moment(value),
            },
            "end_date" => match day(value) {
                Some(day) => self.time.date() <= day,
                None => self.time <= moment(value),
            },
            _ => true,
        }
    }
}

fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

fn moment(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

/// A value of a dimension, in the order of reports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Integer(i64),
    Text(String),
    Bool(bool),
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Bool(value) => value.to_string(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Integer(value) => json!(value),
            Self::Text(value) => json!(value),
            Self::Bool(value) => json!(value),
        }
    }
}

/// Parameters as a URL has them, by their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask(BTreeMap<&'static str, String>);

impl Ask {
    pub(crate) fn of(parameters: &[(&'static str, &str)]) -> Self {
        let owned = parameters
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self(owned.collect())
    }

    /// Both; `None` when that would be refused: an order by what is not grouped, a start after its end.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        both.0.extend(other.0.clone());
        let grouped = both.group_by();
        let ordered = both.order_by();
        let is_known = |(key, _): &(String, bool)| {
            grouped.contains(key) || ["mean", "sum", "count"].contains(&key.as_str())
        };
        let start = both.0.get("start_date").map(|text| decoded(text));
        let end = both.0.get("end_date").map(|text| decoded(text));
        let in_order = match (start, end) {
            (Some(start), Some(end)) => {
                let first =
                    day(&start).map_or_else(|| moment(&start), |day| day.midnight().assume_utc());
                let last = day(&end).map_or_else(
                    || moment(&end),
                    |day| day.midnight().assume_utc() + (Duration::DAY - Duration::MICROSECOND),
                );
                first <= last
            }
            _ => true,
        };
        (in_order && ordered.iter().all(is_known)).then_some(both)
    }

    pub(crate) fn query(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn group_by(&self) -> Vec<String> {
        let named = self
            .0
            .get("group_by")
            .map(|text| text.split(',').map(str::to_owned).collect());
        named.unwrap_or_else(|| DIMENSIONS.map(str::to_owned).to_vec())
    }

    /// The names, and whether they are descending.
    fn order_by(&self) -> Vec<(String, bool)> {
        let named = self
            .0
            .get("order_by")
            .map(|text| text.split(',').collect::<Vec<_>>());
        let order = |text: &str| match text.strip_prefix('-') {
            Some(name) => (name.to_owned(), true),
            None => (text.to_owned(), false),
        };
        named.unwrap_or_default().into_iter().map(order).collect()
    }

    fn number(&self, name: &str, default: usize) -> usize {
        self.0
            .get(name)
            .map_or(default, |text| text.parse().unwrap())
    }
}

/// The texts of these tests have these escapes.
fn decoded(text: &str) -> String {
    text.replace("%2B", "+")
        .replace("%C3%A9", "é")
        .replace("%20", " ")
        .replace("%22", "\"")
}

/// A group: its dimensions, the sum in millionths, the count.
type Group = (Vec<Cell>, i128, i128);

pub(crate) fn expected(samples: &[Sample], ask: &Ask) -> Value {
    let names = ask.group_by();
    let mut groups: BTreeMap<Vec<Cell>, (i128, i128)> = BTreeMap::new();
    for sample in samples {
        if ask
            .0
            .iter()
            .all(|(name, value)| sample.passes(name, &decoded(value)))
        {
            let cells = names.iter().map(|name| sample.dimension(name)).collect();
            let group = groups.entry(cells).or_default();
            *group = (group.0 + sample.millionths, group.1 + 1);
        }
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(cells, (sum, count))| (cells, sum, count))
        .collect();
    // Stable: the groups are in the order of their dimensions already.
    groups.sort_by(|a, b| compare(a, b, &names, &ask.order_by()));
    let (offset, limit) = (ask.number("offset", 0), ask.number("limit", 100));
    let page = groups.iter().skip(offset).take(limit);
    json!({
        "data": page.map(|group| answered(group, &names)).collect::<Vec<_>>(),
        "pagination": { "offset": offset, "page_size": limit, "total_count": groups.len() },
    })
}

fn compare(a: &Group, b: &Group, names: &[String], order: &[(String, bool)]) -> Ordering {
    let by = |(key, descending): &(String, bool)| {
        let ordering = match key.as_str() {
            "mean" => mean(a).cmp(&mean(b)),
            "sum" => a.1.cmp(&b.1),
            "count" => a.2.cmp(&b.2),
            dimension => {
                let place = names.iter().position(|name| name == dimension).unwrap();
                a.0[place].cmp(&b.0[place])
            }
        };
        if *descending {
            ordering.reverse()
        } else {
            ordering
        }
    };
    order
        .iter()
        .map(by)
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn answered((cells, sum, count): &Group, names: &[String]) -> Value {
    let dimensions = names.iter().cloned().zip(cells.iter().map(Cell::json));
    let mut group: Map<String, Value> = dimensions.collect();
    group.insert(
        "mean".into(),
        json!(decimal(mean(&(Vec::new(), *sum, *count)))),
    );
    group.insert("sum".into(), json!(decimal(*sum)));
    group.insert("count".into(), json!(count));
    Value::Object(group)
}

/// In millionths, half away from zero.
fn mean((_, sum, count): &Group) -> i128 {
    sum.signum() * ((2 * sum.abs() + count) / (2 * count))
}

fn decimal(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, part) = (millionths.abs() / 1_000_000, millionths.abs() % 1_000_000);
    format!("{sign}{whole}.{part:06}")
}
