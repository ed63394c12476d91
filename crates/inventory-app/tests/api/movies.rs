//! The six routes of movies.

use serde_json::json;
use testing::send;

use crate::helpers::Inventory;

#[tokio::test]
async fn a_posted_movie_is_answered_with_its_id_and_place_and_is_in_the_table() {
    let inventory = Inventory::start().await;
    let body = json!({ "title": "A new movie", "description": "Very short description" });
    let answer = inventory.client.post("/api/movies/", &body).await;
    assert_eq!(
        answer.json(200),
        json!({ "id": 1, "title": "A new movie", "description": "Very short description" })
    );
    assert_eq!(answer.header("location"), "/api/movies/1");
    assert_eq!(
        inventory
            .database
            .value("SELECT title FROM movies WHERE id = 1")
            .await,
        "A new movie"
    );
}

#[tokio::test]
async fn a_movie_is_found_by_its_id_with_and_without_a_slash() {
    let inventory = Inventory::start().await;
    let id = inventory.add("One").await;
    for path in [format!("/api/movies/{id}"), format!("/api/movies/{id}/")] {
        assert_eq!(inventory.client.get(&path).await.json(200)["title"], "One");
    }
}

#[tokio::test]
async fn a_title_is_trimmed_and_a_description_is_kept_as_it_is() {
    let inventory = Inventory::start().await;
    let body = json!({ "title": " \t Ran \u{a0}", "description": " two  blanks " });
    let movie = inventory.client.post("/api/movies", &body).await.json(200);
    assert_eq!(
        (&movie["title"], &movie["description"]),
        (&json!("Ran"), &json!(" two  blanks "))
    );
}

#[tokio::test]
async fn a_put_replaces_the_whole_movie() {
    let inventory = Inventory::start().await;
    let body = json!({ "title": "Old", "description": "gone afterwards" });
    inventory.client.post("/api/movies", &body).await.json(200);
    let movie = inventory
        .client
        .put("/api/movies/1", &json!({ "title": "New" }))
        .await
        .json(200);
    assert_eq!(
        movie,
        json!({ "id": 1, "title": "New", "description": null })
    );
    assert_eq!(inventory.client.get("/api/movies/1").await.json(200), movie);
}

#[tokio::test]
async fn deleting_one_leaves_the_others_and_deleting_all_counts_them() {
    let inventory = Inventory::start().await;
    for title in ["a", "b", "c"] {
        inventory.add(title).await;
    }
    assert_eq!(
        inventory.client.delete("/api/movies/2").await.json(200),
        json!({ "deleted": 1 })
    );
    assert_eq!(inventory.titles("/api/movies").await, ["a", "c"]);
    assert_eq!(
        inventory.client.delete("/api/movies").await.json(200),
        json!({ "deleted": 2 })
    );
    assert_eq!(inventory.client.get("/api/movies").await.body, "[]");
}

#[tokio::test]
async fn what_is_not_there_is_a_404_for_every_method() {
    let inventory = Inventory::start().await;
    for id in [
        "0",
        "-1",
        "7",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
    ] {
        let path = format!("/api/movies/{id}");
        inventory.client.get(&path).await.problem(404);
        inventory.client.delete(&path).await.problem(404);
        inventory
            .client
            .put(&path, &json!({ "title": "x" }))
            .await
            .problem(404);
    }
}

#[tokio::test]
async fn an_id_that_is_no_number_is_a_400() {
    let inventory = Inventory::start().await;
    for id in ["text", "1.5", "0x1", "-", "+1", "1%20", "%E2%82%AC", "NaN"] {
        inventory
            .client
            .get(&format!("/api/movies/{id}"))
            .await
            .problem(400);
    }
}

#[tokio::test]
async fn a_wrong_method_names_those_that_are_taken() {
    let inventory = Inventory::start().await;
    for (path, allowed) in [
        ("/api/movies", ["GET", "HEAD", "POST", "DELETE"]),
        ("/api/movies/1", ["GET", "HEAD", "PUT", "DELETE"]),
    ] {
        let answer = send(inventory.client.request("PATCH", path)).await;
        answer.problem(405);
        for method in allowed {
            assert!(
                answer.header("allow").contains(method),
                "{path}: {}",
                answer.header("allow")
            );
        }
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_or_made() {
    let inventory = Inventory::start().await;
    let given = send(
        inventory
            .client
            .request("GET", "/api/none")
            .header("x-request-id", "mine-1"),
    )
    .await;
    assert_eq!(given.problem(404)["request_id"], "mine-1");
    let long = "x".repeat(129);
    let made = send(
        inventory
            .client
            .request("GET", "/api/movies")
            .header("x-request-id", long),
    )
    .await;
    assert_eq!(made.header("x-request-id").len(), 36);
}
