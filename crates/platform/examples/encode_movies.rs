//! Answers a page of 100 movies, `encode_movies COUNT` times, for `scripts/lib/instructions`: what the inventory does with the rows
//! that it has read.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]

use std::{env, hint::black_box};

use axum::{body::to_bytes, extract::FromRequestParts, http::Request};
use platform::{
    http::list::{self, Page, Rows},
    problem::Problem,
};
use serde::Serialize;

/// As the inventory has it.
#[derive(Clone, Serialize)]
struct Movie {
    id: i64,
    title: String,
    description: Option<String>,
}

/// Any number of movies.
#[derive(Clone)]
struct Movies;

impl Rows for Movies {
    type Row = Movie;
    type Key = i64;

    async fn after(&self, last: Option<i64>, count: u16) -> Result<Vec<Movie>, Problem> {
        let first = last.unwrap_or(0) + 1;
        Ok((first..).take(count.into()).map(movie).collect())
    }

    fn key(movie: &Movie) -> i64 {
        movie.id
    }
}

fn movie(id: i64) -> Movie {
    Movie {
        id,
        title: "A new movie".to_owned(),
        description: Some("Very short description".to_owned()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let count: u32 = env::args().nth(1).unwrap().parse().unwrap();
    for _ in 0..count {
        black_box(answer().await);
    }
}

/// The length of the answer's body.
async fn answer() -> usize {
    let request = Request::get("/api/movies?limit=100").body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    let page = Page::from_request_parts(&mut parts, &()).await.unwrap();
    let answer = list::answer(Movies, page).await.unwrap();
    to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap()
        .len()
}
