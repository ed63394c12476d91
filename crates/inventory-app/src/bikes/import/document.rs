//! One item of the file: a bike, or why it is none.

use messages::{geo::Point, locations::BIKE_ID_MAX};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{bikes::model::Import, segment};

/// The last step of a path that is not a bike: `GET /api/bikes/stream`.
const RESERVED: &str = "stream";

/// What an item says, each part as far as it can be read.
#[derive(Debug)]
pub(super) struct Document {
    id: Result<String, String>,
    rest: Result<(Point, Status), String>,
}

/// The fields that count; each is read by itself, so that a bike with a wrong place is still known by its id.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    _id: Option<&'a RawValue>,
    #[serde(borrow)]
    location: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

/// A text, or an `ObjectId` of MongoDB.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Object {
        #[serde(rename = "$oid")]
        oid: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    Number(i64),
    Name(String),
}

impl Document {
    /// Reads an item. Fields that are not of a bike are ignored.
    pub(super) fn parse(item: &RawValue) -> Self {
        let fields: Result<Fields<'_>, _> = serde_json::from_str(item.get());
        match fields {
            Ok(fields) if item.get().starts_with('{') => Self {
                id: fields.id(),
                rest: fields.rest(),
            },
            Err(error) if item.get().starts_with('{') => Self::no_bike(error.to_string()),
            _ => Self::no_bike("is no object".to_owned()),
        }
    }

    /// The bike, or what is wrong, with its id if there is one.
    pub(super) fn check(self) -> Result<Import, String> {
        let id = self.id?;
        let checked = check_id(&id).map_err(str::to_owned);
        let place = checked.and(self.rest).and_then(|(place, status)| {
            status.check()?;
            Ok(place)
        });
        let place = place.map_err(|wrong| format!("{id:?}: {wrong}"))?;
        Ok(Import {
            id,
            longitude: place.longitude(),
            latitude: place.latitude(),
        })
    }

    fn no_bike(wrong: String) -> Self {
        Self {
            id: Err(wrong),
            rest: Err(String::new()),
        }
    }
}

impl Fields<'_> {
    fn id(&self) -> Result<String, String> {
        let id = self.id.or(self._id).ok_or("has no id")?;
        match field("id", id)? {
            Id::Text(id) | Id::Object { oid: id } => Ok(id),
        }
    }

    fn rest(&self) -> Result<(Point, Status), String> {
        let location = self.location.ok_or("has no location")?;
        let status = self.status.map(|status| field("status", status));
        let available = Status::Number(1);
        Ok((
            field("location", location)?,
            status.transpose()?.unwrap_or(available),
        ))
    }
}

impl Status {
    fn check(self) -> Result<(), String> {
        match self {
            Self::Number(1) => Ok(()),
            Self::Name(name) if name == "available" => Ok(()),
            Self::Number(_) | Self::Name(_) => {
                Err("status: must be 1 or \"available\", as it has no trip here".to_owned())
            }
        }
    }
}

fn field<T: DeserializeOwned>(name: &str, json: &RawValue) -> Result<T, String> {
    serde_json::from_str(json.get()).map_err(|error| format!("{name}: {error}"))
}

fn check_id(id: &str) -> Result<(), &'static str> {
    if !matches!(id.chars().count(), 1..=BIKE_ID_MAX) {
        return Err("id: must have 1 to 64 characters");
    }
    if id == RESERVED {
        return Err("id: must not be the name of a route");
    }
    segment::check(id)
}
