//! `/api/rooms/{slug}/invites`: the links that let people in, as owners and admins see them.
//!
//! Owns tokens and their bounds. Never lets anybody in itself.

use aws_lc_rs::rand;
use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
    http::StatusCode,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rooms::{enter, not_for};
use crate::{
    domain::{Action, InviteToken, Role, Timestamp, UserId, access, limits::INVITES_PER_ROOM},
    http::{
        App,
        body::{MaybeJson, in_path},
        fields::Fields,
        problem::{Code, Problem},
        signed_in::SignedIn,
    },
    store::{InviteRecord, StoreError},
};

/// Random bytes of a token: 144 bits, in 24 characters.
const TOKEN_BYTES: usize = 18;
/// Uses of a bounded invite: more is as good as no bound.
const MOST_USES: u32 = 1_000_000;
/// Longest time an invite may count, in seconds: ten years; without an end is another matter.
const LONGEST_SECONDS: i64 = 10 * 366 * 86_400;

/// An invite to make; what is left out is without bound.
#[derive(Deserialize, Default, ToSchema)]
pub(crate) struct CreateInvite {
    /// How often it may be used.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_uses: Option<u32>,
    /// Seconds it counts.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 316_224_000)]
    expires_in: Option<i64>,
    /// What those become who accept it: `member` (when left out) or `admin`. Guests stay guests.
    #[serde(default)]
    role: Option<Role>,
}

/// An invite.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invite {
    /// The secret in the link.
    token: String,
    /// The link to hand out.
    url: String,
    /// How often it was used.
    uses: u32,
    /// How often it may be; null = without bound.
    max_uses: Option<u32>,
    /// Until when it counts; null = without end.
    expires_at: Option<Timestamp>,
    /// What those become who accept it.
    role: Role,
    /// Who made it.
    created_by: UserId,
}

/// The room's invites that still count.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invites {
    /// Newest first.
    invites: Vec<Invite>,
}

/// The room's invites; owners and admins.
#[utoipa::path(get, path = "/api/rooms/{slug}/invites", tag = "invites", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room")),
    responses((status = 200, body = Invites), (status = 403, description = "Owners and admins only")))]
pub(crate) async fn list(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
) -> Result<JsonAnswer<Invites>, Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::Invite).await?;
    let records = app.store.invites_of(room.id, app.now()).await?;
    Ok(JsonAnswer(Invites { invites: records.into_iter().map(|record| show(&app, record)).collect() }))
}

/// Makes an invite; owners and admins.
#[utoipa::path(post, path = "/api/rooms/{slug}/invites", tag = "invites", security(("bearer" = [])),
    request_body = Option<CreateInvite>, params(("slug" = String, Path, description = "The room")),
    responses((status = 201, body = Invite), (status = 403, description = "Owners and admins only"),
        (status = 409, description = "Too many invites")))]
pub(crate) async fn create(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
    MaybeJson(body): MaybeJson<CreateInvite>,
) -> Result<(StatusCode, JsonAnswer<Invite>), Problem> {
    let (room, own_role) = enter(&app, &slug, me.user, Action::Invite).await?;
    let mut fields = Fields::default();
    if body.max_uses.is_some_and(|uses| !(1..=MOST_USES).contains(&uses)) {
        fields.refuse("max_uses", format!("must be from 1 to {MOST_USES}"));
    }
    if body.expires_in.is_some_and(|seconds| !(1..=LONGEST_SECONDS).contains(&seconds)) {
        fields.refuse("expires_in", format!("must be from 1 to {LONGEST_SECONDS} seconds"));
    }
    let role = body.role.unwrap_or(Role::Member);
    if !matches!(role, Role::Member | Role::Admin) {
        fields.refuse("role", "must be member or admin");
    }
    fields.finish()?;
    if !access::may_invite_as(own_role, role) {
        return Err(not_for(own_role));
    }
    let now = app.now();
    let invite = InviteRecord {
        token: fresh_token()?,
        room: room.id,
        created_by: me.user,
        role,
        uses: 0,
        max_uses: body.max_uses,
        expires_at: body.expires_in.map(|seconds| now.plus_seconds(seconds)),
        created_at: now,
    };
    app.store.create_invite(invite.clone()).await.map_err(|error| match error {
        StoreError::Full(_) => {
            Problem::new(Code::Full, format!("A room has at most {INVITES_PER_ROOM} invites. Take some back first."))
        }
        other => Problem::from(other),
    })?;
    Ok((StatusCode::CREATED, JsonAnswer(show(&app, invite))))
}

/// Takes an invite back; owners and admins.
#[utoipa::path(delete, path = "/api/rooms/{slug}/invites/{token}", tag = "invites", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room"), ("token" = String, Path, description = "The invite")),
    responses((status = 204, description = "No longer counts"), (status = 403, description = "Owners and admins only")))]
pub(crate) async fn revoke(
    State(app): State<App>,
    me: SignedIn,
    Path((slug, token)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::Invite).await?;
    let token = in_path(InviteToken::parse(&token))?;
    if app.store.revoke_invite(room.id, &token).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

fn fresh_token() -> Result<InviteToken, Problem> {
    let mut bytes = [0u8; TOKEN_BYTES];
    rand::fill(&mut bytes).map_err(|_| Problem::internal("no randomness"))?;
    InviteToken::parse(&URL_SAFE_NO_PAD.encode(bytes)).map_err(|error| Problem::internal(format!("an invite: {error}")))
}

fn show(app: &App, record: InviteRecord) -> Invite {
    Invite {
        url: app.options.public_url.join(&format!("/i/{}", record.token)),
        token: record.token.into_string(),
        uses: record.uses,
        max_uses: record.max_uses,
        expires_at: record.expires_at,
        role: record.role,
        created_by: record.created_by,
    }
}
