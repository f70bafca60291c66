//! The database file: its address, its permissions, how connections to it are opened.
//!
//! Owns PRAGMAs. Never owns a statement about people or messages.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

use crate::store::{Result, StoreError};

/// Connections for reading: a few long history reads must not hold up the short ones, and two cores feed no more.
const READERS: u32 = 4;
/// How long a read waits for one of them: longer means that reading is far behind, and an error tells more than a queue.
const READER_WAIT: Duration = Duration::from_secs(5);
/// Pages the write-ahead log may reach before it is copied back (32 MiB): copying costs two more syncs, so not every
/// second commit should pay for it.
const CHECKPOINT_PAGES: &str = "8192";
/// Page cache of the writer, in KiB as SQLite counts it (32 MiB): a full batch touches a page of the key index per message,
/// and what does not fit is written twice.
const WRITER_CACHE: &str = "-32768";
/// Prepared statements kept per connection: every fixed statement and the few sizes of the multi-row ones.
const STATEMENTS: usize = 256;

/// The path in `sqlite://path`, taken literally.
pub(super) fn path(url: &str) -> Result<PathBuf> {
    let Some(path) = url.strip_prefix("sqlite://") else {
        return Err(StoreError::Unavailable(format!(
            "{} is not a database this build can open; write sqlite://path/to/charge.db",
            url.split("://").next().unwrap_or_default()
        )));
    };
    if path.is_empty() || path.contains('?') || path.contains(":memory:") {
        return Err(StoreError::Unavailable(
            "the database address must be sqlite://path/to/charge.db, with nothing after the path".to_owned(),
        ));
    }
    Ok(PathBuf::from(path))
}

/// Creates directory (0700) and file (0600) where missing: what is in it is nobody else's.
pub(super) fn create(path: &Path) -> Result<()> {
    let clear = |what: &str, at: &Path, error: &std::io::Error| {
        StoreError::Unavailable(format!("{what} {}: {error}", at.display()))
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(parent).map_err(|error| clear("cannot create the directory", parent, &error))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(clear("cannot create the database", path, &error))
        }
        _ => Ok(()),
    }
}

/// For the one connection that writes.
pub(super) fn writing(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy_timeout)
        .statement_cache_capacity(STATEMENTS)
        // A deleted message's text does not stay behind in a freed part of the file where that costs no extra write.
        .pragma("secure_delete", "FAST")
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        // A checkpoint cuts the log file back to its bound, so that one large transaction does not pin the disk.
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

/// A few connections that cannot write.
pub(super) fn readers(path: &Path, busy_timeout: Duration) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(busy_timeout)
        .statement_cache_capacity(STATEMENTS)
        .pragma("query_only", "ON")
        .disable_statement_logging();
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options)
}
