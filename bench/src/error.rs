//! Why a measurement could not be made or does not count.
//!
//! Owns the one error type of the crate.

use std::{fmt::Display, io};

/// See the variants; the text is what the person at the terminal reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The machine refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A request to the server under test failed.
    #[error("request: {0}")]
    Http(#[from] reqwest::Error),
    /// The run could not begin.
    #[error("{0}")]
    Setup(String),
    /// The server lost, repeated or refused messages: its figures would be worth nothing.
    #[error("the run does not count: {0}")]
    Mismatch(String),
    /// The records of `bench table` cannot be read.
    #[error("record {line}: {error}")]
    Record {
        /// Line of the file, from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A defect of this program.
    #[error("defect: {0}")]
    Defect(String),
}

impl BenchError {
    /// An error that only a defect of this program can cause.
    pub(crate) fn defect(error: &dyn Display) -> Self {
        Self::Defect(error.to_string())
    }
}
