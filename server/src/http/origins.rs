//! Which pages may call: the Origin of WebSockets and of cross-origin requests, and the CORS headers.
//!
//! Owns the list. Never replaces authentication: an allowed origin still needs a credential.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::options::{Options, Origin, OriginRegex};

/// Seconds a browser may remember a preflight.
const PREFLIGHT_SECONDS: u64 = 600;

pub(crate) struct Origins {
    own: Origin,
    /// The server's names are not all known: whatever it was reached by is one.
    any_host: bool,
    listed: Vec<Origin>,
    regex: OriginRegex,
}

impl Origins {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            own: options.public_url.origin().clone(),
            any_host: !options.public_url_is_set,
            listed: options.cors_origins.clone(),
            regex: options.cors_allow_origin_regex.clone(),
        }
    }

    /// Whether a page of `origin` may use this server: ours by configuration or, where that names none, by the address it
    /// was reached at; or one of the listed.
    pub(crate) fn allows(&self, origin: &str, host: Option<&str>, secure: bool) -> bool {
        origin == self.own.as_str()
            || self.any_host && host.is_some_and(|host| Origin::of(secure, host).as_str() == origin)
            || self.allows_foreign(origin)
    }

    fn allows_foreign(&self, origin: &str) -> bool {
        self.listed.iter().any(|listed| listed.as_str() == origin) || self.regex.matches(origin)
    }

    /// Whether the request's Origin, if it has one, is allowed.
    pub(crate) fn allow_request(&self, headers: &HeaderMap, secure: bool) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| self.allows(origin, host, secure)),
            _ => false,
        }
    }

    /// The answer to a preflight, when the request is one.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || !self.is_foreign_and_allowed(headers) {
            return None;
        }
        let allow = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE")),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("authorization, content-type, x-request-id"),
            ),
            (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_SECONDS)),
        ];
        Some((StatusCode::NO_CONTENT, allow).into_response())
    }

    fn is_foreign_and_allowed(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.is_some_and(|origin| self.allows_foreign(origin))
    }

    /// The headers that let an allowed page read the answer.
    pub(crate) fn mark(&self, request: &HeaderMap, response: &mut HeaderMap) {
        response.append(header::VARY, HeaderValue::from_static("origin"));
        if !self.is_foreign_and_allowed(request) {
            return;
        }
        if let Some(origin) = request.get(header::ORIGIN) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            response
                .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
        }
    }
}
