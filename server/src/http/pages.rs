//! What a browser loads: the client's one page under all its addresses, its files, and the API reference.
//!
//! Owns these addresses. Never holds state.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse as _, Response},
    routing::get,
};
use std::sync::Arc;

use super::{
    App,
    assets::{Asset, Freshness},
    headers::docs_policy,
    problem::Problem,
};

/// The addresses the client routes by itself; each serves the same page.
const CLIENT_ROUTES: [&str; 7] =
    ["/", "/signin", "/register", "/setup", "/i/{token}", "/r/{slug}", "/r/{slug}/{letter}"];

/// Everything that is not API; `openapi` is the document to serve.
pub(crate) fn router(openapi: &str) -> Router<App> {
    let json = HeaderValue::from_static("application/json");
    let openapi = Arc::new(Asset::new(openapi.as_bytes().to_vec(), json));
    let file =
        |path: &'static str| get(async move |State(app): State<App>, headers: HeaderMap| serve(&app, path, &headers));
    let mut router = Router::new()
        .route("/static/{*path}", get(addressed))
        .route("/openapi.json", get(async move |headers: HeaderMap| openapi.answer(&headers, Freshness::Revalidate)))
        .route("/robots.txt", file("robots.txt"))
        .route("/docs", get(docs))
        .route("/app.webmanifest", file("app.webmanifest"))
        .route("/icon.svg", file("icon.svg"))
        .route("/favicon.ico", file("icon.svg"));
    for route in CLIENT_ROUTES {
        router = router.route(route, file("index.html"));
    }
    router
}

async fn addressed(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    match app.assets.addressed(&path) {
        Some((asset, freshness)) => asset.answer(&headers, freshness),
        None => Problem::not_found().into_response(),
    }
}

async fn docs(State(app): State<App>, headers: HeaderMap) -> Response {
    let (name, policy) = docs_policy();
    let mut response = serve(&app, "docs.html", &headers);
    response.headers_mut().insert(name, policy);
    response
}

fn serve(app: &App, path: &str, request: &HeaderMap) -> Response {
    match app.assets.file(path) {
        Some(asset) => asset.answer(request, Freshness::Revalidate),
        None => Problem::not_found().into_response(),
    }
}
