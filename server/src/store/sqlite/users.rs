//! Accounts and guests.
//!
//! Owns `users` and what their end means for everything else. Never hashes a password.

use sqlx::SqliteConnection;

use super::{Sqlite, rooms, rows};
use crate::{
    domain::{RoomId, UserId, Username},
    store::{NewUser, Result, StoreError, UserChange, UserRecord},
};

/// What a deleted user is called.
const DELETED: &str = "deleted user";

/// Inserts one; also the first half of a guest's way in.
pub(super) async fn create(conn: &mut SqliteConnection, user: NewUser) -> Result<UserRecord> {
    let sql = "INSERT INTO users (id, username, display_name, password_hash, guest, created_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING *";
    let row = sqlx::query(sql)
        .bind(user.id.0)
        .bind(user.username.into_string())
        .bind(user.display_name.into_string())
        .bind(user.password_hash)
        .bind(user.guest)
        .bind(user.created_at.as_millis())
        .fetch_one(conn)
        .await?;
    rows::user(&row)
}

/// Somebody who is still there; [`StoreError::Missing`].
pub(super) async fn living(conn: &mut SqliteConnection, id: UserId) -> Result<UserRecord> {
    let row = sqlx::query("SELECT * FROM users WHERE id = ?1 AND deleted = 0").bind(id.0).fetch_one(conn).await?;
    rows::user(&row)
}

async fn update(conn: &mut SqliteConnection, id: UserId, change: UserChange) -> Result<UserRecord> {
    let sql = "UPDATE users SET display_name = COALESCE(?2, display_name), settings = COALESCE(?3, settings) \
               WHERE id = ?1 AND deleted = 0 RETURNING *";
    let settings = change.settings.map(|settings| serde_json::Value::Object(settings).to_string());
    let row = sqlx::query(sql)
        .bind(id.0)
        .bind(change.display_name.map(|name| name.into_string()))
        .bind(settings)
        .fetch_one(conn)
        .await?;
    rows::user(&row)
}

async fn upgrade(conn: &mut SqliteConnection, id: UserId, name: String, hash: String) -> Result<UserRecord> {
    if !living(conn, id).await?.guest {
        return Err(StoreError::Conflict("not_guest"));
    }
    let sql = "UPDATE users SET username = ?2, password_hash = ?3, guest = 0 WHERE id = ?1 RETURNING *";
    let row = sqlx::query(sql).bind(id.0).bind(name).bind(hash).fetch_one(&mut *conn).await?;
    let sql = "UPDATE members SET role = 'member' WHERE user_id = ?1 AND role = 'guest'";
    sqlx::query(sql).bind(id.0).execute(conn).await?;
    rows::user(&row)
}

async fn delete(conn: &mut SqliteConnection, id: UserId) -> Result<Vec<RoomId>> {
    living(conn, id).await?;
    let sql = "SELECT room_id, role = 'owner', (SELECT COUNT(*) FROM members o WHERE o.room_id = m.room_id) \
               FROM members m WHERE user_id = ?1 ORDER BY joined_at, room_id";
    let memberships: Vec<(uuid::Uuid, bool, i64)> = sqlx::query_as(sql).bind(id.0).fetch_all(&mut *conn).await?;
    if memberships.iter().any(|(_, owns, members)| *owns && *members > 1) {
        return Err(StoreError::Conflict("owns_rooms"));
    }
    for (room, owns, _) in &memberships {
        if *owns {
            rooms::delete(conn, RoomId(*room)).await?;
        } else {
            super::members::leave(conn, RoomId(*room), id).await?;
        }
    }
    sqlx::query("DELETE FROM auth_sessions WHERE user_id = ?1").bind(id.0).execute(&mut *conn).await?;
    // '~' is in nobody's username: the name given up is free, and nobody can sit on the new one.
    let sql = "UPDATE users SET username = ?2, display_name = ?3, password_hash = NULL, admin = 0, deleted = 1, \
               settings = '{}' WHERE id = ?1";
    sqlx::query(sql).bind(id.0).bind(format!("~{}", id.0.simple())).bind(DELETED).execute(conn).await?;
    Ok(memberships.into_iter().map(|(room, ..)| RoomId(room)).collect())
}

/// One column of somebody who is still there.
async fn set_column(conn: &mut SqliteConnection, sql: &'static str, id: UserId, value: Value) -> Result<()> {
    let query = sqlx::query(sql).bind(id.0);
    let query = match value {
        Value::Text(text) => query.bind(text),
        Value::Flag(flag) => query.bind(flag),
    };
    match query.execute(conn).await?.rows_affected() {
        0 => Err(StoreError::Missing),
        _ => Ok(()),
    }
}

/// Makes or unmakes the server's admin.
pub(super) async fn set_admin(conn: &mut SqliteConnection, id: UserId, admin: bool) -> Result<()> {
    let sql = "UPDATE users SET admin = ?2 WHERE id = ?1 AND deleted = 0";
    set_column(conn, sql, id, Value::Flag(admin)).await
}

enum Value {
    Text(String),
    Flag(bool),
}

impl Sqlite {
    /// See [`crate::store::Store::create_user`].
    pub(crate) async fn create_user(&self, user: NewUser) -> Result<UserRecord> {
        self.write(|conn| Box::pin(create(conn, user))).await
    }

    /// See [`crate::store::Store::user`].
    pub(crate) async fn user(&self, id: UserId) -> Result<Option<UserRecord>> {
        let row = sqlx::query("SELECT * FROM users WHERE id = ?1").bind(id.0).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::user).transpose()
    }

    /// See [`crate::store::Store::user_by_name`].
    pub(crate) async fn user_by_name(&self, name: &Username) -> Result<Option<UserRecord>> {
        let sql = "SELECT * FROM users WHERE username = ?1";
        let row = sqlx::query(sql).bind(name.as_str()).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::user).transpose()
    }

    /// See [`crate::store::Store::users`].
    pub(crate) async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>> {
        let sql = "SELECT * FROM users WHERE id > COALESCE(?1, x'') ORDER BY id LIMIT ?2";
        let rows = sqlx::query(sql).bind(after.map(|id| id.0)).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(rows::user).collect()
    }

    /// See [`crate::store::Store::user_count`].
    pub(crate) async fn user_count(&self) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM users WHERE deleted = 0").fetch_one(&self.readers).await?;
        Ok(rows::whole(count))
    }

    /// See [`crate::store::Store::has_admin`].
    pub(crate) async fn has_admin(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE admin = 1)";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.readers).await?)
    }

    /// See [`crate::store::Store::update_user`].
    pub(crate) async fn update_user(&self, id: UserId, change: UserChange) -> Result<UserRecord> {
        self.write(move |conn| Box::pin(update(conn, id, change))).await
    }

    /// See [`crate::store::Store::set_password`].
    pub(crate) async fn set_password(&self, id: UserId, password_hash: &str) -> Result<()> {
        let sql = "UPDATE users SET password_hash = ?2 WHERE id = ?1 AND deleted = 0";
        let value = Value::Text(password_hash.to_owned());
        self.write(move |conn| Box::pin(set_column(conn, sql, id, value))).await
    }

    /// See [`crate::store::Store::set_admin`].
    pub(crate) async fn set_admin(&self, id: UserId, admin: bool) -> Result<()> {
        self.write(move |conn| Box::pin(set_admin(conn, id, admin))).await
    }

    /// See [`crate::store::Store::upgrade_guest`].
    pub(crate) async fn upgrade_guest(&self, id: UserId, name: &Username, password_hash: &str) -> Result<UserRecord> {
        let (name, hash) = (name.as_str().to_owned(), password_hash.to_owned());
        self.write(move |conn| Box::pin(upgrade(conn, id, name, hash))).await
    }

    /// See [`crate::store::Store::delete_user`].
    pub(crate) async fn delete_user(&self, id: UserId) -> Result<Vec<RoomId>> {
        self.write(move |conn| Box::pin(delete(conn, id))).await
    }
}
