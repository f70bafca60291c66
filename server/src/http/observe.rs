//! Around every request: its id, who sent it, the headers of every answer, one line of log and the metrics.
//!
//! Owns the order of these. Never logs a path (it may hold an invite), a query, a header or a body.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::{
    App,
    client::{Client, Peer},
    problem::{Code, Problem, Told},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client or proxy, in characters.
const REQUEST_ID_CHARS: usize = 64;
/// The route of what matched none.
const NO_ROUTE: &str = "none";

/// Inside of the router: hands the route's template out to [`finish`].
pub(crate) async fn note_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// Outside of the router: everything that holds for known and unknown addresses alike.
pub(crate) async fn finish(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let peer = request.extensions().get::<Peer>().copied().unwrap_or_else(nobody);
    let client = Client::of(peer, request.headers(), &app.options.trusted_proxies);
    request.extensions_mut().insert(client);
    let method = request.method().clone();
    let asked = cross_origin_headers(request.headers());

    let response = match app.origins.preflight(&method, &asked) {
        Some(response) => response,
        None if !has_one_host(&request) => {
            Problem::new(Code::Malformed, "A request names its host once (RFC 9112, 3.2).").into_response()
        }
        None => AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Problem::internal("a handler panicked").into_response()),
    };
    let mut response = tidy(response, &method, app.options.debug);

    let is_static = response.headers().contains_key(header::ETAG);
    let headers = response.headers_mut();
    app.security.mark(headers);
    if !is_static {
        app.origins.mark(&asked, headers);
    }
    headers.insert(REQUEST_ID, id.clone());
    record(&app, &method, &response, client, &id, started);
    response
}

/// RFC 9112 section 3.2: none or two would let a proxy and this server see different requests.
fn has_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let first = hosts.next().is_some() || request.version() != Version::HTTP_11;
    first && hosts.next().is_none()
}

/// Bare errors become problems, a bare OPTIONS an answer, and `DEBUG` shows causes.
fn tidy(response: Response, method: &Method, debug: bool) -> Response {
    let status = response.status();
    if *method == Method::OPTIONS && status == StatusCode::METHOD_NOT_ALLOWED {
        let mut allow = response.headers().get(header::ALLOW).cloned();
        if let Some(value) = allow.as_ref().and_then(|value| value.to_str().ok()) {
            allow = HeaderValue::from_str(&format!("{value},OPTIONS")).ok();
        }
        let mut answer = StatusCode::NO_CONTENT.into_response();
        answer.headers_mut().insert(header::ALLOW, allow.unwrap_or(HeaderValue::from_static("OPTIONS")));
        answer.extensions_mut().extend(response.extensions().clone());
        return answer;
    }
    let told = response.extensions().get::<Told>().cloned();
    let problem = match told {
        Some(Told(problem)) if debug && problem.cause().is_some() => (*problem).clone().verbose(),
        None if (status.is_client_error() || status.is_server_error()) && !is_json(&response) => {
            Problem::of_status(status)
        }
        _ => return response,
    };
    let mut answer = problem.into_response();
    *answer.status_mut() = status;
    for (name, value) in response.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(route) = response.extensions().get::<MatchedPath>() {
        answer.extensions_mut().insert(route.clone());
    }
    answer
}

/// An error with a body of its own (`/readyz`) says more than a problem would.
fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

fn record(app: &App, method: &Method, response: &Response, client: Client, id: &HeaderValue, started: Instant) {
    let route = response.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
    let status = response.status().as_u16();
    let seconds = started.elapsed().as_secs_f64();
    let method = known(method);
    app.metrics.http_requests.with_label_values(&[method, route, response.status().as_str()]).inc();
    app.metrics.http_seconds.observe(seconds);

    let ms = seconds * 1000.0;
    let id = id.to_str().unwrap_or_default();
    let address = client.address;
    let cause = response.extensions().get::<Told>().and_then(|Told(problem)| problem.cause());
    match cause {
        Some(cause) if status == 500 => {
            tracing::error!(http.method = method, http.route = route, http.status = status, duration.ms = ms,
                request.id = id, client.address = %address, cause, "request failed");
        }
        Some(cause) => {
            tracing::warn!(http.method = method, http.route = route, http.status = status, duration.ms = ms,
                request.id = id, client.address = %address, cause, "request refused");
        }
        None if is_quiet(route) => {
            tracing::debug!(http.method = method, http.route = route, http.status = status, duration.ms = ms,
                request.id = id, client.address = %address, "request");
        }
        None => {
            tracing::info!(http.method = method, http.route = route, http.status = status, duration.ms = ms,
                request.id = id, client.address = %address, "request");
        }
    }
}

/// Files and probes come by the hundred.
fn is_quiet(route: &str) -> bool {
    route.starts_with("/static/") || matches!(route, "/health" | "/healthz" | "/readyz" | "/metrics")
}

/// The method as a label: a made-up one must not make a new series.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The client's own id when it is harmless in a log line, else a fresh one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        (1..=REQUEST_ID_CHARS).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    headers.get(REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
        HeaderValue::from_str(Uuid::new_v4().as_simple().encode_lower(&mut Uuid::encode_buffer()))
            .unwrap_or(HeaderValue::from_static("none"))
    })
}

/// What [`super::origins`] looks at, kept beyond the request.
fn cross_origin_headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// Of a request that came by no connection of ours (a test of the router alone).
fn nobody() -> Peer {
    Peer { address: ([0, 0, 0, 0], 0).into(), secure: false }
}
