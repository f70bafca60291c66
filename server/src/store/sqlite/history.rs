//! Reading the channel log and its messages.
//!
//! Owns how stored rows become messages and events. Never writes.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Sqlite, rows};
use crate::{
    domain::{
        ChannelId, MessageId, UserId,
        wire::{Author, LogBody, LogEvent, Message, Reaction},
    },
    store::{HistoryPage, HistoryRange, Result, StoreError, writer::Kind},
};

/// The columns of [`message`], of `messages m` and `users u`.
macro_rules! message_columns {
    () => {
        "m.n, m.id, m.channel_id, m.seq, m.author_id, u.display_name, m.text, m.reply_to, m.created_at, m.edited_at, \
         m.deleted, EXISTS (SELECT 1 FROM pins WHERE pins.message = m.n) AS pinned "
    };
}

/// A message and its row number, reactions and mentions still to come.
struct Loaded {
    row: i64,
    message: Message,
}

fn message(row: &SqliteRow) -> Result<Loaded> {
    let reply_to: Option<i64> = row.try_get("reply_to")?;
    let edited_at: Option<i64> = row.try_get("edited_at")?;
    Ok(Loaded {
        row: row.try_get("n")?,
        message: Message {
            id: MessageId(rows::id(row, "id")?),
            seq: rows::count(row, "seq")?,
            channel: ChannelId(rows::id(row, "channel_id")?),
            author: Author { id: UserId(rows::id(row, "author_id")?), name: row.try_get("display_name")? },
            text: row.try_get("text")?,
            reply_to: reply_to.map(rows::whole),
            created_at: rows::time(row, "created_at")?,
            edited_at: edited_at.map(crate::domain::Timestamp::from_millis),
            deleted: row.try_get("deleted")?,
            reactions: Vec::new(),
            mentions: Vec::new(),
            pinned: row.try_get("pinned")?,
        },
    })
}

async fn add_mentions(conn: &mut SqliteConnection, loaded: &mut [Loaded]) -> Result<()> {
    let sql = "SELECT message, user_id FROM mentions WHERE message IN (SELECT value FROM json_each(?1)) \
               ORDER BY message, user_id";
    let list = rows::numbers(loaded.iter().map(|one| one.row));
    let mut found: HashMap<i64, Vec<UserId>> = HashMap::new();
    for row in sqlx::query(sql).bind(list).fetch_all(conn).await? {
        found.entry(row.try_get("message")?).or_default().push(UserId(rows::id(&row, "user_id")?));
    }
    for one in loaded {
        one.message.mentions = found.remove(&one.row).unwrap_or_default();
    }
    Ok(())
}

/// As `viewer` sees them; `None` = each as its author does.
async fn add_reactions(conn: &mut SqliteConnection, loaded: &mut [Loaded], viewer: Option<UserId>) -> Result<()> {
    let sql = "SELECT r.message, r.emoji, COUNT(*) AS count, MAX(r.user_id = COALESCE(?2, m.author_id)) AS me, \
               MIN(r.seq) AS first FROM reactions r JOIN messages m ON m.n = r.message \
               WHERE r.message IN (SELECT value FROM json_each(?1)) GROUP BY r.message, r.emoji ORDER BY r.message, first";
    let list = rows::numbers(loaded.iter().map(|one| one.row));
    let mut found: HashMap<i64, Vec<Reaction>> = HashMap::new();
    for row in sqlx::query(sql).bind(list).bind(viewer.map(|user| user.0)).fetch_all(conn).await? {
        let reaction = Reaction { emoji: row.try_get("emoji")?, count: row.try_get("count")?, me: row.try_get("me")? };
        found.entry(row.try_get("message")?).or_default().push(reaction);
    }
    for one in loaded {
        one.message.reactions = found.remove(&one.row).unwrap_or_default();
    }
    Ok(())
}

/// One message as it is now; `viewer` as in [`add_reactions`].
pub(super) async fn one(conn: &mut SqliteConnection, id: MessageId, viewer: Option<UserId>) -> Result<Option<Message>> {
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        "FROM messages m JOIN users u ON u.id = m.author_id JOIN channels c ON c.id = m.channel_id ",
        "WHERE m.id = ?1 AND c.room_id IS NOT NULL"
    );
    let Some(row) = sqlx::query(sql).bind(id.0).fetch_optional(&mut *conn).await? else {
        return Ok(None);
    };
    let mut loaded = [message(&row)?];
    add_mentions(conn, &mut loaded).await?;
    add_reactions(conn, &mut loaded, viewer).await?;
    let [loaded] = loaded;
    Ok(Some(loaded.message))
}

async fn head(conn: &mut SqliteConnection, channel: ChannelId) -> Result<u64> {
    let sql = "SELECT COALESCE((SELECT MAX(seq) FROM log WHERE channel_id = ?1), 0) \
               FROM channels WHERE id = ?1 AND room_id IS NOT NULL";
    Ok(rows::whole(sqlx::query_scalar(sql).bind(channel.0).fetch_one(conn).await?))
}

/// One log entry; its message, where it is a `message.new`, comes in from the side.
fn event(row: &SqliteRow, channel: ChannelId, new: Option<Message>) -> Result<LogEvent> {
    let corrupt = || StoreError::Corrupt("log.kind".to_owned());
    let kind = Kind::of(row.try_get("kind")?).ok_or_else(corrupt)?;
    let by = UserId(rows::id(row, "actor")?);
    let id = || rows::id(row, "id").map(MessageId);
    let text = || -> Result<String> { Ok(row.try_get::<Option<String>, _>("body")?.unwrap_or_default()) };
    let body = match kind {
        Kind::New => LogBody::MessageNew(new.ok_or_else(corrupt)?),
        Kind::Edit => LogBody::MessageEdit { message: id()?, text: text()?, edited_at: rows::time(row, "at")?, by },
        Kind::Delete => LogBody::MessageDelete { message: id()?, by },
        Kind::ReactionAdd => LogBody::ReactionAdd { message: id()?, emoji: text()?, user: by },
        Kind::ReactionRemove => LogBody::ReactionRemove { message: id()?, emoji: text()?, user: by },
        Kind::PinAdd => LogBody::PinAdd { message: id()?, by },
        Kind::PinRemove => LogBody::PinRemove { message: id()?, by },
        // Nothing writes one yet.
        Kind::Moderation => return Err(corrupt()),
    };
    Ok(LogEvent { ch: channel, seq: rows::count(row, "seq")?, body })
}

async fn log_after(conn: &mut SqliteConnection, channel: ChannelId, after: u64, limit: u32) -> Result<Vec<LogEvent>> {
    let sql = concat!(
        "SELECT l.kind, l.actor, l.at, l.body, l.seq, ",
        "m.n, m.id, m.channel_id, m.author_id, u.display_name, m.text, m.reply_to, m.created_at, m.edited_at, ",
        "m.deleted, 0 AS pinned ",
        // LEFT: an entry whose message is missing is an error to see, not a hole to fall into.
        "FROM log l LEFT JOIN messages m ON m.n = l.message LEFT JOIN users u ON u.id = m.author_id ",
        "WHERE l.channel_id = ?1 AND l.seq > ?2 ORDER BY l.seq LIMIT ?3"
    );
    let rows = sqlx::query(sql).bind(channel.0).bind(rows::int(after)).bind(limit).fetch_all(&mut *conn).await?;
    let mut loaded = Vec::new();
    for row in &rows {
        if row.try_get::<i64, _>("kind")? == Kind::New as i64 {
            loaded.push(message(row)?);
        }
    }
    add_mentions(conn, &mut loaded).await?;
    let mut new: HashMap<u64, Message> = loaded.into_iter().map(|one| (one.message.seq, one.message)).collect();
    rows.iter()
        .map(|row| {
            let message = new.remove(&rows::count(row, "seq")?);
            event(row, channel, message)
        })
        .collect()
}

async fn page(
    conn: &mut SqliteConnection,
    channel: ChannelId,
    user: UserId,
    range: HistoryRange,
) -> Result<HistoryPage> {
    let head = head(conn, channel).await?;
    let forward = range.after.is_some();
    let sql = if forward {
        concat!(
            "SELECT ",
            message_columns!(),
            "FROM log l JOIN messages m ON m.n = l.message JOIN users u ON u.id = m.author_id ",
            "WHERE l.channel_id = ?1 AND l.kind = 0 AND l.seq > ?2 AND l.seq < ?3 ORDER BY l.seq LIMIT ?4"
        )
    } else {
        concat!(
            "SELECT ",
            message_columns!(),
            "FROM log l JOIN messages m ON m.n = l.message JOIN users u ON u.id = m.author_id ",
            "WHERE l.channel_id = ?1 AND l.kind = 0 AND l.seq > ?2 AND l.seq < ?3 ORDER BY l.seq DESC LIMIT ?4"
        )
    };
    let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
    let found = sqlx::query(sql)
        .bind(channel.0)
        .bind(rows::int(range.after.unwrap_or(0)))
        .bind(rows::int(range.before.unwrap_or(u64::MAX)))
        // One more than asked for tells whether there is more.
        .bind(i64::from(range.limit) + 1)
        .fetch_all(&mut *conn)
        .await?;
    let has_more = found.len() > limit;
    let mut loaded = found.iter().take(limit).map(message).collect::<Result<Vec<_>>>()?;
    if !forward {
        loaded.reverse();
    }
    add_mentions(conn, &mut loaded).await?;
    add_reactions(conn, &mut loaded, Some(user)).await?;
    Ok(HistoryPage { messages: loaded.into_iter().map(|one| one.message).collect(), has_more, head })
}

impl Sqlite {
    /// See [`crate::store::Store::head`].
    pub(crate) async fn head(&self, channel: ChannelId) -> Result<u64> {
        head(&mut *self.readers.acquire().await?, channel).await
    }

    /// See [`crate::store::Store::log_after`].
    pub(crate) async fn log_after(&self, channel: ChannelId, after: u64, limit: u32) -> Result<Vec<LogEvent>> {
        // Each of these reads is several statements on one snapshot.
        let mut tx = self.readers.begin().await?;
        let events = log_after(&mut tx, channel, after, limit).await?;
        tx.rollback().await?;
        Ok(events)
    }

    /// See [`crate::store::Store::history`].
    pub(crate) async fn history(&self, channel: ChannelId, user: UserId, range: HistoryRange) -> Result<HistoryPage> {
        let mut tx = self.readers.begin().await?;
        let page = page(&mut tx, channel, user, range).await?;
        tx.rollback().await?;
        Ok(page)
    }

    /// See [`crate::store::Store::message`].
    pub(crate) async fn message(&self, id: MessageId, user: UserId) -> Result<Option<Message>> {
        let mut tx = self.readers.begin().await?;
        let message = one(&mut tx, id, Some(user)).await?;
        tx.rollback().await?;
        Ok(message)
    }
}
