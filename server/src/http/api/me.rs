//! `GET` and `PATCH /api/me`: the signed-in user's profile, settings and password, and a guest's way to an account.
//!
//! Owns their shapes. Never shows another user.

use axum::{Json as JsonAnswer, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::sign_in::take_attempt;
use crate::{
    auth::Verdict,
    domain::{DisplayName, Password, UserId, Username},
    http::{
        App, Registration,
        body::Json,
        client::Client,
        fields::Fields,
        problem::{Code, Problem},
        signed_in::SignedIn,
    },
    store::{UserChange, UserRecord},
};

/// Largest `settings`, in bytes of JSON: a client's preferences, no storage.
const SETTINGS_BYTES: usize = 16 * 1024;

/// The signed-in user.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// Their id.
    id: UserId,
    /// The account's name; a guest's is generated.
    username: String,
    /// What others see.
    display_name: String,
    /// Came by an invite, without an account.
    guest: bool,
    /// The server's admin.
    admin: bool,
    /// The client's own settings.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeMe {
    /// What others see.
    #[serde(default)]
    display_name: Option<String>,
    /// Replaces the whole object, at most 16 KiB of JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// With `password`, makes an account of a guest.
    #[serde(default)]
    username: Option<String>,
    /// A new password: with the old one for an account, alone for a guest.
    #[serde(default)]
    password: Option<PasswordChange>,
}

/// A password to set.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a password, or {\"old\", \"new\"}")]
pub(crate) enum PasswordChange {
    /// A guest's first.
    First(String),
    /// An account's next.
    Next {
        /// The current one.
        old: String,
        /// 8 to 128 characters.
        new: String,
    },
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/me", tag = "me", security(("bearer" = [])), responses((status = 200, body = Me)))]
pub(crate) async fn show(State(app): State<App>, me: SignedIn) -> Result<JsonAnswer<Me>, Problem> {
    Ok(JsonAnswer(Me::from(me.record(&app).await?)))
}

/// Changes name, settings or password; makes an account of a guest.
///
/// A new password ends every other sign-in of the user.
#[utoipa::path(patch, path = "/api/me", tag = "me", security(("bearer" = [])), request_body = ChangeMe,
    responses((status = 200, body = Me), (status = 403, description = "The old password is wrong, or registration is closed"),
        (status = 409, description = "The username is taken")))]
pub(crate) async fn change(
    State(app): State<App>,
    client: Client,
    me: SignedIn,
    Json(body): Json<ChangeMe>,
) -> Result<JsonAnswer<Me>, Problem> {
    let mut user = me.record(&app).await?;
    let mut fields = Fields::default();
    let display_name = body.display_name.as_deref().map(DisplayName::parse);
    let display_name = fields.check_optional("display_name", display_name);
    if body.settings.as_ref().is_some_and(|settings| size_of(settings) > SETTINGS_BYTES) {
        fields.refuse("settings", format!("must have at most {SETTINGS_BYTES} bytes of JSON"));
    }
    let credentials = Credentials::of(&mut fields, &user, body.username.as_deref(), body.password);
    let (Some(display_name), Some(credentials)) = (display_name, credentials) else { return Err(fields.problem()) };
    fields.finish()?;

    user = credentials.apply(&app, client, me, user).await?;
    let is_named = display_name.is_some();
    if is_named || body.settings.is_some() {
        let change = UserChange { display_name, settings: body.settings };
        user = app.store.update_user(user.id, change).await?;
    }
    if is_named {
        app.live.user_changed(user.id).await;
    }
    Ok(JsonAnswer(Me::from(user)))
}

/// What a [`ChangeMe`] says about signing in, checked.
enum Credentials {
    Leave,
    Upgrade { username: Username, password: Password },
    Replace { old: Option<Password>, new: Password },
}

impl Credentials {
    fn of(
        fields: &mut Fields,
        user: &UserRecord,
        username: Option<&str>,
        password: Option<PasswordChange>,
    ) -> Option<Self> {
        match (user.guest, username, password) {
            (_, None, None) => Some(Self::Leave),
            (true, Some(username), Some(PasswordChange::First(password))) => {
                let username = fields.check("username", Username::parse(username));
                let password = fields.check("password", Password::parse(&password));
                Some(Self::Upgrade { username: username?, password: password? })
            }
            (false, None, Some(PasswordChange::Next { old, new })) => {
                let new = fields.check("password.new", Password::parse(&new))?;
                Some(Self::Replace { old: Password::parse(&old).ok(), new })
            }
            (true, None, Some(PasswordChange::First(_))) => {
                fields.refuse("username", "is required");
                None
            }
            (true, ..) => {
                fields.refuse("password", "must be the new account's password");
                None
            }
            (false, Some(_), _) => {
                fields.refuse("username", "cannot be changed");
                None
            }
            (false, None, Some(PasswordChange::First(_))) => {
                fields.refuse("password", "must be {\"old\", \"new\"}");
                None
            }
        }
    }

    async fn apply(self, app: &App, client: Client, me: SignedIn, user: UserRecord) -> Result<UserRecord, Problem> {
        match self {
            Self::Leave => Ok(user),
            Self::Upgrade { username, password } => upgrade(app, client, &user, username, password).await,
            Self::Replace { old, new } => {
                verify(app, client, &user, old).await?;
                let hash = app.passwords.hash(new).await?;
                app.store.set_password(user.id, &hash).await?;
                let ended = app.store.revoke_auth_sessions_of(user.id, Some(me.auth_session)).await?;
                app.live.end_auth_sessions(&ended);
                Ok(user)
            }
        }
    }
}

async fn upgrade(
    app: &App,
    client: Client,
    user: &UserRecord,
    username: Username,
    password: Password,
) -> Result<UserRecord, Problem> {
    // A guest holds an invite already, so only a closed server says no.
    if app.options.registration == Registration::Closed {
        return Err(Problem::forbidden("Nobody can register here."));
    }
    take_attempt(app, client, username.as_str())?;
    if app.store.user_by_name(&username).await?.is_some() {
        return Err(Problem::taken("username"));
    }
    let hash = app.passwords.hash(password).await?;
    let user = app.store.upgrade_guest(user.id, &username, &hash).await?;
    app.live.user_changed(user.id).await;
    Ok(user)
}

/// Checks the current password of an account; a token alone must not be enough to change or delete it.
pub(super) async fn verify(
    app: &App,
    client: Client,
    user: &UserRecord,
    typed: Option<Password>,
) -> Result<(), Problem> {
    take_attempt(app, client, &user.id.to_string())?;
    let wrong = || Problem::new(Code::Forbidden, "The password is wrong.");
    let typed = typed.ok_or_else(wrong)?;
    match app.passwords.verify(typed, user.password_hash.clone()).await? {
        Verdict::Right | Verdict::RightButOld => Ok(()),
        Verdict::Wrong => Err(wrong()),
    }
}

fn size_of(settings: &Map<String, Value>) -> usize {
    serde_json::to_vec(settings).map_or(usize::MAX, |json| json.len())
}

impl From<UserRecord> for Me {
    fn from(user: UserRecord) -> Self {
        Self {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            guest: user.guest,
            admin: user.admin,
            settings: user.settings,
        }
    }
}
