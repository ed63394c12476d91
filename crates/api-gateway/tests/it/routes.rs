//! Every path and method goes where the table says, and nowhere else.

use std::collections::BTreeSet;

use api_gateway::{
    auth::Access,
    table::{Backend, TABLE, Target},
};
use testing::send;

use crate::{
    helpers::{NOBODY, Setup, before, serve},
    stub::Stub,
};

#[tokio::test]
async fn each_operation_that_needs_no_user_reaches_its_service() {
    let (inventory, billing) = (Stub::json("{}").await, Stub::json("{}").await);
    let gateway = serve(Setup {
        inventory: inventory.port,
        billing: billing.port,
        ..Setup::default()
    })
    .await;
    let mut forwarded = 0;
    for operation in TABLE {
        let stub = match operation.target {
            Target::Forward(Backend::Inventory) => &inventory,
            Target::Forward(Backend::Billing) => &billing,
            Target::Publish(_) => continue,
        };
        let path = concrete(operation.path);
        let method = operation.method.as_str();
        if operation.access == Access::User {
            send(gateway.client.request(method, &path))
                .await
                .problem(401);
            continue;
        }
        forwarded += 2;
        for path in [path.clone(), format!("{path}/")] {
            let answer = send(gateway.client.request(method, &path)).await;
            assert_eq!(answer.status, 200, "{operation:?}");
            let expected = format!(
                "{} {} HTTP/1.1",
                operation.method,
                path.trim_end_matches('/')
            );
            assert_eq!(stub.seen().last().unwrap().line(), expected);
        }
    }
    assert_eq!(inventory.seen().len() + billing.seen().len(), forwarded);
}

/// The path with a value in each place.
fn concrete(path: &str) -> String {
    let segments = path.split('/');
    let segments = segments.map(|segment| {
        if segment.starts_with('{') {
            "7"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_wrong_method_is_a_405_that_lists_the_right_ones() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    for (path, allowed) in [
        ("/api/movies", &["GET", "HEAD", "POST", "DELETE"][..]),
        ("/api/movies/7", &["GET", "HEAD", "PUT", "DELETE"]),
        ("/api/billing", &["GET", "HEAD", "POST"]),
        ("/api/billing/x", &["GET", "HEAD"]),
        ("/docs", &["GET", "HEAD"]),
        ("/health/live", &["GET", "HEAD"]),
    ] {
        for method in ["PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
            if path == "/health/live" {
                continue;
            }
            let answer = send(gateway.client.request(method, path)).await;
            answer.problem(405);
            let allow: BTreeSet<_> = answer.header("allow").split(',').map(str::trim).collect();
            assert_eq!(allow, allowed.iter().copied().collect(), "{method} {path}");
        }
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn unknown_paths_are_404() {
    let gateway = before(NOBODY).await;
    for path in [
        "/api",
        "/api/films",
        "/api/movies/1/2",
        "/API/movies",
        "/api/%6dovies",
        "/metrics/x",
        "/docs/nothing.js",
        "/health",
    ] {
        gateway.client.get(path).await.problem(404);
    }
}

#[tokio::test]
async fn the_front_page_leads_to_the_documentation() {
    let gateway = before(NOBODY).await;
    for path in ["/", "/swagger-ui", "/swagger-ui/", "/ui", "/ui/"] {
        let answer = gateway.client.get(path).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, "/docs"),
            "{path}"
        );
    }
}
