//! Floor 1: credentials without SQL and without HTTP: access tokens (JWT), refresh tokens, password hashes.
//!
//! Owns keys and their use. Never stores anything and never decides what a user may do.

mod passwords;
mod tokens;

pub use passwords::{PasswordError, Passwords, Verdict};
pub use tokens::{TokenError, Tokens, TokensError};

use std::{convert::Infallible, fmt, str::FromStr};

/// A configured secret, as raw bytes of its text. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text, for those who must hand it on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl FromStr for Secret {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The MAC that signs access tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    #[value(name = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[value(name = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[value(name = "HS512")]
    Hs512,
}

/// What an operator may set about credentials.
#[derive(Clone, Debug, clap::Args)]
pub struct AuthArgs {
    /// Signs access and refresh tokens, used as raw bytes, at least 32 of them; generated once into DATA_DIR when unset
    #[arg(long, env = "JWT_SECRET_KEY", hide_env_values = true, value_name = "SECRET")]
    pub jwt_secret_key: Option<Secret>,
    /// The MAC of access tokens
    #[arg(long, env = "JWT_ALGORITHM", value_name = "NAME", default_value = "HS256", ignore_case = true)]
    pub jwt_algorithm: JwtAlgorithm,
    /// Minutes an access token is good for
    #[arg(long, env = "ACCESS_TOKEN_EXPIRE_MINUTES", value_name = "MINUTES", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub access_token_expire_minutes: u32,
    /// Days a sign-in lasts without being used
    #[arg(long, env = "REFRESH_TOKEN_EXPIRE_DAYS", value_name = "DAYS", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub refresh_token_expire_days: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        auth: AuthArgs,
    }

    #[test]
    fn a_secret_is_never_printed() {
        use clap::{CommandFactory as _, Parser as _};
        let cli = Cli::parse_from(["charge", "--jwt-secret-key", "correct horse battery staple"]);
        assert!(!format!("{cli:?}").contains("horse"));
        assert_eq!(cli.auth.jwt_secret_key.as_ref().map(Secret::as_bytes), Some(&b"correct horse battery staple"[..]));
        assert_eq!(cli.auth.jwt_algorithm, JwtAlgorithm::Hs256);
        Cli::command().debug_assert();
    }
}
