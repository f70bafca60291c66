//! Server-wide values, and the proof that the database works.
//!
//! Owns `settings` and `heartbeat`. Never knows what a value means.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Sqlite, users};
use crate::{domain::UserId, store::Result};

/// The log's epoch, made on first use.
pub(super) async fn epoch(conn: &mut SqliteConnection) -> Result<String> {
    sqlx::query("INSERT INTO settings (name, value) VALUES ('epoch', ?1) ON CONFLICT (name) DO NOTHING")
        .bind(Uuid::new_v4().simple().to_string())
        .execute(&mut *conn)
        .await?;
    Ok(sqlx::query_scalar("SELECT value FROM settings WHERE name = 'epoch'").fetch_one(conn).await?)
}

async fn take(conn: &mut SqliteConnection, name: String, value: String) -> Result<bool> {
    let sql = "DELETE FROM settings WHERE name = ?1 AND value = ?2";
    Ok(sqlx::query(sql).bind(name).bind(value).execute(conn).await?.rows_affected() > 0)
}

impl Sqlite {
    /// See [`crate::store::Store::check`].
    pub(crate) async fn check(&self) -> Result<()> {
        let beat: i64 = self
            .write(|conn| {
                Box::pin(async move {
                    let sql = "INSERT INTO heartbeat (one, at) VALUES (1, 1) \
                               ON CONFLICT (one) DO UPDATE SET at = at + 1 RETURNING at";
                    Ok(sqlx::query_scalar(sql).fetch_one(conn).await?)
                })
            })
            .await?;
        let sql = "SELECT at FROM heartbeat WHERE at >= ?1";
        sqlx::query_scalar::<_, i64>(sql).bind(beat).fetch_one(&self.readers).await?;
        Ok(())
    }

    /// See [`crate::store::Store::setting`].
    pub(crate) async fn setting(&self, name: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM settings WHERE name = ?1";
        Ok(sqlx::query_scalar(sql).bind(name).fetch_optional(&self.readers).await?)
    }

    /// See [`crate::store::Store::set_setting`].
    pub(crate) async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<()> {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.write(|conn| {
            Box::pin(async move {
                match value {
                    Some(value) => {
                        let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2) \
                                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                        sqlx::query(sql).bind(name).bind(value).execute(conn).await?
                    }
                    None => sqlx::query("DELETE FROM settings WHERE name = ?1").bind(name).execute(conn).await?,
                };
                Ok(())
            })
        })
        .await
    }

    /// See [`crate::store::Store::take_setting`].
    pub(crate) async fn take_setting(&self, name: &str, value: &str) -> Result<bool> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(|conn| Box::pin(take(conn, name, value))).await
    }

    /// See [`crate::store::Store::claim_admin`].
    pub(crate) async fn claim_admin(&self, name: &str, value: &str, user: UserId) -> Result<bool> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let is_taken = take(conn, name, value).await?;
                if is_taken {
                    users::set_admin(conn, user, true).await?;
                }
                Ok(is_taken)
            })
        })
        .await
    }
}
