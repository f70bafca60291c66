//! The schema's history: which migrations a database has, and which this binary brings.
//!
//! Owns the words for what is wrong with a schema. Never repairs one: a changed migration is for a person to judge.

use super::{Result, sqlite};

/// One numbered migration as this binary and the database know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MigrationInfo {
    /// Its number, from 1.
    pub version: i64,
    /// From its file name; empty for one this binary does not have.
    pub description: String,
    /// Where it stands.
    pub state: MigrationState,
}

/// Where a migration stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MigrationState {
    /// The database has it, as this binary has it.
    Applied,
    /// The database does not have it yet.
    Pending,
    /// The database has it, with another text.
    Changed,
    /// The database has it, this binary does not.
    Newer,
}

impl MigrationState {
    /// The word for a list.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Changed => "changed",
            Self::Newer => "newer",
        }
    }
}

/// All migrations of the database at `url` and of this binary, in order. Changes nothing, creates nothing.
///
/// # Errors
/// [`super::StoreError::Unavailable`] when the database cannot be read.
pub async fn info(url: &str) -> Result<Vec<MigrationInfo>> {
    sqlite::migrations(url).await
}

/// Applies what is pending, all or nothing, and answers what was applied.
///
/// # Errors
/// As [`validate`], and [`super::StoreError::Unavailable`] when the database cannot be written.
pub async fn run(url: &str) -> Result<Vec<MigrationInfo>> {
    sqlite::migrate(url).await
}

/// Whether this binary may work with the database at `url`; pending migrations are no fault.
///
/// # Errors
/// [`super::StoreError::Schema`] says what is wrong and what to do.
pub async fn validate(url: &str) -> Result<()> {
    sqlite::judge(&info(url).await?)
}
