//! Channels of a room.
//!
//! Owns `channels` and their letters. Never touches the log: a deleted channel is left to the purge.

use sqlx::{Row, SqliteConnection};

use super::{Sqlite, read::COUNTS, rows};
use crate::{
    domain::{
        ChannelId, ChannelLetter, ChannelName, Role, RoomId, Timestamp, UserId,
        wire::{ChannelKind, Topology},
    },
    store::{ChannelChange, ChannelRecord, Result, StoreError, Unread},
};

/// The columns of [`rows::channel`].
macro_rules! channel_columns {
    () => {
        "SELECT c.*, COALESCE((SELECT MAX(seq) FROM log WHERE channel_id = c.id), 0) AS head "
    };
}

/// One row; the letter is known to be free.
pub(super) async fn insert(
    conn: &mut SqliteConnection,
    id: ChannelId,
    room: RoomId,
    letter: ChannelLetter,
    name: &str,
    kind: ChannelKind,
    topology: Option<Topology>,
) -> Result<()> {
    let topology = match kind {
        ChannelKind::Voice => Some(rows::topology(topology.unwrap_or(Topology::Forwarded))),
        ChannelKind::Text => None,
    };
    let sql = "INSERT INTO channels (id, room_id, letter, name, kind, topology) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    sqlx::query(sql)
        .bind(id.0)
        .bind(room.0)
        .bind(letter.to_string())
        .bind(name.to_owned())
        .bind(rows::kind(kind))
        .bind(topology)
        .execute(conn)
        .await?;
    Ok(())
}

async fn create(
    conn: &mut SqliteConnection,
    room: RoomId,
    name: ChannelName,
    kind: ChannelKind,
    topology: Option<Topology>,
) -> Result<ChannelRecord> {
    let sql = "SELECT letter FROM channels WHERE room_id = ?1";
    let used: Vec<String> = sqlx::query_scalar(sql).bind(room.0).fetch_all(&mut *conn).await?;
    let free = ChannelLetter::all().find(|letter| !used.contains(&letter.to_string()));
    let letter = free.ok_or(StoreError::Full("channels"))?;
    let id = ChannelId::fresh();
    insert(conn, id, room, letter, name.as_str(), kind, topology).await?;
    one(conn, id).await
}

async fn one(conn: &mut SqliteConnection, id: ChannelId) -> Result<ChannelRecord> {
    let sql = concat!(channel_columns!(), "FROM channels c WHERE c.id = ?1 AND c.room_id IS NOT NULL");
    rows::channel(&sqlx::query(sql).bind(id.0).fetch_one(conn).await?)
}

async fn update(conn: &mut SqliteConnection, id: ChannelId, change: ChannelChange) -> Result<ChannelRecord> {
    let sql = "UPDATE channels SET name = COALESCE(?2, name), topic = CASE WHEN ?3 THEN ?4 ELSE topic END, \
               topology = CASE kind WHEN 'voice' THEN COALESCE(?5, topology) END \
               WHERE id = ?1 AND room_id IS NOT NULL";
    sqlx::query(sql)
        .bind(id.0)
        .bind(change.name.map(|name| name.into_string()))
        .bind(change.topic.is_some())
        .bind(change.topic.flatten().map(|topic| topic.into_string()))
        .bind(change.topology.map(rows::topology))
        .execute(&mut *conn)
        .await?;
    one(conn, id).await
}

async fn delete(conn: &mut SqliteConnection, room: RoomId, letter: ChannelLetter) -> Result<Option<ChannelRecord>> {
    let sql = concat!(channel_columns!(), "FROM channels c WHERE c.room_id = ?1 AND c.letter = ?2");
    let row = sqlx::query(sql).bind(room.0).bind(letter.to_string()).fetch_optional(&mut *conn).await?;
    let Some(channel) = row.as_ref().map(rows::channel).transpose()? else {
        return Ok(None);
    };
    let sql = "UPDATE channels SET room_id = NULL, letter = NULL WHERE id = ?1";
    sqlx::query(sql).bind(channel.id.0).execute(conn).await?;
    Ok(Some(channel))
}

impl Sqlite {
    /// See [`crate::store::Store::create_channel`].
    pub(crate) async fn create_channel(
        &self,
        room: RoomId,
        name: &ChannelName,
        kind: ChannelKind,
        topology: Option<Topology>,
        _now: Timestamp,
    ) -> Result<ChannelRecord> {
        let name = name.clone();
        self.write(move |conn| Box::pin(create(conn, room, name, kind, topology))).await
    }

    /// See [`crate::store::Store::channel`].
    pub(crate) async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>> {
        let sql = concat!(channel_columns!(), "FROM channels c WHERE c.id = ?1 AND c.room_id IS NOT NULL");
        let row = sqlx::query(sql).bind(id.0).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::channel).transpose()
    }

    /// See [`crate::store::Store::channel_for`].
    pub(crate) async fn channel_for(&self, id: ChannelId, user: UserId) -> Result<Option<(ChannelRecord, Role)>> {
        let sql = concat!(
            channel_columns!(),
            ", m.role FROM channels c JOIN members m ON m.room_id = c.room_id AND m.user_id = ?2 WHERE c.id = ?1"
        );
        let row = sqlx::query(sql).bind(id.0).bind(user.0).fetch_optional(&self.readers).await?;
        row.map(|row| Ok((rows::channel(&row)?, rows::role(&row)?))).transpose()
    }

    /// See [`crate::store::Store::channels_of`].
    pub(crate) async fn channels_of(&self, room: RoomId) -> Result<Vec<ChannelRecord>> {
        let sql = concat!(channel_columns!(), "FROM channels c WHERE c.room_id = ?1 ORDER BY c.letter");
        let rows = sqlx::query(sql).bind(room.0).fetch_all(&self.readers).await?;
        rows.iter().map(rows::channel).collect()
    }

    /// See [`crate::store::Store::channels_for`].
    pub(crate) async fn channels_for(&self, room: RoomId, user: UserId) -> Result<Vec<(ChannelRecord, Unread)>> {
        let mut tx = self.readers.begin().await?;
        let sql = concat!(channel_columns!(), "FROM channels c WHERE c.room_id = ?1 ORDER BY c.letter");
        let rows = sqlx::query(sql).bind(room.0).fetch_all(&mut *tx).await?;
        let mut channels = Vec::with_capacity(rows.len());
        for row in &rows {
            let counts =
                sqlx::query(COUNTS).bind(row.try_get::<uuid::Uuid, _>("id")?).bind(user.0).fetch_one(&mut *tx).await?;
            channels.push((rows::channel(row)?, rows::unread(&counts)?));
        }
        tx.rollback().await?;
        Ok(channels)
    }

    /// See [`crate::store::Store::update_channel`].
    pub(crate) async fn update_channel(&self, id: ChannelId, change: ChannelChange) -> Result<ChannelRecord> {
        self.write(move |conn| Box::pin(update(conn, id, change))).await
    }

    /// See [`crate::store::Store::delete_channel`].
    pub(crate) async fn delete_channel(&self, room: RoomId, letter: ChannelLetter) -> Result<Option<ChannelRecord>> {
        self.write(move |conn| Box::pin(delete(conn, room, letter))).await
    }
}
