//! `POST /api/setup`: the one-time link of the first start makes the signed-in account the server's admin.
//!
//! Owns the check. Never keeps the token: the store has its hash and gives it up once.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Json as JsonAnswer, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{me::Me, sign_in::take_attempt};
use crate::http::{App, body::Json, client::Client, problem::Problem, signed_in::SignedIn};

/// The setting that holds the token's SHA-256, in lower-case hexadecimal digits.
pub const SETUP_TOKEN_HASH: &str = "setup_token_hash";
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 256;

/// What the link's fragment carries.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Setup {
    /// Everything after the `#`.
    #[schema(format = Password)]
    token: String,
}

/// Makes the signed-in account the server's admin; works once per link.
#[utoipa::path(post, path = "/api/setup", tag = "setup", security(("bearer" = [])), request_body = Setup,
    responses((status = 200, body = Me, description = "Admin now"), (status = 403, description = "Used before, or not ours")))]
pub(crate) async fn setup(
    State(app): State<App>,
    client: Client,
    me: SignedIn,
    Json(body): Json<Setup>,
) -> Result<JsonAnswer<Me>, Problem> {
    let user = me.record(&app).await?;
    if user.guest {
        return Err(Problem::forbidden("A guest cannot be the server's admin. Make an account first."));
    }
    take_attempt(&app, client, "setup")?;
    let is_plausible = (1..=TOKEN_BYTES).contains(&body.token.len());
    if !is_plausible || !app.store.claim_admin(SETUP_TOKEN_HASH, &hash(&body.token), user.id).await? {
        return Err(Problem::forbidden("This setup link was used before, or is not of this server."));
    }
    tracing::info!(user.id = %user.id, "the setup link was used: the server has an admin");
    Ok(JsonAnswer(Me::from(me.record(&app).await?)))
}

/// Whether `token` is of the setup link and that was not used yet. Comparing hashes tells nothing about the token.
pub(super) async fn is_unused(app: &App, token: &str) -> Result<bool, Problem> {
    let stored = app.store.setting(SETUP_TOKEN_HASH).await?;
    Ok(token.len() <= TOKEN_BYTES && stored.is_some_and(|stored| stored == hash(token)))
}

/// SHA-256 in lower-case hexadecimal digits.
fn hash(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_is_the_usual_one() {
        assert_eq!(super::hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
