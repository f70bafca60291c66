//! The refresh token in a browser's cookie: HttpOnly, SameSite=Strict, for `/api/auth` only.
//!
//! Owns its name and attributes. Never mints a token.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::http::{App, client::Client, problem::Problem};

/// Where the cookie is sent to.
const PATH: &str = "/api/auth";

/// The name browsers keep it by; with the prefix they refuse it over plain HTTP.
fn name(app: &App) -> &'static str {
    if app.options.public_url.is_secure() { "__Secure-charge_refresh" } else { "charge_refresh" }
}

/// `Set-Cookie` with a token for `seconds`.
pub(super) fn set(app: &App, token: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if app.options.public_url.is_secure() { "; Secure" } else { "" };
    let name = name(app);
    let mut value = HeaderValue::from_str(&format!(
        "{name}={token}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    ))
    .ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Set-Cookie` that removes it.
pub(super) fn clear(app: &App) -> Option<HeaderValue> {
    set(app, "", 0)
}

/// The token a browser sent.
pub(super) fn read(app: &App, headers: &HeaderMap) -> Option<String> {
    let wanted = name(app);
    let values = headers.get_all(header::COOKIE);
    let mut pairs = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted && !value.is_empty()).then(|| value.to_owned())
    })
}

/// A cookie is sent by the browser, not by the page: only pages that may call this server may make it do so.
pub(super) fn allow(app: &App, client: Client, headers: &HeaderMap) -> Result<(), Problem> {
    if app.origins.allow_request(headers, client.secure) {
        Ok(())
    } else {
        Err(Problem::forbidden("Pages of this Origin may not sign in here; see CORS_ORIGINS."))
    }
}
