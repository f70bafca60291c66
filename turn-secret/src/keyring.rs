//! The keyring: shared secrets, credentials minted from the first, checked against all.
//!
//! Owns the TURN REST convention that coturn's `use-auth-secret` speaks too:
//! `username = <expiry, Unix seconds>:<key id>.<user id>`, `credential = base64(HMAC-SHA1(secret, username))`.
//! Never reads a clock: the time comes in as Unix seconds.

use std::{fmt, str::FromStr, time::Duration};

use aws_lc_rs::{hmac, rand};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::Serialize;

/// Longest key id, in characters: it travels in every username.
pub const KEY_ID_MAX: usize = 16;
/// The id of a secret written without one.
pub const BARE_KEY_ID: &str = "k0";
/// Keys in one ring: two overlap during a rotation, the rest is room for a mistake.
pub const KEYS_MAX: usize = 8;

/// Why a keyring was not accepted. No variant carries a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyringError {
    /// Nothing in it, or nothing between two commas.
    #[error("entry {0} is empty")]
    Empty(usize),
    /// The part before the colon is no key id.
    #[error("entry {0}: the key id must be 1 to {KEY_ID_MAX} of a-z, A-Z, 0-9, - and _")]
    Id(usize),
    /// White space or control characters would be lost or changed on the way to a relay.
    #[error("entry {0}: the secret must be visible ASCII without spaces")]
    Characters(usize),
    /// Two keys of one id.
    #[error("the key id {0} is used twice")]
    Twice(String),
    /// More than [`KEYS_MAX`].
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
}

/// Why a credential was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The username is not `<expiry>:<key id>.<user id>`.
    #[error("not a username of this convention")]
    Form,
    /// Its time has passed.
    #[error("expired")]
    Expired,
    /// No key made it.
    #[error("made with none of the keys")]
    Mac,
}

/// One shared secret and its name. `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: String,
    secret: String,
}

impl Key {
    /// A key of `bytes` random bytes (base64url) under a fresh random id.
    #[must_use]
    pub fn generate(bytes: usize) -> Self {
        let id: String = random(3).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: format!("k{id}"), secret: random_secret(bytes) }
    }

    /// Its name, as it stands in usernames.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret itself. Never to be logged.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    fn mac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.secret.as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a TURN client presents.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// `<expiry>:<key id>.<user id>`.
    pub username: String,
    /// Base64 of the HMAC-SHA1 of the username.
    pub credential: String,
    /// When it ends, in Unix seconds.
    #[serde(skip)]
    pub expires_at: u64,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a good credential says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The key that made it.
    pub key_id: String,
    /// Whose it is.
    pub user: String,
    /// When it ends, in Unix seconds.
    pub expires_at: u64,
}

/// One or more keys; the first mints, all are accepted. Parsed from `TURN_SECRET`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

impl Keyring {
    /// A ring of one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { first: key, others: Vec::new() }
    }

    /// All keys, the minting one first.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The same ring with `key` minting and the older ones still accepted.
    ///
    /// # Errors
    /// [`KeyringError::Twice`] or [`KeyringError::TooMany`].
    pub fn with_first(&self, key: Key) -> Result<Self, KeyringError> {
        Self::of(std::iter::once(key).chain(self.keys().cloned()).collect())
    }

    /// Length in bytes of the shortest secret.
    #[must_use]
    pub fn shortest(&self) -> usize {
        self.keys().map(|key| key.secret.len()).min().unwrap_or(0)
    }

    /// A credential for `user`, good for `ttl` from `now` (Unix seconds).
    #[must_use]
    pub fn credential(&self, user: &str, ttl: Duration, now: u64) -> Credential {
        let expires_at = now.saturating_add(ttl.as_secs());
        let username = format!("{expires_at}:{}.{user}", self.first.id);
        let tag = hmac::sign(&self.first.mac(), username.as_bytes());
        Credential { credential: BASE64_STANDARD.encode(tag.as_ref()), username, expires_at }
    }

    /// Checks a credential at `now` (Unix seconds) against every key, in constant time for each.
    ///
    /// # Errors
    /// See [`Refusal`]; the cheap tests come first.
    pub fn verify(&self, username: &str, credential: &str, now: u64) -> Result<Verified, Refusal> {
        let (expiry, named) = username.split_once(':').ok_or(Refusal::Form)?;
        let (key_id, user) = named.split_once('.').ok_or(Refusal::Form)?;
        if user.is_empty() || !is_key_id(key_id) || !expiry.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::Form);
        }
        let expires_at: u64 = expiry.parse().map_err(|_| Refusal::Form)?;
        if expires_at <= now {
            return Err(Refusal::Expired);
        }
        let tag = BASE64_STANDARD.decode(credential).map_err(|_| Refusal::Mac)?;
        let made_by =
            self.keys().find(|key| hmac::verify(&key.mac(), username.as_bytes(), &tag).is_ok()).ok_or(Refusal::Mac)?;
        Ok(Verified { key_id: made_by.id.clone(), user: user.to_owned(), expires_at })
    }

    /// The text that [`Keyring::from_str`] reads: for an env file, never for a log.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.keys().map(|key| format!("{}:{}", key.id, key.secret)).collect::<Vec<_>>().join(",")
    }

    fn of(keys: Vec<Key>) -> Result<Self, KeyringError> {
        if keys.len() > KEYS_MAX {
            return Err(KeyringError::TooMany);
        }
        let mut ring = keys.into_iter();
        let first = ring.next().ok_or(KeyringError::Empty(1))?;
        let mut all = Self { first, others: Vec::new() };
        for key in ring {
            if all.keys().any(|known| known.id == key.id) {
                return Err(KeyringError::Twice(key.id));
            }
            all.others.push(key);
        }
        Ok(all)
    }
}

impl FromStr for Keyring {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let keys = text.split(',').enumerate().map(|(at, entry)| parse_key(at.saturating_add(1), entry.trim()));
        Self::of(keys.collect::<Result<_, _>>()?)
    }
}

/// `bytes` random bytes as base64url without padding: safe unquoted in env files, URLs and on command lines.
#[must_use]
pub fn random_secret(bytes: usize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random(bytes))
}

/// Random bytes from the operating system; aws-lc aborts rather than give weak ones.
fn random(bytes: usize) -> Vec<u8> {
    let mut out = vec![0u8; bytes];
    #[allow(clippy::expect_used, reason = "no secret may ever be made of zeros; there is no remote input here")]
    rand::fill(&mut out).expect("the operating system gives random bytes");
    out
}

fn parse_key(at: usize, entry: &str) -> Result<Key, KeyringError> {
    let (id, secret) = entry.split_once(':').unwrap_or((BARE_KEY_ID, entry));
    if secret.is_empty() {
        return Err(KeyringError::Empty(at));
    }
    if !is_key_id(id) {
        return Err(KeyringError::Id(at));
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KeyringError::Characters(at));
    }
    Ok(Key { id: id.to_owned(), secret: secret.to_owned() })
}

fn is_key_id(id: &str) -> bool {
    (1..=KEY_ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    //! A vector made with another implementation, and properties over random rings.

    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn known_vector() {
        // printf 1700003600:k1.u7 | openssl dgst -sha1 -hmac north-east -binary | base64
        let ring: Keyring = "k1:north-east".parse().unwrap();
        let made = ring.credential("u7", HOUR, 1_700_000_000);
        assert_eq!(made.username, "1700003600:k1.u7");
        assert_eq!(made.credential, "fDPD4T4MPcYRlSDm+zyGmIIaW9A=");
        assert_eq!(made.expires_at, 1_700_003_600);
    }

    #[test]
    fn first_mints_all_verify() {
        let old: Keyring = "old:aaaaaaaa".parse().unwrap();
        let both: Keyring = "new:bbbbbbbb,old:aaaaaaaa".parse().unwrap();
        let by_old = old.credential("u", HOUR, 10);
        let by_both = both.credential("u", HOUR, 10);
        assert!(by_both.username.contains(":new."));
        assert_eq!(both.verify(&by_old.username, &by_old.credential, 11).unwrap().key_id, "old");
        assert_eq!(both.verify(&by_both.username, &by_both.credential, 11).unwrap().key_id, "new");
        assert_eq!(old.verify(&by_both.username, &by_both.credential, 11), Err(Refusal::Mac));
    }

    #[test]
    fn expiry_is_exclusive() {
        let ring: Keyring = "secret".parse().unwrap();
        let made = ring.credential("u", Duration::from_secs(5), 100);
        assert!(ring.verify(&made.username, &made.credential, 104).is_ok());
        assert_eq!(ring.verify(&made.username, &made.credential, 105), Err(Refusal::Expired));
    }

    #[test]
    fn bare_secret_has_the_default_id() {
        let ring: Keyring = "just-a-secret".parse().unwrap();
        assert_eq!(ring.keys().next().unwrap().id(), BARE_KEY_ID);
        assert_eq!(ring.to_text(), "k0:just-a-secret");
    }

    #[test]
    fn bad_rings_are_refused() {
        let refused = |text: &str| text.parse::<Keyring>().unwrap_err();
        assert_eq!(refused(""), KeyringError::Empty(1));
        assert_eq!(refused("a:s,"), KeyringError::Empty(2));
        assert_eq!(refused("a:"), KeyringError::Empty(1));
        assert_eq!(refused(":s"), KeyringError::Id(1));
        assert_eq!(refused("a.b:s"), KeyringError::Id(1));
        assert_eq!(refused("a:with space"), KeyringError::Characters(1));
        assert_eq!(refused("a:s,a:t"), KeyringError::Twice("a".into()));
        assert_eq!(refused("s,t"), KeyringError::Twice(BARE_KEY_ID.into()));
        let nine: Vec<_> = (0..9).map(|n| format!("k{n}:s")).collect();
        assert_eq!(refused(&nine.join(",")), KeyringError::TooMany);
    }

    #[test]
    fn hostile_usernames_are_refused() {
        let ring: Keyring = "k:secret".parse().unwrap();
        for name in [
            "",
            ":",
            "1",
            "99999999999:k",
            "x:k.u",
            "+9:k.u",
            "9999999999:.u",
            "9999999999:k.",
            "99999999999999999999999:k.u",
        ] {
            assert_eq!(ring.verify(name, "AAAA", 1), Err(Refusal::Form), "{name}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let ring: Keyring = "k:hunter-of-secrets".parse().unwrap();
        let made = ring.credential("u", HOUR, 1);
        assert!(!format!("{ring:?}").contains("hunter"));
        assert!(!format!("{made:?}").contains(&made.credential));
    }

    proptest! {
        #[test]
        fn what_a_ring_mints_it_accepts(
            secrets in prop::collection::vec("[!-+\\--~]{1,80}", 1..=KEYS_MAX),
            user in "[a-zA-Z0-9.:_-]{1,64}", now in 0u64..1 << 40, ttl in 1u64..1 << 30,
        ) {
            let text = secrets.iter().enumerate().map(|(n, s)| format!("id{n}:{s}")).collect::<Vec<_>>().join(",");
            let ring: Keyring = text.parse().unwrap();
            prop_assert_eq!(&ring.to_text(), &text);
            let made = ring.credential(&user, Duration::from_secs(ttl), now);
            let seen = ring.verify(&made.username, &made.credential, now).unwrap();
            prop_assert_eq!(seen.user, user);
            prop_assert_eq!(seen.expires_at, now + ttl);
        }

        #[test]
        fn any_change_is_refused(at in 0usize..1000, flip in 1u8..128) {
            let ring: Keyring = "k1:0123456789abcdef".parse().unwrap();
            let made = ring.credential("user", HOUR, 1_000);
            let mut name = made.username.clone().into_bytes();
            let at = at % name.len();
            name[at] ^= flip;
            if let Ok(name) = String::from_utf8(name) {
                prop_assert!(ring.verify(&name, &made.credential, 1_001).is_err());
            }
        }

        #[test]
        fn never_panics(username in ".{0,80}", credential in ".{0,80}", ring in ".{0,80}") {
            let keys: Keyring = "k1:0123456789abcdef".parse().unwrap();
            let _ = keys.verify(&username, &credential, 5);
            let _ = ring.parse::<Keyring>();
        }
    }
}
