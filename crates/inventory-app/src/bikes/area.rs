//! Parts of the globe as boxes of degrees, for the index on the places of bikes.
//!
//! A part that crosses the antimeridian becomes two boxes. The boxes of one part never overlap, so that a bike lies in one of
//! them at most. At a pole the longitude of a place counts as it was sent.

use messages::geo::{LATITUDE_MAX, LONGITUDE_MAX, Point};

/// The mean radius of the earth, in metres.
pub(super) const EARTH_RADIUS: f64 = 6_371_008.8;

/// What is added to the box around a circle, in degrees (a centimetre), so that rounding loses no bike at its edge.
const MARGIN: f64 = 1e-7;

/// A box of degrees whose west is not east of its east, edges included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    pub(super) west: f64,
    pub(super) south: f64,
    pub(super) east: f64,
    pub(super) north: f64,
}

/// A part of the globe; without a box it is empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Area(pub(super) Vec<Rectangle>);

impl Area {
    /// From the meridian `west` eastwards to `east`, over the antimeridian when `west` is larger. An edge on the antimeridian
    /// counts from both sides: it is one meridian with two names.
    pub(super) fn between(west: f64, south: f64, east: f64, north: f64) -> Self {
        let spans = if west > east {
            vec![(west, LONGITUDE_MAX), (-LONGITUDE_MAX, east)]
        } else if east == LONGITUDE_MAX && west > -LONGITUDE_MAX {
            vec![(west, east), (-LONGITUDE_MAX, -LONGITUDE_MAX)]
        } else if west == -LONGITUDE_MAX && east < LONGITUDE_MAX {
            vec![(west, east), (LONGITUDE_MAX, LONGITUDE_MAX)]
        } else {
            vec![(west, east)]
        };
        let rectangle = |(west, east)| Rectangle {
            west,
            south,
            east,
            north,
        };
        Self(spans.into_iter().map(rectangle).collect())
    }

    /// Around a circle of `radius` metres. One that reaches a pole meets every meridian.
    pub(super) fn around(centre: Point, radius: f64) -> Self {
        let angle = radius / EARTH_RADIUS;
        let height = angle.to_degrees() + MARGIN;
        let south = (centre.latitude() - height).max(-LATITUDE_MAX);
        let north = (centre.latitude() + height).min(LATITUDE_MAX);
        let whole = || Self::between(-LONGITUDE_MAX, south, LONGITUDE_MAX, north);
        if south == -LATITUDE_MAX || north == LATITUDE_MAX {
            return whole();
        }
        let width = (angle.sin() / centre.latitude().to_radians().cos()).asin();
        let width = width.to_degrees() + MARGIN;
        // Not a number: the circle reaches the pole by less than rounding can tell.
        if width.is_nan() || width >= LONGITUDE_MAX {
            return whole();
        }
        let (west, east) = (centre.longitude() - width, centre.longitude() + width);
        Self::between(on_globe(west), south, on_globe(east), north)
    }

    /// What lies in both.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let pairs = self
            .0
            .iter()
            .flat_map(|one| other.0.iter().filter_map(|two| one.intersection(two)));
        Self(pairs.collect())
    }
}

impl Rectangle {
    fn intersection(&self, other: &Self) -> Option<Self> {
        let both = Self {
            west: self.west.max(other.west),
            south: self.south.max(other.south),
            east: self.east.min(other.east),
            north: self.north.min(other.north),
        };
        (both.west <= both.east && both.south <= both.north).then_some(both)
    }
}

/// A longitude that is at most one circle off.
fn on_globe(longitude: f64) -> f64 {
    if longitude > LONGITUDE_MAX {
        longitude - 2.0 * LONGITUDE_MAX
    } else if longitude < -LONGITUDE_MAX {
        longitude + 2.0 * LONGITUDE_MAX
    } else {
        longitude
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(area: &Area) -> Vec<(f64, f64)> {
        let spans = area.0.iter();
        spans.map(|part| (part.west, part.east)).collect()
    }

    fn contains(area: &Area, place: Point) -> usize {
        let (longitude, latitude) = (place.longitude(), place.latitude());
        let holding = area.0.iter().filter(|part| {
            (part.west..=part.east).contains(&longitude)
                && (part.south..=part.north).contains(&latitude)
        });
        holding.count()
    }

    /// The great-circle distance, from the chord between two points of the sphere.
    fn distance(one: Point, two: Point) -> f64 {
        let vector = |place: Point| {
            let (longitude, latitude) = (
                place.longitude().to_radians(),
                place.latitude().to_radians(),
            );
            let (east, north) = (longitude.sin_cos(), latitude.sin_cos());
            [north.1 * east.1, north.1 * east.0, north.0]
        };
        let (one, two) = (vector(one), vector(two));
        let chord = one.iter().zip(two).map(|(a, b)| (a - b).powi(2));
        2.0 * EARTH_RADIUS * (chord.sum::<f64>().sqrt() / 2.0).min(1.0).asin()
    }

    #[test]
    fn a_box_over_the_antimeridian_is_two() {
        let spans = |west, east| spans(&Area::between(west, -1.0, east, 1.0));
        assert_eq!(spans(170.0, -170.0), [(170.0, 180.0), (-180.0, -170.0)]);
        assert_eq!(spans(10.0, 20.0), [(10.0, 20.0)]);
        assert_eq!(spans(170.0, 180.0), [(170.0, 180.0), (-180.0, -180.0)]);
        assert_eq!(spans(-180.0, -170.0), [(-180.0, -170.0), (180.0, 180.0)]);
        assert_eq!(spans(-180.0, 180.0), [(-180.0, 180.0)]);
        assert_eq!(spans(180.0, -180.0), [(180.0, 180.0), (-180.0, -180.0)]);
    }

    #[test]
    fn a_circle_at_a_pole_meets_every_meridian() {
        for latitude in [90.0, 89.999, -89.999, -90.0] {
            let centre = Point::new(13.0, latitude).unwrap();
            assert_eq!(spans(&Area::around(centre, 200.0)), [(-180.0, 180.0)]);
        }
        let centre = Point::new(179.9999, 0.0).unwrap();
        assert_eq!(spans(&Area::around(centre, 1_000.0)).len(), 2);
    }

    fn degrees(max: f64) -> impl Strategy<Value = f64> {
        prop_oneof![-max..=max, Just(max), Just(-max), Just(0.0)]
    }

    fn place() -> impl Strategy<Value = Point> {
        let degrees = (degrees(LONGITUDE_MAX), degrees(LATITUDE_MAX));
        degrees.prop_map(|(longitude, latitude)| Point::new(longitude, latitude).unwrap())
    }

    proptest! {
        #[test]
        fn every_place_of_a_circle_is_in_one_box(centre in place(), place in place(), beyond in 1.0..1.1) {
            let radius = distance(centre, place) * beyond;
            prop_assert_eq!(contains(&Area::around(centre, radius), place), 1);
        }

        #[test]
        fn an_intersection_has_what_is_in_both(corners in [degrees(180.0), degrees(180.0)], centre in place(), radius in 1.0..20_000_000.0, place in place()) {
            let one = Area::between(corners[0], -60.0, corners[1], 60.0);
            let two = Area::around(centre, radius);
            let both = contains(&one, place) * contains(&two, place);
            prop_assert_eq!(contains(&one.intersection(&two), place), both);
        }
    }
}
