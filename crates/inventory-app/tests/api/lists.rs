//! Searching, paging, and lists that are longer than a chunk.

use platform::http::list::CHUNK;
use testing::send;

use crate::helpers::Inventory;

#[tokio::test]
async fn a_search_matches_any_part_whatever_the_case() {
    let inventory = Inventory::start().await;
    for title in ["The Matrix", "MATRIX reloaded", "Été"] {
        inventory.add(title).await;
    }
    assert_eq!(
        inventory.titles("/api/movies?title=matr").await,
        ["The Matrix", "MATRIX reloaded"]
    );
    assert_eq!(
        inventory.titles("/api/movies/?title=%C3%A9T%C3%A9").await,
        ["Été"]
    );
    assert_eq!(inventory.titles("/api/movies?title=").await.len(), 3);
    assert!(inventory.titles("/api/movies?title=none").await.is_empty());
}

#[tokio::test]
async fn signs_of_a_pattern_stand_for_themselves() {
    let inventory = Inventory::start().await;
    let titles = [
        "100%",
        "100x",
        "a_b",
        "axb",
        "c\\",
        "c",
        "O'Neil",
        "say \"hi\"",
    ];
    for title in titles {
        inventory.add(title).await;
    }
    let cases = [
        ("100%25", "100%"),
        ("a_b", "a_b"),
        ("%5C", "c\\"),
        ("c%5C", "c\\"),
        ("%27", "O'Neil"),
        ("%22", "say \"hi\""),
    ];
    for (query, title) in cases {
        assert_eq!(
            inventory
                .titles(&format!("/api/movies?title={query}"))
                .await,
            [title],
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_search_of_10000_characters_finds_nothing_and_nul_is_refused() {
    let inventory = Inventory::start().await;
    inventory.add("x").await;
    assert!(
        inventory
            .titles(&format!("/api/movies?title={}", "x".repeat(10_000)))
            .await
            .is_empty()
    );
    inventory
        .client
        .get("/api/movies?title=%00")
        .await
        .problem(400);
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let inventory = Inventory::start().await;
    for number in 0..7 {
        inventory.add(&format!("movie {number}")).await;
    }
    let (mut next, mut pages) = ("/api/movies?limit=3&title=movie".to_owned(), Vec::new());
    while !next.is_empty() {
        let answer = inventory.client.get(&next).await;
        pages.push(answer.json(200).as_array().unwrap().len());
        next = answer.next_page();
        assert!(next.is_empty() || next.contains("title=movie"), "{next}");
    }
    assert_eq!(pages, [3, 3, 1]);
}

#[tokio::test]
async fn a_limit_outside_1_to_1000_is_named() {
    let inventory = Inventory::start().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=",
        "after=x",
        "limit=1&limit=2",
    ] {
        inventory
            .client
            .get(&format!("/api/movies?{query}"))
            .await
            .problem(400);
    }
    inventory
        .client
        .get("/api/movies?limit=1000")
        .await
        .json(200);
}

#[tokio::test]
async fn a_long_list_is_whole_and_in_order_at_every_chunk_boundary() {
    let inventory = Inventory::start().await;
    let chunk = usize::from(CHUNK);
    let mut count = 0;
    // Chunks of short rows grow: they end after 1, 2, 4, 8 and 12 of the first size.
    let ends = [1, 2, 4, 8, 12].map(|chunks| chunks * chunk);
    for wanted in ends.into_iter().flat_map(|end| [end - 1, end, end + 1]) {
        let more = wanted - count;
        inventory
            .database
            .execute(&format!(
                "INSERT INTO movies (title) SELECT 'm' FROM generate_series(1, {more})"
            ))
            .await;
        count = wanted;
        let movies = inventory.client.get("/api/movies").await.json(200);
        let ids: Vec<_> = movies
            .as_array()
            .unwrap()
            .iter()
            .map(|movie| movie["id"].as_u64().unwrap())
            .collect();
        assert_eq!(ids, (1..=wanted as u64).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_list_is_cut_and_not_closed_when_the_database_goes_away_in_the_middle() {
    let inventory = Inventory::start().await;
    let text = "x".repeat(9_000);
    inventory
        .database
        .execute(&format!("INSERT INTO movies (title, description) SELECT 'm', '{text}' FROM generate_series(1, 5000)"))
        .await;
    let mut response = inventory
        .client
        .request("GET", "/api/movies")
        .send()
        .await
        .unwrap();
    response.chunk().await.unwrap();
    inventory
        .database
        .execute("ALTER TABLE movies RENAME TO gone")
        .await;
    assert!(
        response.bytes().await.is_err(),
        "a clean end would be a lie"
    );
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let inventory = Inventory::start().await;
    inventory.add("x").await;
    let answer = send(inventory.client.request("HEAD", "/api/movies")).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}
