//! Rooms.
//!
//! Owns `rooms` and what comes and goes with one. Never decides who may.

use sqlx::SqliteConnection;

use super::{Sqlite, channels, rows};
use crate::{
    domain::{ChannelId, ChannelLetter, Role, RoomId, Slug, UserId, wire::ChannelKind, wire::Topology},
    store::{NewRoom, Result, RoomChange, RoomRecord, StoreError},
};

/// What a new room comes with.
const FIRST_CHANNELS: [(&str, ChannelKind, Option<Topology>); 2] =
    [("general", ChannelKind::Text, None), ("lounge", ChannelKind::Voice, Some(Topology::Forwarded))];

async fn create(conn: &mut SqliteConnection, room: NewRoom) -> Result<RoomRecord> {
    super::users::living(conn, room.owner).await?;
    let created_at = room.created_at.as_millis();
    let sql = "INSERT INTO rooms (id, slug, title, created_at) VALUES (?1, ?2, ?3, ?4) RETURNING *";
    let row = sqlx::query(sql)
        .bind(room.id.0)
        .bind(room.slug.into_string())
        .bind(room.title.into_string())
        .bind(created_at)
        .fetch_one(&mut *conn)
        .await?;
    let sql = "INSERT INTO members (room_id, user_id, role, joined_at) VALUES (?1, ?2, 'owner', ?3)";
    sqlx::query(sql).bind(room.id.0).bind(room.owner.0).bind(created_at).execute(&mut *conn).await?;
    for (letter, (name, kind, topology)) in ChannelLetter::all().zip(FIRST_CHANNELS) {
        channels::insert(conn, ChannelId::fresh(), room.id, letter, name, kind, topology).await?;
    }
    rows::room(&row)
}

/// The room at once; its channels are hidden at once and purged little by little.
pub(super) async fn delete(conn: &mut SqliteConnection, id: RoomId) -> Result<()> {
    let sql = "UPDATE channels SET room_id = NULL, letter = NULL WHERE room_id = ?1";
    sqlx::query(sql).bind(id.0).execute(&mut *conn).await?;
    match sqlx::query("DELETE FROM rooms WHERE id = ?1").bind(id.0).execute(conn).await?.rows_affected() {
        0 => Err(StoreError::Missing),
        _ => Ok(()),
    }
}

async fn update(conn: &mut SqliteConnection, id: RoomId, change: RoomChange) -> Result<RoomRecord> {
    let sql = "UPDATE rooms SET title = COALESCE(?2, title), topic = CASE WHEN ?3 THEN ?4 ELSE topic END \
               WHERE id = ?1 RETURNING *";
    let row = sqlx::query(sql)
        .bind(id.0)
        .bind(change.title.map(|title| title.into_string()))
        .bind(change.topic.is_some())
        .bind(change.topic.flatten().map(|topic| topic.into_string()))
        .fetch_one(conn)
        .await?;
    rows::room(&row)
}

impl Sqlite {
    /// See [`crate::store::Store::create_room`].
    pub(crate) async fn create_room(&self, room: NewRoom) -> Result<RoomRecord> {
        self.write(|conn| Box::pin(create(conn, room))).await
    }

    /// See [`crate::store::Store::room`].
    pub(crate) async fn room(&self, id: RoomId) -> Result<Option<RoomRecord>> {
        let row = sqlx::query("SELECT * FROM rooms WHERE id = ?1").bind(id.0).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::room).transpose()
    }

    /// See [`crate::store::Store::room_for`].
    pub(crate) async fn room_for(&self, slug: &Slug, user: UserId) -> Result<Option<(RoomRecord, Role)>> {
        let sql = "SELECT r.*, m.role FROM rooms r JOIN members m ON m.room_id = r.id AND m.user_id = ?2 \
                   WHERE r.slug = ?1";
        let row = sqlx::query(sql).bind(slug.as_str()).bind(user.0).fetch_optional(&self.readers).await?;
        row.map(|row| Ok((rows::room(&row)?, rows::role(&row)?))).transpose()
    }

    /// See [`crate::store::Store::rooms_of`].
    pub(crate) async fn rooms_of(&self, user: UserId) -> Result<Vec<(RoomRecord, Role)>> {
        let sql = "SELECT r.*, m.role FROM members m JOIN rooms r ON r.id = m.room_id \
                   WHERE m.user_id = ?1 ORDER BY m.joined_at, r.id";
        let rows = sqlx::query(sql).bind(user.0).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((rows::room(row)?, rows::role(row)?))).collect()
    }

    /// See [`crate::store::Store::rooms_owned`].
    pub(crate) async fn rooms_owned(&self, user: UserId) -> Result<u32> {
        let sql = "SELECT COUNT(*) FROM members WHERE user_id = ?1 AND role = 'owner'";
        Ok(sqlx::query_scalar(sql).bind(user.0).fetch_one(&self.readers).await?)
    }

    /// See [`crate::store::Store::update_room`].
    pub(crate) async fn update_room(&self, id: RoomId, change: RoomChange) -> Result<RoomRecord> {
        self.write(move |conn| Box::pin(update(conn, id, change))).await
    }

    /// See [`crate::store::Store::delete_room`].
    pub(crate) async fn delete_room(&self, id: RoomId) -> Result<()> {
        self.write(move |conn| Box::pin(delete(conn, id))).await
    }
}
