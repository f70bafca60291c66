//! What is wrong although every single value can be read.
//!
//! Owns the refusals of production and rules between variables. Never repeats a secret.

use turn_secret::Keyring;

use super::{ConfigError, Environment, Settings, Variables};

/// Shortest secret for signing, in bytes: as long as the MAC it feeds.
const SECRET_MIN: usize = 32;
/// Fewer different characters than this in a secret: a pattern, not a draw.
const SECRET_VARIETY: usize = 8;
/// Pieces of secrets that stand in manuals and templates all over the world.
const WELL_KNOWN: &[&str] = &[
    "changeme",
    "changethis",
    "replaceme",
    "yoursecret",
    "yoursuper",
    "supersecret",
    "mysecret",
    "secretkey",
    "topsecret",
    "notsosecret",
    "verysecret",
    "insecure",
    "password",
    "example",
    "astringsecretatleast",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "0123456789abcdef",
    "abcdefghijklmnop",
];

/// How to make a secret that is good enough.
const MAKE_ONE: &str = "leave it unset (one is made and kept in DATA_DIR) or take 32 random bytes, as `turn-secret` \
                        prints them";

/// Checks the whole.
pub(super) fn check(settings: &Settings, variables: &Variables) -> Result<(), ConfigError> {
    let key = settings.auth.jwt_secret_key.as_ref().map(crate::auth::Secret::expose);
    if key.is_some_and(|key| key.len() < SECRET_MIN) {
        return Err(ConfigError::new(
            "JWT_SECRET_KEY",
            format!("is shorter than {SECRET_MIN} bytes; {MAKE_ONE}"),
            None,
        ));
    }
    if settings.server.environment != Environment::Production {
        return Ok(());
    }
    if settings.http.debug {
        return Err(ConfigError::new(
            "DEBUG",
            "true is refused in production: answers would name causes of failures",
            None,
        ));
    }
    if !settings.http.public_url.as_ref().is_some_and(crate::http::PublicUrl::is_secure) {
        let problem = "must be an https address in production";
        return Err(ConfigError::new("PUBLIC_URL", problem, Some("PUBLIC_URL=https://chat.example.org")));
    }
    let refused = |name: &str, why: &str| ConfigError::new(name, format!("{why} is refused in production"), None);
    if key.is_some_and(is_guessable) {
        return Err(refused("JWT_SECRET_KEY", &format!("a well-known or patterned secret ({MAKE_ONE})")));
    }
    if let Some(ring) = &settings.turn.turn_secret {
        if ring.shortest() < SECRET_MIN {
            let why = format!("a secret shorter than {SECRET_MIN} bytes ({MAKE_ONE})");
            return Err(refused("TURN_SECRET", &why));
        }
        if ring.keys().any(|key| is_guessable(key.secret())) {
            return Err(refused("TURN_SECRET", &format!("a well-known or patterned secret ({MAKE_ONE})")));
        }
    }
    // Nodes that each made their own would refuse one another's people.
    if variables.value("REDIS_URL").is_some() {
        let missing = [("JWT_SECRET_KEY", key.is_none()), ("TURN_SECRET", settings.turn.turn_secret.is_none())];
        if let Some((name, _)) = missing.into_iter().find(|(_, missing)| *missing) {
            return Err(refused(name, "leaving it unset with REDIS_URL (nodes must share it)"));
        }
    }
    Ok(())
}

/// Whether somebody who read a few manuals would try it.
fn is_guessable(secret: &str) -> bool {
    let plain: String = secret.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let mut seen: Vec<char> = secret.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() < SECRET_VARIETY || WELL_KNOWN.iter().any(|known| plain.contains(known))
}

/// The keyring that an env file holds under `TURN_SECRET`, held to the same rules as at the start.
///
/// # Errors
/// One line: unreadable, unset, or refused.
pub fn reread_keyring(file: &std::path::Path, environment: Environment) -> Result<Keyring, ConfigError> {
    let assignments = super::read_file(file)?.unwrap_or_default();
    let text = assignments.into_iter().rfind(|(name, value)| name == "TURN_SECRET" && !value.is_empty());
    let (_, text) = text.ok_or_else(|| ConfigError::new("TURN_SECRET", "is not in the file any more", None))?;
    let ring: Keyring = text.parse().map_err(|error| ConfigError::new("TURN_SECRET", error, None))?;
    let weak = ring.shortest() < SECRET_MIN || ring.keys().any(|key| is_guessable(key.secret()));
    if environment == Environment::Production && weak {
        return Err(ConfigError::new("TURN_SECRET", "a short or well-known secret is refused in production", None));
    }
    Ok(ring)
}

#[cfg(test)]
mod tests {
    //! Guessing by example.

    use super::*;

    #[test]
    fn secrets_from_manuals_are_guessable() {
        for bad in [
            "change-me-change-me-change-me-change-me",
            "a-string-secret-at-least-256-bits-long",
            "your_super_long_jwt_thing_goes_right_here",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "12121212121212121212121212121212",
        ] {
            assert!(is_guessable(bad), "{bad}");
        }
        for _ in 0..100 {
            assert!(!is_guessable(&turn_secret::keyring::random_secret(32)));
        }
    }
}
