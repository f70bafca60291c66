//! Invites: the links into a room.
//!
//! Owns `invites` and the one way in by them. Never makes a token.

use sqlx::SqliteConnection;

use super::{Sqlite, members, rows, users};
use crate::{
    domain::{InviteToken, Role, RoomId, Timestamp, UserId, limits::INVITES_PER_ROOM},
    store::{Accepted, InviteRecord, NewUser, Result, StoreError, UserRecord},
};

/// How long a dead invite is told from one that never was, in milliseconds: 30 days.
const DEAD_FOR_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// A live one, at time `?2`.
macro_rules! live {
    () => {
        "revoked = 0 AND (expires_at IS NULL OR expires_at > ?2) AND (max_uses IS NULL OR uses < max_uses)"
    };
}

async fn create(conn: &mut SqliteConnection, invite: InviteRecord) -> Result<()> {
    let now = invite.created_at;
    let sql = concat!("DELETE FROM invites WHERE room_id = ?1 AND created_at < ?3 AND NOT (", live!(), ")");
    let long_ago = now.plus_millis(-DEAD_FOR_MS).as_millis();
    sqlx::query(sql).bind(invite.room.0).bind(now.as_millis()).bind(long_ago).execute(&mut *conn).await?;
    let sql = concat!("SELECT COUNT(*) FROM invites WHERE room_id = ?1 AND ", live!());
    let live: u32 = sqlx::query_scalar(sql).bind(invite.room.0).bind(now.as_millis()).fetch_one(&mut *conn).await?;
    if live >= INVITES_PER_ROOM {
        return Err(StoreError::Full("invites"));
    }
    let sql = "INSERT INTO invites (token, room_id, created_by, role, uses, max_uses, expires_at, created_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    sqlx::query(sql)
        .bind(invite.token.into_string())
        .bind(invite.room.0)
        .bind(invite.created_by.0)
        .bind(invite.role.as_str())
        .bind(invite.uses)
        .bind(invite.max_uses)
        .bind(invite.expires_at.map(Timestamp::as_millis))
        .bind(now.as_millis())
        .execute(conn)
        .await?;
    Ok(())
}

async fn accept(conn: &mut SqliteConnection, token: &str, user: UserId, now: Timestamp) -> Result<Accepted> {
    let guest = users::living(conn, user).await?.guest;
    let row =
        sqlx::query("SELECT * FROM invites WHERE token = ?1").bind(token.to_owned()).fetch_one(&mut *conn).await?;
    let invite = rows::invite(&row)?;
    let room = sqlx::query("SELECT * FROM rooms WHERE id = ?1").bind(invite.room.0).fetch_one(&mut *conn).await?;
    let room = rows::room(&room)?;
    if let Some(role) = members::role(conn, room.id, user).await? {
        return Ok(Accepted { room, role, joined: false });
    }
    let sql = concat!("UPDATE invites SET uses = uses + 1 WHERE token = ?1 AND ", live!());
    let used = sqlx::query(sql).bind(token.to_owned()).bind(now.as_millis()).execute(&mut *conn).await?;
    if used.rows_affected() == 0 {
        return Err(StoreError::Gone);
    }
    let role = if guest { Role::Guest } else { invite.role };
    members::join(conn, room.id, user, role, now).await?;
    Ok(Accepted { room, role, joined: true })
}

async fn accept_as_guest(
    conn: &mut SqliteConnection,
    token: &str,
    guest: NewUser,
    now: Timestamp,
) -> Result<(UserRecord, Accepted)> {
    let user = users::create(conn, guest).await?;
    let accepted = accept(conn, token, user.id, now).await?;
    Ok((user, accepted))
}

async fn revoke(conn: &mut SqliteConnection, room: RoomId, token: String) -> Result<bool> {
    let sql = "UPDATE invites SET revoked = 1 WHERE token = ?1 AND room_id = ?2 AND revoked = 0";
    Ok(sqlx::query(sql).bind(token).bind(room.0).execute(conn).await?.rows_affected() > 0)
}

impl Sqlite {
    /// See [`crate::store::Store::create_invite`].
    pub(crate) async fn create_invite(&self, invite: InviteRecord) -> Result<()> {
        self.write(|conn| Box::pin(create(conn, invite))).await
    }

    /// See [`crate::store::Store::invite`].
    pub(crate) async fn invite(&self, token: &InviteToken) -> Result<Option<InviteRecord>> {
        let sql = "SELECT * FROM invites WHERE token = ?1 AND revoked = 0";
        let row = sqlx::query(sql).bind(token.as_str()).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::invite).transpose()
    }

    /// See [`crate::store::Store::invites_of`].
    pub(crate) async fn invites_of(&self, room: RoomId, now: Timestamp) -> Result<Vec<InviteRecord>> {
        let sql = concat!(
            "SELECT * FROM invites WHERE room_id = ?1 AND ",
            live!(),
            " ORDER BY created_at DESC, token LIMIT ?3"
        );
        let query = sqlx::query(sql).bind(room.0).bind(now.as_millis()).bind(INVITES_PER_ROOM);
        query.fetch_all(&self.readers).await?.iter().map(rows::invite).collect()
    }

    /// See [`crate::store::Store::revoke_invite`].
    pub(crate) async fn revoke_invite(&self, room: RoomId, token: &InviteToken) -> Result<bool> {
        let token = token.as_str().to_owned();
        self.write(move |conn| Box::pin(revoke(conn, room, token))).await
    }

    /// See [`crate::store::Store::accept_invite`].
    pub(crate) async fn accept_invite(&self, token: &InviteToken, user: UserId, now: Timestamp) -> Result<Accepted> {
        let token = token.as_str().to_owned();
        self.write(move |conn| Box::pin(async move { accept(conn, &token, user, now).await })).await
    }

    /// See [`crate::store::Store::accept_invite_as_guest`].
    pub(crate) async fn accept_invite_as_guest(
        &self,
        token: &InviteToken,
        guest: NewUser,
        now: Timestamp,
    ) -> Result<(UserRecord, Accepted)> {
        let token = token.as_str().to_owned();
        self.write(move |conn| Box::pin(async move { accept_as_guest(conn, &token, guest, now).await })).await
    }
}
