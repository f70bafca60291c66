//! Who a request comes from: the bearer token, checked against the sign-in it belongs to, and how much one may change.
//!
//! Owns the check. Never says why it failed.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{App, client::Client, problem::Problem};
use crate::{
    domain::{
        AuthSessionId, UserId,
        wire::{User, event::Credential},
    },
    store::UserRecord,
};

/// The user of a request with a good credential, who has not changed too much of late.
#[derive(Clone, Copy)]
pub(crate) struct SignedIn {
    pub(crate) user: UserId,
    pub(crate) auth_session: AuthSessionId,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Sender(me) = Sender::from_request_parts(parts, app).await?;
        if !parts.method.is_safe() {
            app.writes.take(me.user, app.options.writes, app.now()).map_err(Problem::rate_limited)?;
        }
        Ok(me)
    }
}

/// The same for who writes a message: how many of those is for the room to say.
pub(crate) struct Sender(pub(crate) SignedIn);

impl FromRequestParts<App> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
        let credential = check(app, token).await?;
        Ok(Self(SignedIn { user: credential.user, auth_session: credential.auth_session }))
    }
}

impl FromRequestParts<App> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        parts.extensions.get::<Client>().copied().ok_or_else(|| Problem::internal("no client address"))
    }
}

impl SignedIn {
    /// The stored user; one who was deleted meanwhile is not signed in.
    pub(crate) async fn record(&self, app: &App) -> Result<UserRecord, Problem> {
        app.store.user(self.user).await?.filter(|user| !user.deleted).ok_or_else(Problem::unauthenticated)
    }
}

/// The token of `Authorization: Bearer ...`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Checks an access token and that its sign-in still stands.
///
/// # Errors
/// `unauthenticated`, or `unavailable` when the store cannot say.
pub(crate) async fn check(app: &App, token: &str) -> Result<Credential, Problem> {
    let now = app.now();
    let credential = app.tokens.verify_access(token, now).map_err(|_| Problem::unauthenticated())?;
    let session = app.store.auth_session(credential.auth_session).await?;
    let stands = |session: &crate::store::AuthSessionRecord| {
        !session.revoked && session.user == credential.user && session.expires_at > now
    };
    session.filter(stands).map(|_| credential).ok_or_else(Problem::unauthenticated)
}

/// The user as the wire shows them.
pub(crate) fn wire_user(user: &UserRecord) -> User {
    User { id: user.id, username: user.username.clone(), display_name: user.display_name.clone(), guest: user.guest }
}
