//! Who is in a room, and as what.
//!
//! Owns `members`. Keeps exactly one owner per room; never decides who may change a role.

use sqlx::SqliteConnection;

use super::{Sqlite, rows};
use crate::{
    domain::{Role, RoomId, Timestamp, UserId, access},
    store::{MemberRecord, Result, StoreError},
};

/// Whether they are in, and as what.
pub(super) async fn role(conn: &mut SqliteConnection, room: RoomId, user: UserId) -> Result<Option<Role>> {
    let sql = "SELECT role FROM members WHERE room_id = ?1 AND user_id = ?2";
    let row = sqlx::query(sql).bind(room.0).bind(user.0).fetch_optional(conn).await?;
    row.as_ref().map(rows::role).transpose()
}

/// Adds somebody who is not in. What was said before is not news to them: their read markers start at the heads.
pub(super) async fn join(
    conn: &mut SqliteConnection,
    room: RoomId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO members (room_id, user_id, role, joined_at) VALUES (?1, ?2, ?3, ?4)";
    let query = sqlx::query(sql).bind(room.0).bind(user.0).bind(role.as_str()).bind(now.as_millis());
    query.execute(&mut *conn).await?;
    let sql = "INSERT INTO read_markers (channel_id, user_id, upto) \
               SELECT c.id, ?2, COALESCE((SELECT MAX(seq) FROM log WHERE channel_id = c.id), 0) \
               FROM channels c WHERE c.room_id = ?1 \
               ON CONFLICT (channel_id, user_id) DO UPDATE SET upto = MAX(upto, excluded.upto)";
    sqlx::query(sql).bind(room.0).bind(user.0).execute(conn).await?;
    Ok(())
}

/// Revokes the invites they made and could not make as `role`: nobody comes back by a link of their own.
async fn end_invites(conn: &mut SqliteConnection, room: RoomId, user: UserId, role: Option<Role>) -> Result<()> {
    let sql = "UPDATE invites SET revoked = 1 WHERE room_id = ?1 AND created_by = ?2 AND role = ?3 AND revoked = 0";
    for given in [Role::Guest, Role::Member, Role::Admin, Role::Owner] {
        if role.is_none_or(|role| !access::may_invite_as(role, given)) {
            let query = sqlx::query(sql).bind(room.0).bind(user.0).bind(given.as_str());
            query.execute(&mut *conn).await?;
        }
    }
    Ok(())
}

/// Takes somebody out; their read markers and the invites they made go too.
pub(super) async fn leave(conn: &mut SqliteConnection, room: RoomId, user: UserId) -> Result<bool> {
    let sql = "DELETE FROM read_markers WHERE user_id = ?2 \
               AND channel_id IN (SELECT id FROM channels WHERE room_id = ?1)";
    sqlx::query(sql).bind(room.0).bind(user.0).execute(&mut *conn).await?;
    end_invites(conn, room, user, None).await?;
    let sql = "DELETE FROM members WHERE room_id = ?1 AND user_id = ?2";
    Ok(sqlx::query(sql).bind(room.0).bind(user.0).execute(conn).await?.rows_affected() > 0)
}

async fn remove(conn: &mut SqliteConnection, room: RoomId, user: UserId) -> Result<bool> {
    match role(conn, room, user).await? {
        None => Ok(false),
        Some(Role::Owner) => Err(StoreError::Conflict("owner")),
        Some(_) => leave(conn, room, user).await,
    }
}

async fn assign(conn: &mut SqliteConnection, room: RoomId, user: UserId, to: Role) -> Result<()> {
    let from = role(conn, room, user).await?.ok_or(StoreError::Missing)?;
    if from == to {
        return Ok(());
    }
    if from == Role::Owner {
        return Err(StoreError::Conflict("owner"));
    }
    if to == Role::Owner {
        let sql = "UPDATE members SET role = 'admin' WHERE room_id = ?1 AND role = 'owner'";
        sqlx::query(sql).bind(room.0).execute(&mut *conn).await?;
    }
    let sql = "UPDATE members SET role = ?3 WHERE room_id = ?1 AND user_id = ?2";
    sqlx::query(sql).bind(room.0).bind(user.0).bind(to.as_str()).execute(&mut *conn).await?;
    if to < from {
        end_invites(conn, room, user, Some(to)).await?;
    }
    Ok(())
}

impl Sqlite {
    /// See [`crate::store::Store::member`].
    pub(crate) async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRecord>> {
        let sql = "SELECT m.*, u.display_name, u.username FROM members m JOIN users u ON u.id = m.user_id \
                   WHERE m.room_id = ?1 AND m.user_id = ?2";
        let row = sqlx::query(sql).bind(room.0).bind(user.0).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::member).transpose()
    }

    /// See [`crate::store::Store::members`].
    pub(crate) async fn members(&self, room: RoomId, after: Option<UserId>, limit: u32) -> Result<Vec<MemberRecord>> {
        let sql = "SELECT m.*, u.display_name, u.username FROM members m JOIN users u ON u.id = m.user_id \
                   WHERE m.room_id = ?1 AND (?2 IS NULL OR (m.joined_at, m.user_id) > \
                   (SELECT joined_at, user_id FROM members WHERE room_id = ?1 AND user_id = ?2)) \
                   ORDER BY m.joined_at, m.user_id LIMIT ?3";
        let query = sqlx::query(sql).bind(room.0).bind(after.map(|id| id.0)).bind(limit);
        query.fetch_all(&self.readers).await?.iter().map(rows::member).collect()
    }

    /// See [`crate::store::Store::member_count`].
    pub(crate) async fn member_count(&self, room: RoomId) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM members WHERE room_id = ?1";
        Ok(rows::whole(sqlx::query_scalar(sql).bind(room.0).fetch_one(&self.readers).await?))
    }

    /// See [`crate::store::Store::remove_member`].
    pub(crate) async fn remove_member(&self, room: RoomId, user: UserId) -> Result<bool> {
        self.write(move |conn| Box::pin(remove(conn, room, user))).await
    }

    /// See [`crate::store::Store::set_role`].
    pub(crate) async fn set_role(&self, room: RoomId, user: UserId, role: Role) -> Result<()> {
        self.write(move |conn| Box::pin(assign(conn, room, user, role))).await
    }
}
