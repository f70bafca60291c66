//! Floor 1: credentials without SQL and without HTTP: access tokens (JWT), refresh tokens, password hashes.
//!
//! Owns keys and their use. Never stores anything and never decides what a user may do.

use std::sync::Arc;

use crate::domain::{AuthSessionId, Timestamp, UserId, wire::event::Credential};

/// Why a token was refused; the client is told no more than "bad credential".
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// Not one of ours, or altered.
    #[error("not a token of this server")]
    Invalid,
    /// Was good once.
    #[error("expired")]
    Expired,
}

/// Mints and checks access and refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<()>);

#[allow(clippy::todo, unused_variables)]
impl Tokens {
    /// A signed access token for `credential`.
    pub fn mint_access(&self, credential: Credential, now: Timestamp) -> String {
        todo!()
    }
    /// Checks signature, algorithm, `exp` (required) and form. Whether the sign-in was revoked is the store's to say.
    pub fn verify_access(&self, token: &str, now: Timestamp) -> Result<Credential, TokenError> {
        todo!()
    }
    /// The refresh token of a family's generation: a MAC, so that the same one can be given out again.
    pub fn mint_refresh(&self, session: AuthSessionId, generation: u64) -> String {
        todo!()
    }
    /// Checks the MAC.
    pub fn verify_refresh(&self, token: &str) -> Result<(AuthSessionId, u64), TokenError> {
        todo!()
    }
}

const _: Option<UserId> = None;
