//! `DELETE /api/me`: the end of an account.
//!
//! Owns what must be shown before. Never deletes a message: they stay under "deleted user".

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{cookie, me::verify};
use crate::{
    domain::Password,
    http::{App, body::MaybeJson, client::Client, problem::Problem, signed_in::SignedIn},
    live::RoomNews,
};

/// Proof that it is the account's owner who asks.
#[derive(Deserialize, Default, ToSchema)]
pub(crate) struct RemoveMe {
    /// The account's password; guests have none.
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
}

/// Deletes the signed-in user. Their messages stay under "deleted user"; rooms with other members must be handed over first.
#[utoipa::path(delete, path = "/api/me", tag = "me", security(("bearer" = [])), request_body = Option<RemoveMe>,
    responses((status = 204, description = "Deleted"), (status = 403, description = "The password is wrong"),
        (status = 409, description = "Owns rooms with other members")))]
pub(crate) async fn remove(
    State(app): State<App>,
    client: Client,
    me: SignedIn,
    MaybeJson(body): MaybeJson<RemoveMe>,
) -> Result<Response, Problem> {
    let user = me.record(&app).await?;
    if user.password_hash.is_some() {
        let typed = body.password.as_deref().ok_or_else(|| Problem::field("password", "is required"))?;
        verify(&app, client, &user, Password::parse(typed).ok()).await?;
    }
    let sign_ins = app.store.auth_sessions_of(user.id).await?;
    let rooms = app.store.delete_user(user.id).await?;
    for room in rooms {
        app.live.tell(room, RoomNews::MemberLeft(user.id, "left")).await;
    }
    let ended: Vec<_> = sign_ins.into_iter().map(|sign_in| sign_in.id).collect();
    app.live.end_auth_sessions(&ended);
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie::clear(&app) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
