//! `/health`, `/healthz` and `/readyz`: whether the process lives, and whether it can serve.
//!
//! Owns the checks. Never says more than a word about a failure: these answer everybody.

use std::time::Duration;

use axum::{
    Json as JsonAnswer,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::{domain::Timestamp, http::App};

/// A database that takes longer is not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one look at the database counts, in milliseconds: strangers may ask, but not make it work.
const FRESH_MS: i64 = 1000;

/// Alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// One check.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Check {
    /// What was looked at.
    name: &'static str,
    /// Whether it works.
    ok: bool,
    /// A word about it.
    detail: &'static str,
}

/// Whether the server can serve, line by line.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Whether every check is.
    ready: bool,
    /// The checks.
    checks: Vec<Check>,
}

/// The last look at the database; one at a time.
#[derive(Default)]
pub(in crate::http) struct Readiness(Mutex<Option<(Timestamp, bool)>>);

impl Readiness {
    async fn store_works(&self, app: &App) -> bool {
        let mut last = self.0.lock().await;
        let now = app.now();
        if let Some((at, works)) = *last
            && now >= at
            && now.since(at) < FRESH_MS
        {
            return works;
        }
        let works = match tokio::time::timeout(CHECK_TIMEOUT, app.store.check()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database is not ready");
                false
            }
            Err(_) => {
                tracing::warn!("the database does not answer");
                false
            }
        };
        *last = Some((now, works));
        works
    }
}

/// The process lives.
#[utoipa::path(get, path = "/health", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health() -> JsonAnswer<Health> {
    JsonAnswer(Health { status: "ok" })
}

/// The process lives, by another name.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn healthz() -> JsonAnswer<Health> {
    JsonAnswer(Health { status: "ok" })
}

/// The server can serve: its database takes writes and it is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Ready, description = "All checks pass"), (status = 503, body = Ready, description = "Some do not")))]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let works = app.readiness.store_works(&app).await;
    let stays = !app.is_draining();
    let checks = vec![
        Check { name: "store", ok: works, detail: if works { "takes writes" } else { "takes no writes" } },
        Check { name: "lifecycle", ok: stays, detail: if stays { "serving" } else { "draining" } },
    ];
    let ready = works && stays;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, JsonAnswer(Ready { ready, checks })).into_response()
}
