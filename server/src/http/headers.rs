//! The security headers of every answer.
//!
//! Owns their values. Never decides anything.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::options::Options;

/// Two years. Subdomains are not ours to bind.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");
/// Off, all but the microphone.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), autoplay=(self), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     hid=(), magnetometer=(), microphone=(self), midi=(), payment=(), screen-wake-lock=(self), serial=(), usb=()",
);
/// For the reference page: its component styles itself inline. It calls this server and nothing else.
const DOCS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

pub(crate) struct Security {
    policy: HeaderValue,
    secure: bool,
}

impl Security {
    pub(crate) fn new(options: &Options) -> Self {
        let secure = options.public_url.is_secure();
        // 'self' covers our own WebSockets in current browsers; older ones need them named.
        let socket = format!("{}://{}", if secure { "wss" } else { "ws" }, options.public_url.authority());
        let policy = format!(
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
             connect-src 'self' {socket}; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"));
        Self { policy, secure }
    }

    /// Adds what is not there yet.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        let fixed: [(HeaderName, HeaderValue); 7] = [
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (HeaderName::from_static("permissions-policy"), PERMISSIONS),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        for (name, value) in fixed {
            headers.entry(name).or_insert(value);
        }
        if self.secure {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
    }
}

/// The policy of `/docs`.
pub(crate) fn docs_policy() -> (HeaderName, HeaderValue) {
    (header::CONTENT_SECURITY_POLICY, DOCS_POLICY)
}
