//! From rows to records, and the small encodings every statement shares.
//!
//! Owns how a value looks in a column. Never runs a statement.

use std::fmt::Write as _;

use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    domain::{
        AuthSessionId, ChannelId, ChannelLetter, ChannelName, InviteToken, Role, RoomId, RoomTitle, Slug, Timestamp,
        Topic, UserId,
        wire::{ChannelKind, Topology},
    },
    store::{
        AuthSessionRecord, ChannelRecord, InviteRecord, MemberRecord, Result, RoomRecord, StoreError, Unread,
        UserRecord,
    },
};

/// A JSON array of numbers, for `IN (SELECT value FROM json_each(?))`.
pub(super) fn numbers(all: impl Iterator<Item = i64>) -> String {
    let mut json = String::from("[");
    for n in all {
        if json.len() > 1 {
            json.push(',');
        }
        let _ = write!(json, "{n}");
    }
    json.push(']');
    json
}

/// A seq or a count as SQLite stores it; what does not fit is as good as the largest.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The other way; a negative one is none.
pub(super) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// An id column.
pub(super) fn id(row: &SqliteRow, column: &str) -> Result<Uuid> {
    Ok(row.try_get(column)?)
}

/// A count or seq column.
pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64> {
    Ok(whole(row.try_get(column)?))
}

/// A time column.
pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

/// What a stored name no longer parsing as one is called.
fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} is not as the store writes it"))
}

/// A `role` column.
pub(super) fn role(row: &SqliteRow) -> Result<Role> {
    Role::parse(row.try_get("role")?).ok_or_else(|| corrupt("members.role"))
}

fn topic(row: &SqliteRow) -> Result<Option<Topic>> {
    let text: Option<&str> = row.try_get("topic")?;
    text.map(Topic::parse).transpose().map_err(|_| corrupt("topic"))
}

/// `SELECT * FROM users`.
pub(super) fn user(row: &SqliteRow) -> Result<UserRecord> {
    Ok(UserRecord {
        id: UserId(id(row, "id")?),
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        password_hash: row.try_get("password_hash")?,
        guest: row.try_get("guest")?,
        admin: row.try_get("admin")?,
        deleted: row.try_get("deleted")?,
        settings: serde_json::from_str(row.try_get("settings")?).map_err(|_| corrupt("users.settings"))?,
        created_at: time(row, "created_at")?,
    })
}

/// `SELECT * FROM auth_sessions`.
pub(super) fn auth_session(row: &SqliteRow) -> Result<AuthSessionRecord> {
    Ok(AuthSessionRecord {
        id: AuthSessionId(id(row, "id")?),
        user: UserId(id(row, "user_id")?),
        generation: count(row, "generation")?,
        created_at: time(row, "created_at")?,
        used_at: time(row, "used_at")?,
        expires_at: time(row, "expires_at")?,
        revoked: row.try_get("revoked")?,
        user_agent: row.try_get("user_agent")?,
        address: row.try_get("address")?,
    })
}

/// `SELECT rooms.*`.
pub(super) fn room(row: &SqliteRow) -> Result<RoomRecord> {
    Ok(RoomRecord {
        id: RoomId(id(row, "id")?),
        slug: Slug::parse(row.try_get("slug")?).map_err(|_| corrupt("rooms.slug"))?,
        title: RoomTitle::parse(row.try_get("title")?).map_err(|_| corrupt("rooms.title"))?,
        topic: topic(row)?,
        created_at: time(row, "created_at")?,
    })
}

/// `SELECT channels.*` with `head`.
pub(super) fn channel(row: &SqliteRow) -> Result<ChannelRecord> {
    let topology: Option<&str> = row.try_get("topology")?;
    Ok(ChannelRecord {
        id: ChannelId(id(row, "id")?),
        room: RoomId(id(row, "room_id")?),
        letter: ChannelLetter::parse(row.try_get("letter")?).ok_or_else(|| corrupt("channels.letter"))?,
        name: ChannelName::parse(row.try_get("name")?).map_err(|_| corrupt("channels.name"))?,
        kind: if row.try_get::<&str, _>("kind")? == "voice" { ChannelKind::Voice } else { ChannelKind::Text },
        topology: topology.map(|name| if name == "direct" { Topology::Direct } else { Topology::Forwarded }),
        topic: topic(row)?,
        head: count(row, "head")?,
    })
}

/// The column's word for a channel's kind.
pub(super) fn kind(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Text => "text",
        ChannelKind::Voice => "voice",
    }
}

/// The column's word for a topology.
pub(super) fn topology(topology: Topology) -> &'static str {
    match topology {
        Topology::Forwarded => "forwarded",
        Topology::Direct => "direct",
    }
}

/// `upto`, `head`, `unread`, `mentions`.
pub(super) fn unread(row: &SqliteRow) -> Result<Unread> {
    Ok(Unread {
        upto: count(row, "upto")?,
        head: count(row, "head")?,
        unread: count(row, "unread")?,
        mentions: count(row, "mentions")?,
    })
}

/// `SELECT members.*` with `display_name` and `username`.
pub(super) fn member(row: &SqliteRow) -> Result<MemberRecord> {
    Ok(MemberRecord {
        user: UserId(id(row, "user_id")?),
        display_name: row.try_get("display_name")?,
        username: row.try_get("username")?,
        role: role(row)?,
        joined_at: time(row, "joined_at")?,
    })
}

/// `SELECT * FROM invites`.
pub(super) fn invite(row: &SqliteRow) -> Result<InviteRecord> {
    Ok(InviteRecord {
        token: InviteToken::parse(row.try_get("token")?).map_err(|_| corrupt("invites.token"))?,
        room: RoomId(id(row, "room_id")?),
        created_by: UserId(id(row, "created_by")?),
        role: role(row)?,
        uses: row.try_get("uses")?,
        max_uses: row.try_get("max_uses")?,
        expires_at: optional_time(row, "expires_at")?,
        created_at: time(row, "created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_json() {
        assert_eq!(numbers([].into_iter()), "[]");
        assert_eq!(numbers([1, 22, 3].into_iter()), "[1,22,3]");
    }
}
