//! Access tokens (JWT with an HMAC) and refresh tokens (a MAC over sign-in and generation).
//!
//! Owns minting and checking. Never reads a clock and never knows whether a sign-in was revoked.

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{JwtAlgorithm, Secret};
use crate::domain::{AuthSessionId, Timestamp, UserId, wire::event::Credential};

/// Longest token that is looked at, in bytes: ours are far shorter, and a header line may carry more.
const TOKEN_BYTES: usize = 2048;
/// What a refresh token starts with: the version of its form.
const REFRESH_PREFIX: &str = "r1.";
/// Sets the key of refresh tokens apart from that of access tokens.
const REFRESH_LABEL: &[u8] = b"charge refresh";

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

/// Why no tokens can be made at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokensError {
    /// A MAC with an empty key protects nothing.
    #[error("the secret is empty")]
    EmptySecret,
    /// The crypto library refuses to sign.
    #[error("access tokens cannot be signed")]
    Signing,
}

#[derive(Serialize)]
struct MintedClaims {
    sub: UserId,
    sid: AuthSessionId,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// `exp` has no default: a token without it does not decode.
#[derive(Deserialize)]
struct CheckedClaims {
    sub: UserId,
    sid: AuthSessionId,
    exp: i64,
}

struct Keys {
    header: Header,
    validation: Validation,
    sign: EncodingKey,
    check: DecodingKey,
    refresh: hmac::Key,
}

/// Mints and checks access and refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

impl Tokens {
    /// Keys from the secret's raw bytes; only `algorithm` is ever accepted.
    ///
    /// # Errors
    /// An empty secret, or a crypto library that does not sign.
    pub fn new(secret: &Secret, algorithm: JwtAlgorithm) -> Result<Self, TokensError> {
        if secret.as_bytes().is_empty() {
            return Err(TokensError::EmptySecret);
        }
        let algorithm = match algorithm {
            JwtAlgorithm::Hs256 => Algorithm::HS256,
            JwtAlgorithm::Hs384 => Algorithm::HS384,
            JwtAlgorithm::Hs512 => Algorithm::HS512,
        };
        let mut validation = Validation::new(algorithm);
        // The time comes from the caller, to the second and without leeway.
        validation.validate_exp = false;
        validation.leeway = 0;
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let refresh = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, REFRESH_LABEL).as_ref());
        let tokens = Self(Arc::new(Keys {
            header: Header::new(algorithm),
            validation,
            sign: EncodingKey::from_secret(secret.as_bytes()),
            check: DecodingKey::from_secret(secret.as_bytes()),
            refresh,
        }));
        // Minting is infallible from here on: what would make it fail shows now.
        let probe = Credential {
            user: UserId(Uuid::nil()),
            auth_session: AuthSessionId(Uuid::nil()),
            expires_at: Timestamp::from_millis(1000),
        };
        let minted = tokens.mint_access(probe, Timestamp::from_millis(0));
        match tokens.verify_access(&minted, Timestamp::from_millis(0)) {
            Ok(checked) if checked == probe => Ok(tokens),
            _ => Err(TokensError::Signing),
        }
    }

    /// A signed access token for `credential`; `exp` is its `expires_at`, in whole seconds.
    #[must_use]
    pub fn mint_access(&self, credential: Credential, now: Timestamp) -> String {
        let claims = MintedClaims {
            sub: credential.user,
            sid: credential.auth_session,
            iat: now.as_seconds(),
            exp: credential.expires_at.as_seconds(),
            jti: Uuid::new_v4(),
        };
        // `new` has proved that this works; an empty token would be accepted by nobody.
        jsonwebtoken::encode(&self.0.header, &claims, &self.0.sign).unwrap_or_default()
    }

    /// Checks signature, algorithm, `exp` (required) and form. Whether the sign-in was revoked is the store's to say.
    ///
    /// # Errors
    /// Not ours, or expired at `now`.
    pub fn verify_access(&self, token: &str, now: Timestamp) -> Result<Credential, TokenError> {
        if token.len() > TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let claims = jsonwebtoken::decode::<CheckedClaims>(token, &self.0.check, &self.0.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let expires_at = Timestamp::from_millis(0).plus_seconds(claims.exp);
        if now >= expires_at {
            return Err(TokenError::Expired);
        }
        Ok(Credential { user: claims.sub, auth_session: claims.sid, expires_at })
    }

    /// The refresh token of a family's generation: a MAC, so that the same one can be given out again.
    #[must_use]
    pub fn mint_refresh(&self, session: AuthSessionId, generation: u64) -> String {
        let mut body = [0u8; 24];
        for (place, byte) in body.iter_mut().zip(session.0.as_bytes().iter().copied().chain(generation.to_be_bytes())) {
            *place = byte;
        }
        let mac = hmac::sign(&self.0.refresh, &body);
        format!("{REFRESH_PREFIX}{}.{}", URL_SAFE_NO_PAD.encode(body), URL_SAFE_NO_PAD.encode(mac.as_ref()))
    }

    /// Checks the MAC in constant time.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] for whatever this server did not mint; expiry is the store's to say.
    pub fn verify_refresh(&self, token: &str) -> Result<(AuthSessionId, u64), TokenError> {
        let parts = token.strip_prefix(REFRESH_PREFIX).and_then(|rest| rest.split_once('.'));
        let (body, mac) = parts.filter(|_| token.len() <= TOKEN_BYTES).ok_or(TokenError::Invalid)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Invalid)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| TokenError::Invalid)?;
        hmac::verify(&self.0.refresh, &body, &mac).map_err(|_| TokenError::Invalid)?;
        let (session, generation) = body.split_first_chunk::<16>().ok_or(TokenError::Invalid)?;
        let generation: [u8; 8] = generation.try_into().map_err(|_| TokenError::Invalid)?;
        Ok((AuthSessionId(Uuid::from_bytes(*session)), u64::from_be_bytes(generation)))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens() -> Tokens {
        Tokens::new(&Secret::new(SECRET), JwtAlgorithm::Hs256).unwrap()
    }

    fn credential() -> Credential {
        Credential { user: UserId::fresh(), auth_session: AuthSessionId::fresh(), expires_at: at(1800) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).plus_seconds(seconds)
    }

    fn forge(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    #[test]
    fn an_access_token_is_good_until_it_expires_to_the_second() {
        let (tokens, credential) = (tokens(), credential());
        let token = tokens.mint_access(credential, at(0));
        assert_eq!(tokens.verify_access(&token, at(0)), Ok(credential));
        assert_eq!(tokens.verify_access(&token, at(1800).plus_millis(-1)), Ok(credential));
        assert_eq!(tokens.verify_access(&token, at(1800)), Err(TokenError::Expired));
    }

    #[test]
    fn every_algorithm_accepts_itself_only() {
        let all = [JwtAlgorithm::Hs256, JwtAlgorithm::Hs384, JwtAlgorithm::Hs512];
        let made: Vec<_> = all.iter().map(|a| Tokens::new(&Secret::new(SECRET), *a).unwrap()).collect();
        for (i, minting) in made.iter().enumerate() {
            let token = minting.mint_access(credential(), at(0));
            for (j, checking) in made.iter().enumerate() {
                assert_eq!(checking.verify_access(&token, at(0)).is_ok(), i == j, "{i} {j}");
            }
        }
    }

    #[test]
    fn what_others_minted_is_refused() {
        let tokens = tokens();
        let claims = json!({"sub": UserId::fresh(), "sid": AuthSessionId::fresh(), "exp": at(60).as_seconds()});
        assert!(tokens.verify_access(&forge(Algorithm::HS256, SECRET, &claims), at(0)).is_ok());
        assert!(tokens.verify_access(&forge(Algorithm::HS256, "another secret", &claims), at(0)).is_err());
        for missing in ["sub", "sid", "exp"] {
            let mut less = claims.clone();
            less.as_object_mut().unwrap().remove(missing);
            assert_eq!(
                tokens.verify_access(&forge(Algorithm::HS256, SECRET, &less), at(0)),
                Err(TokenError::Invalid),
                "{missing}"
            );
        }
        for exp in [json!("9999999999"), json!(null), json!(-1), json!(0), json!(1e300), json!([9_999_999_999u64])] {
            let mut odd = claims.clone();
            odd["exp"] = exp;
            assert!(tokens.verify_access(&forge(Algorithm::HS256, SECRET, &odd), at(0)).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_refresh_token_comes_out_the_same_each_time() {
        let (tokens, session) = (tokens(), AuthSessionId::fresh());
        let token = tokens.mint_refresh(session, 7);
        assert_eq!(token, tokens.mint_refresh(session, 7));
        assert_eq!(tokens.verify_refresh(&token), Ok((session, 7)));
        assert_ne!(token, tokens.mint_refresh(session, 8));
        let other = Tokens::new(&Secret::new("another secret"), JwtAlgorithm::Hs256).unwrap();
        assert_eq!(other.verify_refresh(&token), Err(TokenError::Invalid));
        assert_eq!(tokens.verify_access(&token, at(0)), Err(TokenError::Invalid));
    }

    #[test]
    fn no_secret_no_tokens() {
        assert_eq!(Tokens::new(&Secret::new(""), JwtAlgorithm::Hs256).unwrap_err(), TokensError::EmptySecret);
        assert_eq!(format!("{:?}", tokens()), "Tokens(..)");
    }

    proptest! {
        #[test]
        fn one_altered_character_spoils_either_token(place in 0usize..400, to in "[A-Za-z0-9_.-]") {
            let tokens = tokens();
            let access = tokens.mint_access(credential(), at(0));
            let refresh = tokens.mint_refresh(AuthSessionId::fresh(), 1);
            for token in [access, refresh] {
                let place = place % token.len();
                let mut altered = token.clone();
                altered.replace_range(place..=place, &to);
                if altered != token {
                    prop_assert!(tokens.verify_access(&altered, at(0)).is_err());
                    prop_assert!(tokens.verify_refresh(&altered).is_err());
                }
            }
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let tokens = tokens();
            prop_assert!(tokens.verify_access(&text, at(0)).is_err());
            prop_assert!(tokens.verify_refresh(&text).is_err());
            let prefixed = format!("r1.{text}");
            prop_assert!(tokens.verify_refresh(&prefixed).is_err());
        }
    }
}
