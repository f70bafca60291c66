//! Migrations of a SQLite file.
//!
//! Owns the embedded SQL and the verdict on a schema. Never touches rows of people or messages.

use std::{path::Path, time::Duration};

use sqlx::{
    Connection, SqliteConnection,
    migrate::{Migrate, MigrateError, Migrator},
    sqlite::SqliteConnectOptions,
};

use super::file;
use crate::store::{
    Result, StoreError,
    migrations::{MigrationInfo, MigrationState},
};

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/sqlite");
/// Where sqlx notes what was applied.
const TABLE: &str = "_sqlx_migrations";
/// For `charge migrate`, beside a server that may be writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// See [`crate::store::migrations::info`].
pub(crate) async fn migrations(url: &str) -> Result<Vec<MigrationInfo>> {
    let path = file::path(url)?;
    if !path.exists() {
        return Ok(list(Vec::new()));
    }
    let options = SqliteConnectOptions::new().filename(&path).busy_timeout(BUSY_TIMEOUT).pragma("query_only", "ON");
    let mut conn = SqliteConnection::connect_with(&options).await?;
    let infos = state(&mut conn).await;
    conn.close().await?;
    infos
}

/// See [`crate::store::migrations::run`].
pub(crate) async fn migrate(url: &str) -> Result<Vec<MigrationInfo>> {
    let path = file::path(url)?;
    let mut conn = open(&path, BUSY_TIMEOUT).await?;
    let applied = apply(&mut conn).await;
    conn.close().await?;
    applied
}

/// The writing connection, with the file created where missing.
pub(super) async fn open(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection> {
    file::create(path)?;
    Ok(SqliteConnection::connect_with(&file::writing(path, busy_timeout)).await?)
}

/// Applies what is pending in one transaction, so that two processes starting at once do it once.
pub(super) async fn apply(conn: &mut SqliteConnection) -> Result<Vec<MigrationInfo>> {
    let before = state(conn).await?;
    judge(&before)?;
    if before.iter().all(|migration| migration.state == MigrationState::Applied) {
        return Ok(Vec::new());
    }
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let mut pending = state(&mut tx).await?;
    judge(&pending)?;
    pending.retain(|migration| migration.state == MigrationState::Pending);
    tx.ensure_migrations_table(TABLE).await.map_err(explain)?;
    for migration in MIGRATOR.iter().filter(|ours| pending.iter().any(|info| info.version == ours.version)) {
        tx.apply(TABLE, migration).await.map_err(explain)?;
    }
    tx.commit().await?;
    Ok(pending)
}

async fn state(conn: &mut SqliteConnection) -> Result<Vec<MigrationInfo>> {
    let known: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)")
            .bind(TABLE)
            .fetch_one(&mut *conn)
            .await?;
    if !known {
        return Ok(list(Vec::new()));
    }
    let applied = conn.list_applied_migrations(TABLE).await.map_err(explain)?;
    Ok(list(applied.into_iter().map(|migration| (migration.version, migration.checksum.into_owned())).collect()))
}

/// Ours and theirs side by side, in order of their numbers.
fn list(applied: Vec<(i64, Vec<u8>)>) -> Vec<MigrationInfo> {
    let mut infos: Vec<MigrationInfo> = MIGRATOR
        .iter()
        .map(|ours| {
            let state = match applied.iter().find(|(version, _)| *version == ours.version) {
                None => MigrationState::Pending,
                Some((_, checksum)) if checksum[..] == *ours.checksum => MigrationState::Applied,
                Some(_) => MigrationState::Changed,
            };
            MigrationInfo { version: ours.version, description: ours.description.to_string(), state }
        })
        .collect();
    for (version, _) in applied {
        if !infos.iter().any(|info| info.version == version) {
            infos.push(MigrationInfo { version, description: String::new(), state: MigrationState::Newer });
        }
    }
    infos.sort_by_key(|info| info.version);
    infos
}

/// See [`crate::store::migrations::validate`].
pub(crate) fn judge(infos: &[MigrationInfo]) -> Result<()> {
    for info in infos {
        let words = match info.state {
            MigrationState::Applied | MigrationState::Pending => continue,
            MigrationState::Newer => format!(
                "the database was written by a newer charge (it has migration {}, which this binary does not know): run \
                 that version, or restore a backup made before the upgrade",
                info.version
            ),
            MigrationState::Changed => format!(
                "migration {} ({}) was changed after it was applied to this database: run the binary that applied it, or \
                 restore a backup; `charge migrate info` lists both sides",
                info.version, info.description
            ),
        };
        return Err(StoreError::Schema(words));
    }
    Ok(())
}

fn explain(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => error.into(),
        MigrateError::ExecuteMigration(error, version) => match StoreError::from(error) {
            StoreError::Unavailable(why) if !why.contains("already exists") => StoreError::Unavailable(why),
            other => StoreError::Schema(format!(
                "migration {version} does not fit this database ({other}): was it made by another program? Give charge \
                 a database of its own"
            )),
        },
        error => StoreError::Schema(error.to_string()),
    }
}
