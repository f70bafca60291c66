//! `POST /api/auth/refresh` and `/logout`: rotation of refresh tokens, and the end of a sign-in.
//!
//! Owns what reuse leads to. Never compares tokens: the MAC is [`crate::auth`]'s, the generation the store's.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    cookie,
    sign_in::{Signed, answer, take_attempt, tokens},
};
use crate::{
    domain::AuthSessionId,
    http::{App, body::MaybeJson, client::Client, problem::Problem, signed_in::bearer},
    store::Rotation,
};

/// Which sign-in; the cookie's when there is no `refresh_token`.
#[derive(Deserialize, Default, ToSchema)]
pub(crate) struct Refresh {
    /// As the last answer gave it.
    #[serde(default)]
    #[schema(format = Password)]
    refresh_token: Option<String>,
    /// Puts the next refresh token into the cookie; taken for granted when the current one came in it.
    #[serde(default)]
    cookie: bool,
}

/// Trades a refresh token for new tokens; the old one is spent.
///
/// The same token again within 10 s, while its successor is unused, gets that successor. Any other reuse ends the
/// sign-in: somebody has a copy.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", request_body = Option<Refresh>,
    security((), ("refresh_cookie" = [])),
    responses((status = 200, body = Signed, description = "New tokens"),
        (status = 401, description = "Unknown, expired, spent or revoked"), (status = 403, description = "A foreign Origin")))]
pub(crate) async fn refresh(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    MaybeJson(body): MaybeJson<Refresh>,
) -> Result<Response, Problem> {
    let (token, in_cookie) = presented(&app, client, &headers, &body)?;
    let token = token.ok_or_else(Problem::unauthenticated)?;
    let refused = || ended(&app, Problem::unauthenticated(), in_cookie);
    let Ok((id, generation)) = app.tokens.verify_refresh(&token) else {
        take_attempt(&app, client, "refresh")?;
        return Ok(refused());
    };
    take_attempt(&app, client, &id.to_string())?;
    let now = app.now();
    let expires_at = now.plus_seconds(app.options.refresh_token_seconds);
    let (user, generation) = match app.store.rotate_auth_session(id, generation, now, expires_at).await? {
        Rotation::Rotated { user, generation } | Rotation::Repeated { user, generation } => (user, generation),
        Rotation::Reused { user } => {
            tracing::warn!(user.id = %user, auth_session.id = %id, client.address = %client.address,
                "a spent refresh token was used again: sign-in ended");
            app.live.end_auth_sessions(&[id]);
            return Ok(refused());
        }
        Rotation::Ended => return Ok(refused()),
    };
    let Some(user) = app.store.user(user).await?.filter(|user| !user.deleted) else { return Ok(refused()) };
    Ok(answer(&app, StatusCode::OK, tokens(&app, &user, id, generation, now), in_cookie || body.cookie))
}

/// Ends a sign-in: its refresh token, its access tokens and its live sessions, at once.
///
/// Answers the same whether or not there was one.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", request_body = Option<Refresh>,
    security((), ("refresh_cookie" = []), ("bearer" = [])),
    responses((status = 204, description = "Ended"), (status = 403, description = "A foreign Origin")))]
pub(crate) async fn logout(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    MaybeJson(body): MaybeJson<Refresh>,
) -> Result<Response, Problem> {
    let (token, in_cookie) = presented(&app, client, &headers, &body)?;
    let by_refresh = token.and_then(|token| app.tokens.verify_refresh(&token).ok()).map(|(id, _)| id);
    let by_access = bearer(&headers).and_then(|token| app.tokens.verify_access(token, app.now()).ok());
    let by_access = by_access.map(|credential| credential.auth_session);
    let mut ids: Vec<AuthSessionId> = by_refresh.into_iter().chain(by_access).collect();
    ids.dedup();
    for id in &ids {
        app.store.revoke_auth_session(*id).await?;
    }
    app.live.end_auth_sessions(&ids);
    let mut response = StatusCode::NO_CONTENT.into_response();
    if (in_cookie || body.cookie)
        && let Some(cookie) = cookie::clear(&app)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The refresh token of body or cookie, and whether it came in the cookie.
fn presented(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    body: &Refresh,
) -> Result<(Option<String>, bool), Problem> {
    if let Some(token) = &body.refresh_token {
        return Ok((Some(token.clone()), false));
    }
    let token = cookie::read(app, headers);
    if token.is_some() || body.cookie {
        cookie::allow(app, client, headers)?;
    }
    let in_cookie = token.is_some();
    Ok((token, in_cookie))
}

/// A refusal that also takes the dead cookie away.
fn ended(app: &App, problem: Problem, in_cookie: bool) -> Response {
    let mut response = problem.into_response();
    if in_cookie && let Some(cookie) = cookie::clear(app) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
