//! `/metrics`: the Prometheus exposition, to this machine only.
//!
//! Owns who may read it. Never measures anything.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use prometheus::{Encoder as _, TextEncoder};

use crate::http::{App, client::Client, problem::Problem};

/// Series of the server, to loopback and through no proxy.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text format"),
        (status = 403, description = "Not from this machine")))]
pub(crate) async fn metrics(State(app): State<App>, client: Client) -> Result<Response, Problem> {
    if !client.local {
        return Err(Problem::forbidden("Metrics are for this machine only."));
    }
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder
        .encode(&app.metrics.registry().gather(), &mut text)
        .map_err(|error| Problem::internal(format!("metrics: {error}")))?;
    Ok(([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}
