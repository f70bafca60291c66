//! What a client is told when something did not work: RFC 9457 `application/problem+json`.
//!
//! Owns codes, statuses and their words. Never puts a cause into an answer; the cause travels beside it to the log.

use std::sync::Arc;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::PasswordError,
    domain::wire::{ErrorCode, WireError},
    store::StoreError,
};

/// Seconds after which a client may try again when the server could not: one commit is far shorter.
const RETRY_UNAVAILABLE_SECONDS: u64 = 1;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal, $status:ident, $title:literal;)+) => {
        /// The stable codes, one per way of failing.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// All of them, in the order of the documentation.
            pub(crate) const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The name on the wire.
            #[must_use]
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status,)+ }
            }

            /// A few words for people, the same for every occurrence.
            #[must_use]
            pub(crate) fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)+ }
            }
        }
    };
}

codes! {
    /// The request is not HTTP or JSON as it should be.
    Malformed => "malformed", BAD_REQUEST, "The request cannot be read";
    /// A field is missing or its value is refused; `errors` names the fields.
    Validation => "validation", UNPROCESSABLE_ENTITY, "Something in the request is not valid";
    /// No credential, or one that is no longer good.
    Unauthenticated => "unauthenticated", UNAUTHORIZED, "You are not signed in";
    /// You may see it, not do that.
    Forbidden => "forbidden", FORBIDDEN, "You are not allowed to do this";
    /// It does not exist, or not for you.
    NotFound => "not_found", NOT_FOUND, "This does not exist, or not for you";
    /// The address exists, not with this method; `Allow` lists those it has.
    MethodNotAllowed => "method_not_allowed", METHOD_NOT_ALLOWED, "This address does not take that method";
    /// The body did not arrive in time.
    Timeout => "timeout", REQUEST_TIMEOUT, "The request took too long to arrive";
    /// It clashes with what is there.
    Conflict => "conflict", CONFLICT, "This clashes with what is there";
    /// No place left.
    Full => "full", CONFLICT, "There is no place left";
    /// It was there and no longer counts.
    Gone => "gone", GONE, "This is no longer valid";
    /// The invite's time is over.
    InviteExpired => "invite_expired", GONE, "This invite has expired";
    /// The invite was used as often as it may be.
    InviteUsed => "invite_used", GONE, "This invite was used up";
    /// The body is larger than the server takes.
    TooLarge => "too_large", PAYLOAD_TOO_LARGE, "The request is too large";
    /// The body is not `application/json`.
    UnsupportedMediaType => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// This address speaks WebSocket only.
    UpgradeRequired => "upgrade_required", UPGRADE_REQUIRED, "This address is for WebSockets";
    /// Too much at once; `Retry-After` says when to try again.
    RateLimited => "rate_limited", TOO_MANY_REQUESTS, "Too much at once";
    /// A fault of the server.
    Internal => "internal", INTERNAL_SERVER_ERROR, "Something went wrong on the server";
    /// Not now: overload, storage, restart.
    Unavailable => "unavailable", SERVICE_UNAVAILABLE, "The server cannot do this right now";
}

/// One refused field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Its name in the body or the query; a dot leads into an object.
    pub(crate) field: String,
    /// What is wrong with it, for the person who filled it in.
    pub(crate) detail: String,
}

/// The body of every answer that is not a success.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The same words for every problem of this code.
    pub(crate) title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened here.
    pub(crate) detail: String,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// The refused fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
    cause: Option<String>,
}

impl Problem {
    /// A problem of `code` with what happened here, in words for a person.
    #[must_use]
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, detail: detail.into(), errors: Vec::new(), retry_after: None, cause: None }))
    }

    /// The one answer for what is missing and for what one may not know of.
    #[must_use]
    pub(crate) fn not_found() -> Self {
        Self::new(Code::NotFound, "There is no such thing, or it is not for you.")
    }

    /// Seen, but not permitted.
    #[must_use]
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// No credential or a bad one; which of the two is not told.
    #[must_use]
    pub(crate) fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Sign in and try again.")
    }

    /// Refused fields.
    #[must_use]
    pub(crate) fn validation(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}.", one.field, one.detail),
            _ => "Some fields are not valid.".to_owned(),
        };
        let mut problem = Self::new(Code::Validation, detail);
        problem.0.errors = errors;
        problem
    }

    /// One refused field.
    #[must_use]
    pub(crate) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::validation(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// A unique field whose value is in use.
    #[must_use]
    pub(crate) fn taken(field: &str) -> Self {
        let mut problem = Self::new(Code::Conflict, format!("That {field} is taken."));
        problem.0.errors = vec![FieldError { field: field.to_owned(), detail: "is taken".to_owned() }];
        problem
    }

    /// Too much at once; the wait is rounded up to whole seconds.
    #[must_use]
    pub(crate) fn rate_limited(retry_ms: u64) -> Self {
        let seconds = retry_ms.div_ceil(1000).max(1);
        let mut problem = Self::new(Code::RateLimited, format!("Too many attempts. Try again in {seconds} s."));
        problem.0.retry_after = Some(seconds);
        problem
    }

    /// The server cannot do it now; `cause` goes to the log.
    #[must_use]
    pub(crate) fn unavailable(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(Code::Unavailable, "Nothing was changed. Try again in a moment.");
        problem.0.retry_after = Some(RETRY_UNAVAILABLE_SECONDS);
        problem.because(cause)
    }

    /// A fault of the server; `cause` goes to the log.
    #[must_use]
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self::new(Code::Internal, "The server's log says more.").because(cause)
    }

    /// What the log shall say and the client shall not see.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The problem that a bare status of the framework stands for.
    #[must_use]
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::UNAUTHORIZED => Self::unauthenticated(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(Code::MethodNotAllowed, "See the Allow header."),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::TooLarge, "Send less at once."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(Code::UnsupportedMediaType, "Send Content-Type: application/json.")
            }
            StatusCode::FORBIDDEN => Self::forbidden("This is not for you."),
            status if status.is_client_error() => {
                Self::new(Code::Malformed, "The request is not one this server understands.")
            }
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable("an answer without a body"),
            status => Self::internal(format!("a bare {status}")),
        }
    }

    /// Its code.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What the log shall say.
    #[must_use]
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The same with its cause in the open, for `DEBUG`.
    #[must_use]
    pub(crate) fn verbose(mut self) -> Self {
        if let Some(cause) = &self.0.cause {
            self.0.detail = format!("{} ({cause})", self.0.detail);
        }
        self
    }
}

/// The problem an answer was made from, for the access log.
#[derive(Clone)]
pub(crate) struct Told(pub(crate) Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { code, detail, errors, retry_after, .. } = &*self.0;
        let body = ProblemBody {
            kind: format!("/docs#problem-{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: detail.clone(),
            code: code.as_str(),
            errors: errors.clone(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response =
            (code.status(), [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body)
                .into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        if *code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Told(Arc::new(self)));
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(field) => Problem::taken(field),
            StoreError::Conflict("owns_rooms") => {
                Problem::new(Code::Conflict, "You own rooms with other members. Hand them over or delete them first.")
            }
            StoreError::Conflict(why) => {
                Problem::new(Code::Conflict, format!("This clashes with what is there: {why}."))
            }
            StoreError::Missing => Problem::not_found(),
            StoreError::Full(what) => Problem::new(Code::Full, format!("There is no place left: {what}.")),
            StoreError::Gone => Problem::new(Code::Gone, "It expired, was used up or was taken back."),
            StoreError::Overloaded | StoreError::Unavailable(_) => Problem::unavailable(error.to_string()),
            StoreError::Schema(_) | StoreError::Corrupt(_) => Problem::internal(error.to_string()),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Problem::unavailable(error.to_string()),
            PasswordError::Failed => Problem::internal(error.to_string()),
        }
    }
}

impl From<WireError> for Problem {
    fn from(error: WireError) -> Self {
        let code = match error.code {
            ErrorCode::Validation => Code::Validation,
            ErrorCode::UnknownOp => Code::Malformed,
            ErrorCode::NotFound => Code::NotFound,
            ErrorCode::Forbidden => Code::Forbidden,
            ErrorCode::Conflict | ErrorCode::AlreadyJoined | ErrorCode::ResumeFailed => Code::Conflict,
            ErrorCode::RateLimited => return Problem::rate_limited(error.retry_ms.unwrap_or(1000)),
            ErrorCode::Full => Code::Full,
            ErrorCode::Unavailable => return Problem::unavailable(error.message),
        };
        Problem::new(code, error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_fit_their_class() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error()));
    }

    #[test]
    fn a_cause_stays_out_of_the_answer() {
        let problem = Problem::from(StoreError::Unavailable("disk full at /secret".into()));
        assert!(problem.cause().is_some_and(|cause| cause.contains("disk full")));
        let response = problem.clone().into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert!(!problem.0.detail.contains("disk"));
        assert!(problem.verbose().0.detail.contains("disk full"));
    }

    #[test]
    fn waits_round_up() {
        for (ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(Problem::rate_limited(ms).0.retry_after, Some(seconds));
        }
    }
}
