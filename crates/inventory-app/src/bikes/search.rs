//! Which bikes a client asks for: the parameters of the list, read strictly. What is wrong is a 400 that names it.

use std::{fmt, str::FromStr};

use messages::geo::{LATITUDE_MAX, LONGITUDE_MAX, Point};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    area::Area,
    model::{Filter, Near},
    status::Status,
};

/// More than half of the earth's circumference: every place is nearer.
const RADIUS_MAX: f64 = 20_100_000.0;

/// Which bikes. All parameters may be combined.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Those with this status.
    #[param(value_type = Option<Status>)]
    status: Option<String>,
    /// Those within a box of degrees: west, south, east, north. A west that is larger than the east makes a box over the
    /// antimeridian.
    #[param(example = "13.3,52.4,13.5,52.6")]
    bbox: Option<String>,
    /// Those around this place (longitude, latitude), nearest first; with `radius`.
    #[param(example = "13.4,52.52")]
    near: Option<String>,
    /// How far around `near`, in metres: more than 0, at most 20100000.
    #[param(example = "500")]
    radius: Option<String>,
}

impl SearchQuery {
    /// What it asks for.
    ///
    /// # Errors
    /// 400, which names the parameter.
    pub(super) fn filter(self) -> Result<Filter, Problem> {
        let status = self.status.map(|name| status(&name)).transpose()?;
        let bbox = self.bbox.map(|text| bbox(&text)).transpose()?;
        let near = near(self.near, self.radius)?;
        let around = near.map(|near| Area::around(near.centre, near.radius));
        let area = match (bbox, around) {
            (Some(bbox), Some(around)) => Some(bbox.intersection(&around)),
            (bbox, around) => bbox.or(around),
        };
        Ok(Filter { status, area, near })
    }
}

/// The place of a bike in a list: by distance, where the list has one, then by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Key {
    pub(super) distance: Option<f64>,
    pub(super) number: i64,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(distance) = self.distance {
            write!(formatter, "{distance},")?;
        }
        write!(formatter, "{}", self.number)
    }
}

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (distance, number) = match text.split_once(',') {
            Some((distance, number)) => (Some(distance), number),
            None => (None, text),
        };
        Ok(Self {
            distance: distance.map(str::parse).transpose().map_err(drop)?,
            number: number.parse().map_err(drop)?,
        })
    }
}

fn status(name: &str) -> Result<Status, Problem> {
    Status::of(name).ok_or_else(|| Problem::bad_request("`status` must be available or in_use"))
}

fn bbox(text: &str) -> Result<Area, Problem> {
    let wrong = || {
        Problem::bad_request(
            "`bbox` must be W,S,E,N: longitudes from -180 to 180, latitudes from -90 to 90, S not above N",
        )
    };
    let [west, south, east, north] = numbers(text).ok_or_else(wrong)?;
    let fits = |degrees: f64, max: f64| (-max..=max).contains(&degrees);
    let longitudes = fits(west, LONGITUDE_MAX) && fits(east, LONGITUDE_MAX);
    let latitudes = fits(south, LATITUDE_MAX) && fits(north, LATITUDE_MAX);
    if longitudes && latitudes && south <= north {
        Ok(Area::between(west, south, east, north))
    } else {
        Err(wrong())
    }
}

fn near(near: Option<String>, radius: Option<String>) -> Result<Option<Near>, Problem> {
    match (near, radius) {
        (None, None) => Ok(None),
        (Some(near), Some(radius)) => Ok(Some(Near {
            centre: centre(&near)?,
            radius: metres(&radius)?,
        })),
        (Some(_), None) => Err(Problem::bad_request("`near` needs a `radius`")),
        (None, Some(_)) => Err(Problem::bad_request("`radius` needs a `near`")),
    }
}

fn centre(text: &str) -> Result<Point, Problem> {
    let place = numbers(text).map(|[longitude, latitude]| Point::new(longitude, latitude));
    let place = place.and_then(Result::ok);
    place.ok_or_else(|| {
        Problem::bad_request(
            "`near` must be LON,LAT: a longitude from -180 to 180 and a latitude from -90 to 90",
        )
    })
}

fn metres(text: &str) -> Result<f64, Problem> {
    let metres = numbers(text).map(|[metres]| metres);
    let metres = metres.filter(|metres| *metres > 0.0 && *metres <= RADIUS_MAX);
    metres.ok_or_else(|| {
        Problem::bad_request(format!(
            "`radius` must be a number of metres above 0, at most {RADIUS_MAX}"
        ))
    })
}

/// Exactly so many finite numbers with commas between them.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    numbers?.try_into().ok()
}

/// Digits, a point, a sign, an exponent; Rust alone would read names of numbers, too.
fn number(text: &str) -> Option<f64> {
    let is_named =
        text.contains(|letter: char| letter.is_alphabetic() && letter != 'e' && letter != 'E');
    let number = text.parse().ok().filter(|_| !is_named);
    number.filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for (text, distance) in [("7", None), ("0.1,7", Some(0.1)), ("1e-7,7", Some(1e-7))] {
            let key = Key {
                distance,
                number: 7,
            };
            assert_eq!(text.parse(), Ok(key));
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for wrong in ["", ",", "x", "1,x", "x,1", "1,2,3"] {
            assert_eq!(wrong.parse::<Key>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_finite_and_as_many_as_wanted() {
        assert_eq!(numbers("1,-2.5"), Some([1.0, -2.5]));
        assert_eq!(numbers("1e2"), Some([100.0]));
        for wrong in [
            "", "1", "1,2,3", "1,", "NaN,1", "1,inf", "1e400,1", " 1,2", "1;2", "-,2",
        ] {
            assert_eq!(numbers::<2>(wrong), None, "{wrong}");
        }
    }
}
