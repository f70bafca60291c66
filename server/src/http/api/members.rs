//! `/api/rooms/{slug}/members`: who is in a room, their roles, kicks and leaving.
//!
//! Owns their shapes. Who may act on whom is [`crate::domain::access`]'s to say.

use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rooms::{enter, not_for};
use crate::{
    domain::{Action, Role, RoomId, UserId, access, limits::MEMBERS_PAGE, wire::Member},
    http::{
        App,
        body::{Json, Parameters, in_path},
        fields::{Fields, number},
        problem::{Code, Problem},
        signed_in::SignedIn,
    },
    live::RoomNews,
    store::MemberRecord,
};

/// A page of members.
#[derive(Serialize, ToSchema)]
pub(crate) struct Members {
    /// In the order they joined.
    members: Vec<Member>,
    /// For `after` of the next page; left out on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<UserId>,
}

/// What to change of a member.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeMember {
    /// `owner` hands the room over: the owner before becomes an admin.
    role: Role,
}

/// Who is in the room.
#[utoipa::path(get, path = "/api/rooms/{slug}/members", tag = "members", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 200 when left out")),
    responses((status = 200, body = Members)))]
pub(crate) async fn list(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
    parameters: Parameters,
) -> Result<JsonAnswer<Members>, Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::Read).await?;
    let mut fields = Fields::default();
    let limit = number(&mut fields, "limit", parameters.text("limit"), 1..=MEMBERS_PAGE).unwrap_or(MEMBERS_PAGE);
    let after = parameters.text("after").filter(|after| !after.is_empty()).map(str::parse::<UserId>);
    let after = fields.check_optional("after", after.map(|after| after.map_err(|_| "must be a user's id")));
    fields.finish()?;
    // One more than asked for, to know whether there is a next page.
    let records = app.store.members(room.id, after.flatten(), limit.saturating_add(1)).await?;
    let page_len = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = records.len() > page_len;
    let members: Vec<Member> = records.into_iter().take(page_len).map(wire_member).collect();
    let next = members.last().filter(|_| has_more).map(|member| member.user);
    Ok(JsonAnswer(Members { members, next }))
}

/// Changes a member's role; owners and admins, on members below them.
#[utoipa::path(patch, path = "/api/rooms/{slug}/members/{user_id}", tag = "members", security(("bearer" = [])),
    request_body = ChangeMember,
    params(("slug" = String, Path, description = "The room"), ("user_id" = String, Path, description = "The member")),
    responses((status = 200, body = Member), (status = 403, description = "Not by you, or not of them")))]
pub(crate) async fn change(
    State(app): State<App>,
    me: SignedIn,
    Path((slug, user)): Path<(String, String)>,
    Json(body): Json<ChangeMember>,
) -> Result<JsonAnswer<Member>, Problem> {
    let (room, role) = enter(&app, &slug, me.user, Action::Read).await?;
    let member = find(&app, room.id, &user).await?;
    if member.role == Role::Guest && role >= Role::Admin {
        return Err(Problem::forbidden("A guest's role changes when they make an account."));
    }
    if !access::may_assign(role, member.role, body.role) {
        return Err(not_for(role));
    }
    if member.role != body.role {
        app.store.set_role(room.id, member.user, body.role).await?;
        app.live.tell(room.id, RoomNews::MemberChanged(member.user)).await;
        if body.role == Role::Owner {
            app.live.tell(room.id, RoomNews::MemberChanged(me.user)).await;
        }
    }
    Ok(JsonAnswer(wire_member(MemberRecord { role: body.role, ..member })))
}

/// Removes a member, or oneself. The owner hands the room over before leaving.
#[utoipa::path(delete, path = "/api/rooms/{slug}/members/{user_id}", tag = "members", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room"), ("user_id" = String, Path, description = "The member")),
    responses((status = 204, description = "No longer a member"), (status = 403, description = "Not by you, or not them"),
        (status = 409, description = "The owner cannot leave")))]
pub(crate) async fn remove(
    State(app): State<App>,
    me: SignedIn,
    Path((slug, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (room, role) = enter(&app, &slug, me.user, Action::Read).await?;
    let member = find(&app, room.id, &user).await?;
    let reason = if member.user == me.user {
        if role == Role::Owner {
            return Err(Problem::new(Code::Conflict, "Hand the room over or delete it before you leave."));
        }
        "left"
    } else if access::may_act_on(role, member.role) {
        "kicked"
    } else {
        return Err(not_for(role));
    };
    if !app.store.remove_member(room.id, member.user).await? {
        return Err(Problem::not_found());
    }
    app.live.tell(room.id, RoomNews::MemberLeft(member.user, reason)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, room: RoomId, user: &str) -> Result<MemberRecord, Problem> {
    let user: UserId = in_path(user.parse())?;
    app.store.member(room, user).await?.ok_or_else(Problem::not_found)
}

fn wire_member(member: MemberRecord) -> Member {
    Member { user: member.user, name: member.display_name, username: member.username, role: member.role }
}
