//! The store's one error type.
//!
//! Owns the causes. Never says what a client is told; floor 3 maps them.

/// Why a store method failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name is in use; which field.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// It clashes with what is stored; why, as a stable word.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// What should be changed is not there.
    #[error("missing")]
    Missing,
    /// No place left (letters, invites).
    #[error("full: {0}")]
    Full(&'static str),
    /// It was there and no longer counts (an invite expired or used up).
    #[error("gone")]
    Gone,
    /// More writes are waiting than the queue holds.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The database did not take it now (disk full, locked, closed): nothing was stored.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database's schema is newer than this binary, or was changed by hand.
    #[error("{0}")]
    Schema(String),
    /// Something in the database is not as written.
    #[error("corrupt: {0}")]
    Corrupt(String),
}
