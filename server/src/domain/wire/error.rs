//! Error codes of `err` and of problem+json.
//!
//! Owns the stable names. Never carries a cause: what the client is told and what the log says differ.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stable code that a client may act on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A field is missing or malformed.
    Validation,
    /// No such command.
    UnknownOp,
    /// It does not exist, or not for you.
    NotFound,
    /// You may see it, not do that.
    Forbidden,
    /// It clashes with what is there.
    Conflict,
    /// Too much at once; `retry_ms` says when to try again.
    RateLimited,
    /// No place left.
    Full,
    /// Already in that voice channel.
    AlreadyJoined,
    /// The resume token is unknown or too old: join afresh.
    ResumeFailed,
    /// Not now (overload, storage, restart); retry with the same key.
    Unavailable,
}

impl ErrorCode {
    /// The name on the wire and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::Validation => "validation",
            ErrorCode::UnknownOp => "unknown_op",
            ErrorCode::NotFound => "not_found",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::Conflict => "conflict",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::Full => "full",
            ErrorCode::AlreadyJoined => "already_joined",
            ErrorCode::ResumeFailed => "resume_failed",
            ErrorCode::Unavailable => "unavailable",
        }
    }
}

/// `err` of a refused command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WireError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Milliseconds until a retry may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

impl WireError {
    /// An error without a retry time.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_ms: None }
    }

    /// Too much at once; try again in `retry_ms` milliseconds.
    #[must_use]
    pub fn rate_limited(retry_ms: u64) -> Self {
        Self { code: ErrorCode::RateLimited, message: "too much at once".into(), retry_ms: Some(retry_ms) }
    }

    /// The one answer for what is missing and for what one may not know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "no such thing, or not for you")
    }

    /// The server cannot do it now.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(ErrorCode::Unavailable, "not possible right now, try again")
    }
}
