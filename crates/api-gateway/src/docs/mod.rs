//! One OpenAPI 3.1 document of all routes, and Swagger UI over it. Nothing is loaded from another host.

mod document;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use platform::problem::Problem;
use utoipa_swagger_ui::Config;

pub use document::{merged, own, whole};

/// Where the document is.
const DOCUMENT: &str = "/api-docs/openapi.json";

/// `/docs` and what belongs to it. `open`: there is no operator's token, so nothing needs it.
pub fn router(open: bool) -> Router {
    let document = Bytes::from(merged(open).to_string());
    let config = Arc::new(
        Config::from(DOCUMENT)
            .try_it_out_enabled(true)
            .display_request_duration(true),
    );
    let page = Bytes::from(page());
    let to_docs = || get(async || Redirect::temporary("/docs"));
    Router::new()
        .route("/", to_docs())
        .route("/swagger-ui", to_docs())
        .route("/ui", to_docs())
        .route(
            DOCUMENT,
            get(async move || ([(header::CONTENT_TYPE, "application/json")], document)),
        )
        .route(
            "/docs",
            get(async move || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)),
        )
        .route(
            "/docs/{*file}",
            get(async move |Path(file): Path<String>, uri: Uri| asset(&file, &uri, config)),
        )
}

/// The page names its files relative to `/docs/`; here they are found from `/docs` too.
fn page() -> String {
    let page = utoipa_swagger_ui::serve("index.html", Arc::new(Config::from(DOCUMENT)));
    let bytes = page
        .ok()
        .flatten()
        .map(|file| file.bytes)
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace("=\"./", "=\"/docs/")
        .replace("=\"index.css\"", "=\"/docs/index.css\"")
        .replace("Swagger UI</title>", "crud-master API</title>")
}

fn asset(file: &str, uri: &Uri, config: Arc<Config<'static>>) -> Result<Response, Problem> {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(file)) => {
            Ok(([(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response())
        }
        Ok(None) | Err(_) => Err(Problem::not_found(format!("there is no {}", uri.path()))),
    }
}
