//! Bikes by place, against a plain search over the same places.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use testing::until;

use crate::helpers::{Inventory, text};

/// The mean radius of the earth, in metres.
const RADIUS: f64 = 6_371_008.8;

/// Longitude and latitude.
type Place = (f64, f64);

/// Many at the edges of the globe.
fn place() -> impl Strategy<Value = Place> {
    let longitude = prop_oneof![
        -180.0..=180.0,
        179.9..=180.0,
        -180.0..=-179.9,
        Just(180.0),
        Just(-180.0),
        Just(0.0)
    ];
    let latitude = prop_oneof![
        -90.0..=90.0,
        89.9..=90.0,
        -90.0..=-89.9,
        Just(90.0),
        Just(-90.0),
        Just(0.0)
    ];
    (longitude, latitude)
}

fn radius() -> impl Strategy<Value = f64> {
    prop_oneof![1.0..20_100_000.0, 1.0..50_000.0, Just(20_100_000.0)]
}

/// The same ones at each run.
struct Random(TestRunner);

impl Random {
    fn new() -> Self {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    fn of<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).unwrap().current()
    }
}

fn haversine((west, south): Place, (east, north): Place) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let cosines = south.to_radians().cos() * north.to_radians().cos();
    let square = half(north - south) + cosines * half(east - west);
    2.0 * RADIUS * square.sqrt().min(1.0).asin()
}

fn is_within([west, south, east, north]: [f64; 4], (longitude, latitude): Place) -> bool {
    let spans = |longitude: f64| {
        if west <= east {
            (west..=east).contains(&longitude)
        } else {
            longitude >= west || longitude <= east
        }
    };
    // The antimeridian has two names.
    let on_edge = longitude.abs() == 180.0 && spans(-longitude);
    (spans(longitude) || on_edge) && (south..=north).contains(&latitude)
}

impl Inventory {
    /// Bikes at these places; the id of each is its index.
    async fn park_all(&self, places: &[Place]) {
        let rows = places.iter().enumerate();
        let rows: Vec<_> = rows
            .map(|(id, (longitude, latitude))| format!("('{id}', {longitude:?}, {latitude:?})"))
            .collect();
        let insert = format!(
            "INSERT INTO bikes.bikes (id, longitude, latitude) VALUES {}",
            rows.join(", ")
        );
        self.database.execute(&insert).await;
    }

    /// Indices and distances of a search.
    async fn search(&self, query: &str) -> Vec<(usize, Option<f64>)> {
        let list = self
            .client
            .get(&format!("/api/bikes?{query}"))
            .await
            .json(200);
        let list: Vec<Value> = serde_json::from_value(list).unwrap();
        let found = list.iter();
        found
            .map(|bike| {
                (
                    text(&bike["id"]).parse().unwrap(),
                    bike["distance_m"].as_f64(),
                )
            })
            .collect()
    }
}

#[tokio::test]
async fn a_box_has_what_is_in_it() {
    let (inventory, mut random) = (Inventory::start().await, Random::new());
    let places: Vec<Place> = (0..900).map(|_| random.of(place())).collect();
    inventory.park_all(&places).await;
    for _ in 0..60 {
        let ((west, one), (east, two)) = (random.of(place()), random.of(place()));
        let bbox = [west, one.min(two), east, one.max(two)];
        let found = inventory
            .search(&format!(
                "bbox={}",
                bbox.map(|degrees| degrees.to_string()).join(",")
            ))
            .await;
        let expected = (0..places.len()).filter(|index| is_within(bbox, places[*index]));
        let expected: Vec<_> = expected.map(|index| (index, None)).collect();
        assert_eq!(found, expected, "{bbox:?}");
    }
}

#[tokio::test]
async fn a_circle_has_what_is_near_and_the_nearest_first() {
    let (inventory, mut random) = (Inventory::start().await, Random::new());
    let mut places: Vec<Place> = (0..900).map(|_| random.of(place())).collect();
    places.extend_from_within(..50);
    inventory.park_all(&places).await;
    for round in 0..60 {
        let (centre, radius) = (random.of(place()), random.of(radius()));
        let bbox = if round % 2 == 0 {
            [-180.0, -90.0, 180.0, 90.0]
        } else {
            [170.0, -80.0, 10.0, 85.0]
        };
        let query = format!(
            "near={},{}&radius={radius}&bbox={}",
            centre.0,
            centre.1,
            bbox.map(|degrees| degrees.to_string()).join(",")
        );
        let found = inventory.search(&query).await;
        let mut expected: Vec<_> = places
            .iter()
            .map(|place| haversine(centre, *place))
            .enumerate()
            .collect();
        expected.retain(|(index, distance)| *distance <= radius && is_within(bbox, places[*index]));
        let mut indices: Vec<_> = found.iter().map(|(index, _)| *index).collect();
        for pair in found.windows(2) {
            let same = places[pair[0].0] == places[pair[1].0];
            let ordered = if same {
                pair[0].0 < pair[1].0
            } else {
                pair[0].1 <= pair[1].1
            };
            assert!(ordered, "{query}: {pair:?}");
        }
        for (index, distance) in &found {
            let (distance, true_one) = (distance.unwrap(), haversine(centre, places[*index]));
            // One decimal; haversine itself is exact to less than a metre at the antipodes.
            assert!(
                (distance - true_one).abs() < 0.06 + 1e-7 * true_one,
                "{query}: {distance} is {true_one}"
            );
        }
        indices.sort_unstable();
        assert_eq!(
            indices,
            expected.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            "{query}"
        );
    }
}

#[tokio::test]
async fn all_longitudes_of_a_pole_are_one_place() {
    let inventory = Inventory::start().await;
    inventory
        .park_all(&[(0.0, 90.0), (90.0, 90.0), (-180.0, 89.999), (10.0, 89.0)])
        .await;
    let found = inventory.search("near=45,90&radius=200").await;
    let distances: Vec<_> = found
        .iter()
        .map(|(_, distance)| distance.unwrap())
        .collect();
    assert_eq!(distances, [0.0, 0.0, 111.2]);
}

#[tokio::test]
async fn a_place_is_near_over_the_antimeridian() {
    let inventory = Inventory::start().await;
    inventory
        .park_all(&[
            (179.999, 0.0),
            (-179.999, 0.0),
            (180.0, 0.0),
            (-180.0, 0.0),
            (0.0, 0.0),
        ])
        .await;
    let found = inventory.search("near=-180,0&radius=150").await;
    let expected = [(2, 0.0), (3, 0.0), (0, 111.2), (1, 111.2)];
    assert_eq!(
        found,
        expected.map(|(index, distance)| (index, Some(distance)))
    );
    let found = inventory.search("bbox=179.9995,-1,-179.9995,1").await;
    assert_eq!(found, [(2, None), (3, None)]);
}

/// The square of such a difference is smaller than any float, which PostgreSQL refuses.
#[tokio::test]
async fn places_that_hardly_differ_are_one_place() {
    let inventory = Inventory::start().await;
    for coordinates in ["[0,0]", "[1e-200,-1e-200]", "[5e-324,5e-324]"] {
        let body = format!(r#"{{"location":{{"type":"Point","coordinates":{coordinates}}}}}"#);
        let bike = inventory.client.post_text("/api/bikes", body).await;
        let bike = bike.json(201);
        assert_eq!(bike["location"]["coordinates"], json!([0.0, 0.0]));
    }
    for centre in ["0,0", "-1e-200,1e-200", "5e-324,5e-324", "1e-12,0"] {
        let found = format!("/api/bikes?near={centre}&radius=1");
        let found = inventory.client.get(&found).await.json(200);
        let found = found.as_array().unwrap().iter();
        let distances: Vec<_> = found.map(|bike| &bike["distance_m"]).collect();
        assert_eq!(distances, [0.0; 3], "{centre}");
    }
}

/// Without a limit the list of the nearest is a page, too.
#[tokio::test]
async fn of_more_than_a_thousand_near_the_next_are_linked() {
    let inventory = Inventory::start().await;
    inventory.park_all(&vec![(1.0, 1.0); 1_001]).await;
    let answer = inventory.client.get("/api/bikes?near=1,1&radius=10").await;
    assert_eq!(answer.json(200).as_array().unwrap().len(), 1_000);
    assert_eq!(inventory.ids(&answer.next_page()).await, ["1000"]);
}

/// The last of the searches has two boxes.
#[tokio::test]
async fn a_search_among_100000_bikes_uses_the_index() {
    let inventory = Inventory::start().await;
    let insert = "INSERT INTO bikes.bikes (id, longitude, latitude)
         SELECT number, (number * 0.618) % 360 - 180, (number * 0.414) % 180 - 90
         FROM generate_series(1, 100000) AS number;
         ANALYZE bikes.bikes; SELECT pg_stat_reset()";
    inventory.database.execute(insert).await;
    for query in [
        "bbox=13,52,14,53",
        "near=13.4,52.5&radius=50000",
        "near=179.99,-17&radius=50000&status=available",
    ] {
        assert!(inventory.search(query).await.len() < 100);
    }
    let scans =
        "SELECT idx_scan >= 4 FROM pg_stat_user_indexes WHERE indexrelname = 'bikes_location'";
    let used = async || inventory.database.value(scans).await == "t";
    until(used, "the index was used for each box").await;
    let read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'bikes' AND relname = 'bikes'";
    assert_eq!(inventory.database.value(read).await, "0");
}
