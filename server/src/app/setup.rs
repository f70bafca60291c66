//! The one-time setup link and the greeting.
//!
//! Owns the making of the link's token. Never keeps it: the store gets its hash, people get the link.

use aws_lc_rs::digest::{SHA256, digest};

use super::Running;
use crate::{
    http::{PublicUrl, SETUP_TOKEN_HASH},
    secrets::SECRET_BYTES,
    store::{Store, StoreError},
    terminal::say,
};

/// A link that makes whoever opens it the server's admin, once; earlier ones are void.
///
/// # Errors
/// Those of the store.
pub async fn fresh_setup_link(store: &Store, public_url: &PublicUrl) -> Result<String, StoreError> {
    let token = turn_secret::keyring::random_secret(SECRET_BYTES);
    let hash: String = digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    store.set_setting(SETUP_TOKEN_HASH, Some(&hash)).await?;
    Ok(public_url.join(&format!("/setup#{token}")))
}

/// The link, while the server has no admin.
pub(super) async fn link_for_first_admin(store: &Store, public_url: &PublicUrl) -> Result<Option<String>, StoreError> {
    if store.has_admin().await? { Ok(None) } else { fresh_setup_link(store, public_url).await.map(Some) }
}

/// Tells the person at the terminal where to go; the line with the address comes last.
pub(super) fn greet(running: &Running) {
    say(&format!("{} {}\n", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")));
    if let Some(link) = &running.setup_link {
        say("This server has no admin yet. Whoever opens this link first becomes it; the link works once:");
        say(&format!("  {link}\n"));
    }
    if !running.address.ip().is_loopback() && running.public_url.is_local() {
        // Otherwise everybody is handed links that open on their own machine.
        say(
            "Links and invites lead to this machine only. For others, set PUBLIC_URL to the address they reach it at.\n",
        );
    }
    say(&format!("Open       {}", running.public_url));
    say(&format!("Listening  {}", running.address));
}
