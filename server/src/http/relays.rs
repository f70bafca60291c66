//! STUN and TURN servers that browsers are told about, and the credentials they get for them.
//!
//! Owns the choice between fixed and minted credentials. Never talks to a relay.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use turn_probe::IceServer;
use turn_secret::Keyring;

use crate::{
    auth::Secret,
    domain::{Timestamp, UserId},
};

/// What is configured about relays.
#[derive(Clone, Debug, Default)]
pub struct RelayOptions {
    /// Tried first.
    pub servers: Vec<IceServer>,
    /// Tried after.
    pub fallback: Vec<IceServer>,
    /// A user name and password of relays with fixed credentials.
    pub fixed: Option<(String, Secret)>,
    /// Mints short-lived credentials where there are no fixed ones.
    pub keyring: Option<Keyring>,
    /// How long a credential is good for.
    pub ttl: Duration,
}

/// The relays in use. Cheap to clone; a new keyring reaches every clone.
#[derive(Clone)]
pub struct Relays(Arc<Shared>);

struct Shared {
    options: RelayOptions,
    keyring: RwLock<Option<Keyring>>,
}

/// What one user is told.
pub(crate) struct Offer {
    pub(crate) servers: Vec<IceServer>,
    pub(crate) fallback: Vec<IceServer>,
    pub(crate) credential: Option<OfferedCredential>,
    pub(crate) ttl: Duration,
}

/// A credential and its end; fixed ones have none.
pub(crate) struct OfferedCredential {
    pub(crate) username: String,
    pub(crate) credential: String,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Relays {
    /// As configured.
    #[must_use]
    pub fn new(mut options: RelayOptions) -> Self {
        let keyring = RwLock::new(options.keyring.take());
        Self(Arc::new(Shared { options, keyring }))
    }

    /// Mints with another keyring from now on (SIGHUP).
    pub fn set_keyring(&self, keyring: Keyring) {
        *self.0.keyring.write().unwrap_or_else(PoisonError::into_inner) = Some(keyring);
    }

    /// What `user` is told at `now`: nothing where no relay is configured.
    pub(crate) fn offer(&self, user: UserId, now: Timestamp) -> Offer {
        let Shared { options, .. } = &*self.0;
        let is_relay = |server: &IceServer| server.urls.iter().any(|url| url.scheme.is_turn());
        let needed = options.servers.iter().chain(&options.fallback).any(is_relay);
        let credential = if needed { self.credential(user, now) } else { None };
        let told =
            |servers: &[IceServer]| servers.iter().cloned().map(|server| with(server, credential.as_ref())).collect();
        Offer { servers: told(&options.servers), fallback: told(&options.fallback), ttl: options.ttl, credential }
    }

    fn credential(&self, user: UserId, now: Timestamp) -> Option<OfferedCredential> {
        if let Some((username, credential)) = &self.0.options.fixed {
            let credential = credential.expose().to_owned();
            return Some(OfferedCredential { username: username.clone(), credential, expires_at: None });
        }
        let keyring = self.0.keyring.read().unwrap_or_else(PoisonError::into_inner);
        let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
        let minted = keyring.as_ref()?.credential(&user.to_string(), self.0.options.ttl, seconds);
        let expires_at = i64::try_from(minted.expires_at).unwrap_or(i64::MAX);
        Some(OfferedCredential {
            username: minted.username,
            credential: minted.credential,
            expires_at: Some(Timestamp::from_millis(0).plus_seconds(expires_at)),
        })
    }
}

/// A relay without a credential of its own gets the offered one; STUN needs none.
fn with(mut server: IceServer, credential: Option<&OfferedCredential>) -> IceServer {
    let is_relay = server.urls.iter().any(|url| url.scheme.is_turn());
    if is_relay
        && server.credential.is_none()
        && let Some(offered) = credential
    {
        server.username = Some(offered.username.clone());
        server.credential = Some(offered.credential.clone());
    }
    server
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(servers: &str) -> RelayOptions {
        RelayOptions {
            servers: turn_probe::parse_servers(servers).unwrap(),
            keyring: Some("k1:0123456789abcdef0123456789abcdef".parse().unwrap()),
            ttl: Duration::from_secs(600),
            ..RelayOptions::default()
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn nothing_configured_nothing_told() {
        let offer = Relays::new(options("[]")).offer(UserId::fresh(), at(1000));
        assert!(offer.servers.is_empty() && offer.fallback.is_empty() && offer.credential.is_none());
    }

    #[test]
    fn relays_get_a_credential_stun_does_not() {
        let user = UserId::fresh();
        let relays = Relays::new(options("stun:s.example,turn:t.example"));
        let offer = relays.offer(user, at(1000));
        let minted = offer.credential.unwrap();
        assert_eq!(minted.username, format!("1600:k1.{user}"));
        assert_eq!(minted.expires_at, Some(at(1600)));
        assert_eq!(offer.servers[0].username, None);
        assert_eq!(offer.servers[1].credential, Some(minted.credential));
        relays.set_keyring("k2:another-secret-of-32-bytes-or-so".parse().unwrap());
        assert!(relays.offer(user, at(1000)).credential.unwrap().username.contains(":k2."));
    }

    #[test]
    fn fixed_credentials_win() {
        let fixed = Some(("u".to_owned(), Secret::new("p")));
        let offer = Relays::new(RelayOptions { fixed, ..options("turn:t.example") }).offer(UserId::fresh(), at(0));
        let told = offer.credential.unwrap();
        assert_eq!((told.username.as_str(), told.credential.as_str(), told.expires_at), ("u", "p", None));
        let own = r#"[{"urls":"turn:t.example","username":"own","credential":"c"}]"#;
        let offer = Relays::new(options(own)).offer(UserId::fresh(), at(0));
        assert_eq!(offer.servers[0].username.as_deref(), Some("own"));
    }
}
