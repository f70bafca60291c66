//! `/api/invites/{token}`: what an invite leads to, and joining by it.
//!
//! Owns the preview that needs no sign-in. Never shows more of a room than its title and size.

use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::sign_in::live_invite;
use crate::{
    domain::{InviteToken, Role, RoomId},
    http::{App, Registration, body::in_path, problem::Problem, signed_in::SignedIn},
    live::RoomNews,
    store::StoreError,
};

/// The room of an invite, to those who are not in it yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewRoom {
    /// Its title.
    title: String,
    /// Its name in addresses.
    slug: String,
    /// How many are members.
    members: u64,
}

/// Somebody in voice.
#[derive(Serialize, ToSchema)]
pub(crate) struct Talking {
    /// What others see.
    name: String,
}

/// What an invite leads to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Preview {
    /// Where to.
    room: PreviewRoom,
    /// The name of who made it.
    inviter: String,
    /// Who is in voice right now.
    talking: Vec<Talking>,
    /// Who may make an account here.
    registration: Registration,
}

/// The room one is in now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Joined {
    /// Its id.
    id: RoomId,
    /// Its name in addresses.
    slug: String,
    /// Its title.
    title: String,
    /// What one is in it.
    role: Role,
    /// False when one was a member before.
    joined: bool,
}

/// What an invite leads to; needs no sign-in.
#[utoipa::path(get, path = "/api/invites/{token}", tag = "invites", security(()),
    params(("token" = String, Path, description = "The invite")),
    responses((status = 200, body = Preview), (status = 410, description = "Expired or used up")))]
pub(crate) async fn preview(State(app): State<App>, Path(token): Path<String>) -> Result<JsonAnswer<Preview>, Problem> {
    let token = in_path(InviteToken::parse(&token))?;
    let invite = live_invite(&app, &token).await?;
    let room = app.store.room(invite.room).await?.ok_or_else(Problem::not_found)?;
    let inviter = app.store.user(invite.created_by).await?.map(|user| user.display_name).unwrap_or_default();
    let members = app.store.member_count(room.id).await?;
    Ok(JsonAnswer(Preview {
        room: PreviewRoom { title: room.title.into_string(), slug: room.slug.into_string(), members },
        inviter,
        talking: Vec::new(),
        registration: app.options.registration,
    }))
}

/// Joins the room of an invite.
#[utoipa::path(post, path = "/api/invites/{token}/accept", tag = "invites", security(("bearer" = [])),
    params(("token" = String, Path, description = "The invite")),
    responses((status = 200, body = Joined), (status = 403, description = "Guests see one room only"),
        (status = 410, description = "Expired or used up")))]
pub(crate) async fn accept(
    State(app): State<App>,
    me: SignedIn,
    Path(token): Path<String>,
) -> Result<JsonAnswer<Joined>, Problem> {
    let token = in_path(InviteToken::parse(&token))?;
    let user = me.record(&app).await?;
    let invite = app.store.invite(&token).await?.ok_or_else(Problem::not_found)?;
    if app.store.member(invite.room, user.id).await?.is_none() {
        if user.guest {
            return Err(Problem::forbidden("Guests see one room only. Make an account to join others."));
        }
        live_invite(&app, &token).await?;
    }
    let accepted = match app.store.accept_invite(&token, user.id, app.now()).await {
        Ok(accepted) => accepted,
        // Between the look and the use somebody else used it up: say what it is now.
        Err(StoreError::Gone) => {
            live_invite(&app, &token).await?;
            return Err(Problem::from(StoreError::Gone));
        }
        Err(error) => return Err(Problem::from(error)),
    };
    if accepted.joined {
        app.live.tell(accepted.room.id, RoomNews::MemberJoined(user.id)).await;
    }
    Ok(JsonAnswer(Joined {
        id: accepted.room.id,
        slug: accepted.room.slug.into_string(),
        title: accepted.room.title.into_string(),
        role: accepted.role,
        joined: accepted.joined,
    }))
}
