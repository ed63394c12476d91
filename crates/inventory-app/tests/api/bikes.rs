//! The routes of bikes, but for the search by place and the live feed.

use serde_json::{Value, json};

use crate::helpers::{Inventory, text};

impl Inventory {
    /// The ids that a GET of `path` lists.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        let list = self.client.get(path).await.json(200);
        let list = list.as_array().unwrap().iter();
        list.map(|item| text(&item["id"])).collect()
    }

    /// The pointer of the 422 that answers a POST of a bike with this location.
    async fn refused_location(&self, location: &str) -> String {
        let body = format!(r#"{{"location":{location}}}"#);
        let answer = self.client.post_text("/api/bikes", body).await;
        text(&answer.problem(422)["errors"][0]["pointer"])
    }
}

#[tokio::test]
async fn a_posted_bike_is_answered_with_its_place_and_found_there() {
    let inventory = Inventory::start().await;
    let location = json!({ "type": "Point", "coordinates": [13.4, -52.5] });
    let body = json!({ "location": location, "status": "ignored" });
    let answer = inventory.client.post("/api/bikes/", &body).await;
    let bike = answer.json(201);
    let id = text(&bike["id"]);
    assert_eq!(answer.header("location"), format!("/api/bikes/{id}"));
    let expected = json!({ "id": id, "status": "available", "location": location });
    assert_eq!(bike, expected);
    let path = format!("/api/bikes/{id}");
    assert_eq!(inventory.client.get(&path).await.json(200), expected);
    let list = inventory.client.get("/api/bikes").await.json(200);
    assert_eq!(list, json!([expected]));
}

/// To its last digit, which a careless reader of JSON loses.
#[tokio::test]
async fn a_place_is_answered_as_it_was_sent() {
    let inventory = Inventory::start().await;
    let body = r#"{"location":{"type":"Point","coordinates":[123.08661047817981,-52.5]}}"#;
    inventory
        .client
        .post_text("/api/bikes", body)
        .await
        .json(201);
    let list = inventory.client.get("/api/bikes").await.body;
    assert!(String::from_utf8_lossy(&list).contains("[123.08661047817981,-52.5]"));
}

#[tokio::test]
async fn a_location_that_is_not_on_the_globe_is_a_422() {
    let inventory = Inventory::start().await;
    for (coordinates, pointer) in [
        ("[180.001,0]", "/location"),
        ("[52.5,133.4]", "/location"),
        ("[1e400,0]", "/location"),
        ("[1,2,3]", "/location"),
        ("[1]", "/location"),
        (r#"["1","2"]"#, "/location"),
        ("null", "/location"),
    ] {
        let location = format!(r#"{{"type":"Point","coordinates":{coordinates}}}"#);
        let refused = inventory.refused_location(&location).await;
        assert!(refused.starts_with(pointer), "{coordinates}: {refused}");
    }
    for wrong in [
        "[1,2]",
        "null",
        "7",
        "{}",
        r#"{"type":"Line","coordinates":[1,2]}"#,
    ] {
        let refused = inventory.refused_location(wrong).await;
        assert!(refused.starts_with("/location"), "{wrong}: {refused}");
    }
    let nan = r#"{"location":{"type":"Point","coordinates":[NaN,0]}}"#;
    inventory
        .client
        .post_text("/api/bikes", nan)
        .await
        .problem(400);
    assert!(inventory.ids("/api/bikes").await.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_a_404_whatever_its_id() {
    let inventory = Inventory::start().await;
    inventory.park(0.0, 0.0).await;
    for id in [
        "x",
        "%20",
        "7",
        &"x".repeat(1_000),
        "%27;DROP%20SCHEMA%20bikes;--",
    ] {
        inventory
            .client
            .get(&format!("/api/bikes/{id}"))
            .await
            .problem(404);
    }
    inventory.client.get("/api/bikes/%00").await.problem(400);
}

#[tokio::test]
async fn a_list_is_filtered_by_status_and_paged() {
    let inventory = Inventory::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(inventory.park(f64::from(number), 0.0).await);
    }
    let taken = format!(
        "UPDATE bikes.bikes SET status = 'in_use' WHERE id = '{}'",
        ids[1]
    );
    inventory.database.execute(&taken).await;
    assert_eq!(inventory.ids("/api/bikes").await, ids);
    assert_eq!(
        inventory.ids("/api/bikes?status=in_use").await,
        [ids.remove(1)]
    );
    for query in [
        "status=available&limit=3",
        "status=available&bbox=-180,-90,180,90&limit=3",
    ] {
        assert_eq!(
            inventory.pages(&format!("/api/bikes?{query}")).await,
            [&ids[..3], &ids[3..]]
        );
    }
    let nearest = "/api/bikes?status=available&near=0,0&radius=1000000&limit=3";
    assert_eq!(inventory.pages(nearest).await, [&ids[..3], &ids[3..]]);
}

impl Inventory {
    /// The ids of each page from `path` on.
    async fn pages(&self, path: &str) -> Vec<Vec<String>> {
        let pages = self.client.pages(path).await;
        let ids = |page: Vec<Value>| page.iter().map(|bike| text(&bike["id"])).collect();
        pages.into_iter().map(ids).collect()
    }
}

#[tokio::test]
async fn a_parameter_that_means_nothing_is_a_400_that_names_it() {
    let inventory = Inventory::start().await;
    for (name, query) in [
        ("status", "status=free"),
        ("status", "status="),
        ("status", "status=available&status=in_use"),
        ("bbox", "bbox="),
        ("bbox", "bbox=1,2,3"),
        ("bbox", "bbox=1,2,3,4,5"),
        ("bbox", "bbox=1,4,3,2"),
        ("bbox", "bbox=1,2,NaN,4"),
        ("bbox", "bbox=1,2,inf,4"),
        ("bbox", "bbox=1,2,181,4"),
        ("bbox", "bbox=1,-91,3,4"),
        ("bbox", "bbox=a,b,c,d"),
        ("near", "near=1,2"),
        ("near", "near=1&radius=5"),
        ("near", "near=1,2,3&radius=5"),
        ("near", "near=52.5,133.4&radius=5"),
        ("near", "near=NaN,2&radius=5"),
        ("radius", "radius=5"),
        ("radius", "near=1,2&radius=0"),
        ("radius", "near=1,2&radius=-5"),
        ("radius", "near=1,2&radius=20100001"),
        ("radius", "near=1,2&radius=NaN"),
        ("radius", "near=1,2&radius=1,2"),
        ("after", "after=1.5,7"),
        ("after", "near=1,2&radius=5&after=7"),
        ("after", "after=x"),
        ("limit", "limit=0"),
    ] {
        let answer = inventory.client.get(&format!("/api/bikes?{query}")).await;
        let detail = text(&answer.problem(400)["detail"]);
        assert!(detail.contains(&format!("`{name}`")), "{query}: {detail}");
    }
}
