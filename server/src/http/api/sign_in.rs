//! `POST /api/auth/register`, `/login` and `/guest`: three ways to a signed-in user.
//!
//! Owns their bodies and the answer they share. Never counts attempts itself.

use axum::{
    Json as JsonAnswer,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{cookie, setup};
use crate::{
    auth::Verdict,
    domain::{
        AuthSessionId, DisplayName, InviteToken, Password, Timestamp, UserId, Username,
        wire::{RoomSummary, User, event::Credential},
    },
    http::{
        App, Registration,
        body::Json,
        client::Client,
        fields::Fields,
        problem::{Code, Problem},
        signed_in::wire_user,
    },
    live::RoomNews,
    store::{Accepted, InviteRecord, NewAuthSession, NewUser, StoreError, UserRecord},
};

/// Characters of `User-Agent` that are kept with a sign-in.
const USER_AGENT_CHARS: usize = 200;
/// Tries to find a free name for a guest: 40 random bits each, so that one is plenty.
const GUEST_NAMES: usize = 5;

/// Makes an account.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Register {
    /// 3 to 32 of `a-z 0-9 . _ -`.
    username: String,
    /// 8 to 128 characters.
    #[schema(format = Password)]
    password: String,
    /// What others see; the username when left out.
    #[serde(default)]
    display_name: Option<String>,
    /// A token of some invite, needed where registration is by invite.
    #[serde(default)]
    invite: Option<String>,
    /// The token of the unused setup link: its holder may register whatever the server allows others.
    #[serde(default)]
    #[schema(format = Password)]
    setup: Option<String>,
    /// Puts the refresh token into a cookie instead of the answer.
    #[serde(default)]
    cookie: bool,
}

/// Signs in.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Login {
    /// The account's name.
    username: String,
    /// Its password.
    #[schema(format = Password)]
    password: String,
    /// Puts the refresh token into a cookie instead of the answer.
    #[serde(default)]
    cookie: bool,
}

/// Comes in by an invite, without an account.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Guest {
    /// The invite's token.
    invite: String,
    /// What others see.
    display_name: String,
    /// Puts the refresh token into a cookie instead of the answer.
    #[serde(default)]
    cookie: bool,
}

/// A signed-in user and their tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct Signed {
    /// Who.
    pub(super) user: User,
    /// For `Authorization: Bearer` and for WebSockets.
    pub(super) access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub(super) token_type: &'static str,
    /// Seconds the access token is good for.
    pub(super) expires_in: i64,
    /// For `/api/auth/refresh`; left out when it went into a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    /// The room of a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<RoomSummary>,
}

/// Makes an account and signs it in.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = Register, security(()),
    responses((status = 201, body = Signed, description = "Registered and signed in"),
        (status = 403, description = "Registration is closed, or by invite only"),
        (status = 409, description = "The username is taken")))]
pub(crate) async fn register(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Register>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let username = fields.check("username", Username::parse(&body.username));
    let password = fields.check("password", Password::parse(&body.password));
    let named = body.display_name.as_deref().filter(|name| !name.trim().is_empty());
    let display_name = fields.check("display_name", DisplayName::parse(named.unwrap_or(body.username.trim())));
    let (Some(username), Some(password), Some(display_name)) = (username, password, display_name) else {
        return Err(fields.problem());
    };
    if body.cookie {
        cookie::allow(&app, client, &headers)?;
    }
    take_attempt(&app, client, username.as_str())?;
    allow_registration(&app, body.invite.as_deref(), body.setup.as_deref()).await?;
    if app.store.user_by_name(&username).await?.is_some() {
        return Err(Problem::taken("username"));
    }
    let password_hash = Some(app.passwords.hash(password).await?);
    let (id, created_at) = (UserId::fresh(), app.now());
    let user = NewUser { id, username, display_name, password_hash, guest: false, created_at };
    let user = app.store.create_user(user).await?;
    let signed = open(&app, &user, client, &headers).await?;
    Ok(answer(&app, StatusCode::CREATED, signed, body.cookie))
}

/// Signs in with a username and a password.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login, security(()),
    responses((status = 200, body = Signed, description = "Signed in"), (status = 401, description = "Wrong username or password")))]
pub(crate) async fn login(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<Response, Problem> {
    let wrong = || Problem::new(Code::Unauthenticated, "Wrong username or password.");
    // What cannot be a name or a password is nobody's; it counts as an attempt all the same.
    let username = Username::parse(&body.username);
    take_attempt(&app, client, username.as_ref().map_or(body.username.as_str(), Username::as_str))?;
    let (Ok(username), Ok(password)) = (username, Password::parse(&body.password)) else { return Err(wrong()) };
    if body.cookie {
        cookie::allow(&app, client, &headers)?;
    }
    let user = app.store.user_by_name(&username).await?.filter(|user| !user.deleted);
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let verdict = app.passwords.verify(password.clone(), stored).await?;
    let user = user.filter(|_| verdict != Verdict::Wrong).ok_or_else(wrong)?;
    if verdict == Verdict::RightButOld {
        let hash = app.passwords.hash(password).await?;
        app.store.set_password(user.id, &hash).await?;
    }
    let signed = open(&app, &user, client, &headers).await?;
    Ok(answer(&app, StatusCode::OK, signed, body.cookie))
}

/// Joins one room by an invite, without an account.
#[utoipa::path(post, path = "/api/auth/guest", tag = "auth", request_body = Guest, security(()),
    responses((status = 201, body = Signed, description = "A guest of the invite's room, signed in"),
        (status = 404, description = "No such invite"), (status = 410, description = "The invite expired or was used up")))]
pub(crate) async fn guest(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Guest>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let display_name = fields.check("display_name", DisplayName::parse(&body.display_name));
    let Some(display_name) = display_name else { return Err(fields.problem()) };
    if body.cookie {
        cookie::allow(&app, client, &headers)?;
    }
    take_attempt(&app, client, &body.invite)?;
    let token = InviteToken::parse(&body.invite).map_err(|_| Problem::not_found())?;
    live_invite(&app, &token).await?;
    let (user, accepted) = accept_as_guest(&app, &token, display_name).await?;
    app.live.tell(accepted.room.id, RoomNews::MemberJoined(user.id)).await;
    let mut signed = open(&app, &user, client, &headers).await?;
    signed.room = Some(RoomSummary {
        id: accepted.room.id,
        slug: accepted.room.slug.into_string(),
        title: accepted.room.title.into_string(),
        role: accepted.role,
    });
    Ok(answer(&app, StatusCode::CREATED, signed, body.cookie))
}

async fn accept_as_guest(
    app: &App,
    token: &InviteToken,
    display_name: DisplayName,
) -> Result<(UserRecord, Accepted), Problem> {
    for _ in 0..GUEST_NAMES {
        let created_at = app.now();
        let username = guest_name()?;
        let id = UserId::fresh();
        let guest =
            NewUser { id, username, display_name: display_name.clone(), password_hash: None, guest: true, created_at };
        match app.store.accept_invite_as_guest(token, guest, created_at).await {
            Err(StoreError::Taken(_)) => {}
            other => return other.map_err(Problem::from),
        }
    }
    Err(Problem::internal("no free name for a guest"))
}

/// `guest-` and 40 random bits.
fn guest_name() -> Result<Username, Problem> {
    let random = Uuid::new_v4().simple().to_string();
    let tail = random.get(..10).unwrap_or_default();
    Username::parse(&format!("guest-{tail}")).map_err(|error| Problem::internal(format!("a guest's name: {error}")))
}

/// Counts one attempt before anything costly happens.
pub(super) fn take_attempt(app: &App, client: Client, name: &str) -> Result<(), Problem> {
    let options = &app.options;
    app.attempts.take(client.address, name, options.attempts, options.attempts_per_address, app.now())
}

async fn allow_registration(app: &App, invite: Option<&str>, setup: Option<&str>) -> Result<(), Problem> {
    let restricted = app.options.registration != Registration::Open;
    if restricted
        && let Some(token) = setup
        && setup::is_unused(app, token).await?
    {
        return Ok(());
    }
    match app.options.registration {
        Registration::Open => Ok(()),
        Registration::Closed => Err(Problem::forbidden("Nobody can register here.")),
        Registration::Invite => {
            let token = invite.ok_or_else(|| Problem::forbidden("Registration needs an invite."))?;
            let token =
                InviteToken::parse(token).map_err(|_| Problem::forbidden("That is no invite of this server."))?;
            live_invite(app, &token).await.map(|_| ()).map_err(|problem| match problem.code() {
                Code::NotFound => Problem::forbidden("That is no invite of this server."),
                _ => problem,
            })
        }
    }
}

/// The invite, if it still counts.
pub(super) async fn live_invite(app: &App, token: &InviteToken) -> Result<InviteRecord, Problem> {
    let invite = app.store.invite(token).await?.ok_or_else(Problem::not_found)?;
    let now = app.now();
    if invite.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Code::InviteExpired, "Ask for a new invite."));
    }
    if invite.max_uses.is_some_and(|max| invite.uses >= max) {
        return Err(Problem::new(Code::InviteUsed, "Ask for a new invite."));
    }
    Ok(invite)
}

/// Opens a sign-in for `user`, with both its tokens.
async fn open(app: &App, user: &UserRecord, client: Client, headers: &HeaderMap) -> Result<Signed, Problem> {
    let (id, now) = (AuthSessionId::fresh(), app.now());
    let agent = headers.get(header::USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let session = NewAuthSession {
        id,
        user: user.id,
        created_at: now,
        expires_at: now.plus_seconds(app.options.refresh_token_seconds),
        user_agent: agent.unwrap_or_default().chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect(),
        address: client.address.to_string(),
    };
    app.store.open_auth_session(session).await?;
    Ok(tokens(app, user, id, 0, now))
}

/// The tokens of a sign-in at a generation.
pub(super) fn tokens(app: &App, user: &UserRecord, id: AuthSessionId, generation: u64, now: Timestamp) -> Signed {
    let expires_at = now.plus_seconds(app.options.access_token_seconds);
    let credential = Credential { user: user.id, auth_session: id, expires_at };
    Signed {
        user: wire_user(user),
        access_token: app.tokens.mint_access(credential, now),
        token_type: "Bearer",
        expires_in: app.options.access_token_seconds,
        refresh_token: Some(app.tokens.mint_refresh(id, generation)),
        room: None,
    }
}

/// The answer, with the refresh token where the client wants it.
pub(super) fn answer(app: &App, status: StatusCode, mut signed: Signed, in_cookie: bool) -> Response {
    let token = if in_cookie { signed.refresh_token.take() } else { None };
    let cookie = token.and_then(|token| cookie::set(app, &token, app.options.refresh_token_seconds));
    let mut response = (status, JsonAnswer(signed)).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
