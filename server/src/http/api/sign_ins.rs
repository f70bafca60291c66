//! `/api/me/sessions`: where the user is signed in, and how to end that.
//!
//! Owns the list. Never shows a token.

use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{AuthSessionId, Timestamp},
    http::{App, body::in_path, problem::Problem, signed_in::SignedIn},
    store::AuthSessionRecord,
};

/// One sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignIn {
    /// Its id.
    id: AuthSessionId,
    /// Whether this request came by it.
    current: bool,
    /// The browser's or program's name of itself.
    agent: Option<String>,
    /// Where it signed in from.
    address: String,
    /// When it signed in.
    created_at: Timestamp,
    /// When it last renewed its tokens.
    seen_at: Timestamp,
    /// When it ends unless it renews them.
    expires_at: Timestamp,
}

/// All of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignIns {
    /// Newest first.
    sessions: Vec<SignIn>,
}

/// Where I am signed in.
#[utoipa::path(get, path = "/api/me/sessions", operation_id = "list_sessions", tag = "me", security(("bearer" = [])), responses((status = 200, body = SignIns)))]
pub(crate) async fn list(State(app): State<App>, me: SignedIn) -> Result<JsonAnswer<SignIns>, Problem> {
    let now = app.now();
    let records = app.store.auth_sessions_of(me.user).await?.into_iter();
    let mut sessions: Vec<SignIn> = records
        .filter(|record| !record.revoked && record.expires_at > now)
        .map(|record| SignIn::of(record, me.auth_session))
        .collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    Ok(JsonAnswer(SignIns { sessions }))
}

/// Signs out everywhere else.
#[utoipa::path(delete, path = "/api/me/sessions", operation_id = "end_other_sessions", tag = "me", security(("bearer" = [])),
    responses((status = 204, description = "All other sign-ins have ended")))]
pub(crate) async fn end_others(State(app): State<App>, me: SignedIn) -> Result<StatusCode, Problem> {
    let ended = app.store.revoke_auth_sessions_of(me.user, Some(me.auth_session)).await?;
    app.live.end_auth_sessions(&ended);
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one sign-in of mine, its tokens and its live sessions.
#[utoipa::path(delete, path = "/api/me/sessions/{id}", operation_id = "end_session", tag = "me", security(("bearer" = [])),
    params(("id" = String, Path, description = "The sign-in")), responses((status = 204, description = "Ended")))]
pub(crate) async fn end(State(app): State<App>, me: SignedIn, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id: AuthSessionId = in_path(id.parse())?;
    let record = app.store.auth_session(id).await?;
    record.filter(|record| record.user == me.user).ok_or_else(Problem::not_found)?;
    app.store.revoke_auth_session(id).await?;
    app.live.end_auth_sessions(&[id]);
    Ok(StatusCode::NO_CONTENT)
}

impl SignIn {
    fn of(record: AuthSessionRecord, current: AuthSessionId) -> Self {
        Self {
            id: record.id,
            current: record.id == current,
            agent: Some(record.user_agent).filter(|agent| !agent.is_empty()),
            address: record.address,
            created_at: record.created_at,
            seen_at: record.used_at,
            expires_at: record.expires_at,
        }
    }
}
