//! Writing the channel log: the lookups and rows of one batch.
//!
//! Owns the statements; decides nothing, see [`crate::store::writer`]. A batch of sends costs a handful of statements.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{changes, history, many, rows};
use crate::{
    domain::{ChannelId, MessageId, UserId},
    store::{
        Appended, Change, LogWrite, Result, StoreError,
        writer::{Facts, FirstSend, Found, Plan, Planned, Rows, SendKey, Sending, Wanted},
    },
};

/// Writes a batch; the outer error gives up the transaction, an inner one refuses that write alone.
pub(super) async fn append(
    conn: &mut SqliteConnection,
    facts: &mut Facts,
    writes: &[LogWrite],
) -> Result<Vec<Result<Appended>>> {
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    facts.trim();
    let mut inner = conn.begin().await?;
    match together(&mut inner, facts, writes).await {
        Ok(appended) => {
            inner.commit().await?;
            Ok(appended)
        }
        Err(StoreError::Unavailable(why)) => Err(StoreError::Unavailable(why)),
        Err(error) => {
            inner.rollback().await?;
            tracing::warn!(%error, batch.writes = writes.len(), "a write does not fit the schema; writing one by one");
            one_by_one(conn, facts, writes).await
        }
    }
}

/// After a constraint refused the batch: finds the culprit, and only it pays.
async fn one_by_one(
    conn: &mut SqliteConnection,
    facts: &mut Facts,
    writes: &[LogWrite],
) -> Result<Vec<Result<Appended>>> {
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        *facts = Facts::default();
        let mut inner = conn.begin().await?;
        match together(&mut inner, facts, std::slice::from_ref(write)).await {
            Ok(appended) => {
                inner.commit().await?;
                results.extend(appended);
            }
            Err(StoreError::Unavailable(why)) => return Err(StoreError::Unavailable(why)),
            Err(error) => {
                inner.rollback().await?;
                results.push(Err(error));
            }
        }
    }
    *facts = Facts::default();
    Ok(results)
}

async fn together(
    conn: &mut SqliteConnection,
    facts: &mut Facts,
    writes: &[LogWrite],
) -> Result<Vec<Result<Appended>>> {
    let wanted = Wanted::by(writes, facts);
    let found = look_up(conn, facts, wanted).await?;
    let mut plan = Plan::default();
    let mut planned = Vec::with_capacity(writes.len());
    for write in writes {
        let step = match &write.change {
            Change::Send { id, key, text, reply_to, mentions, mentions_all } => {
                let sending =
                    Sending { id: *id, key, text, reply_to: *reply_to, mentions, mentions_all: *mentions_all };
                plan.send(facts, &found, write, &sending)
            }
            Change::Edit { message, .. }
            | Change::Delete { message }
            | Change::React { message, .. }
            | Change::Pin { message, .. } => {
                if plan.touches(*message) {
                    store(conn, plan.take_rows()).await?;
                }
                changes::change(conn, facts, &mut plan, write, *message).await?
            }
        };
        planned.push(step);
    }
    store(conn, plan.take_rows()).await?;
    answer(conn, planned).await
}

/// From plans to answers: repetitions are shown as the messages are now.
async fn answer(conn: &mut SqliteConnection, planned: Vec<Result<Planned>>) -> Result<Vec<Result<Appended>>> {
    let mut results = Vec::with_capacity(planned.len());
    for step in planned {
        results.push(match step {
            Ok(Planned::Logged(event)) => Ok(Appended::Logged(event)),
            Ok(Planned::Unchanged(head)) => Ok(Appended::Unchanged(head)),
            Ok(Planned::Duplicate(id)) => {
                history::one(conn, id, None).await?.map(Appended::Duplicate).ok_or(StoreError::Missing)
            }
            Err(error) => Err(error),
        });
    }
    Ok(results)
}

/// Learns the heads of those of `channels` that are there and not known.
pub(super) async fn learn_heads(
    conn: &mut SqliteConnection,
    facts: &mut Facts,
    channels: impl Iterator<Item = ChannelId>,
) -> Result<()> {
    let mut unknown: Vec<ChannelId> = channels.filter(|channel| facts.head(*channel).is_none()).collect();
    unknown.sort_unstable();
    unknown.dedup();
    let sql = "SELECT c.id, COALESCE((SELECT MAX(seq) FROM log WHERE channel_id = c.id), 0) AS head \
               FROM wanted CROSS JOIN channels c ON c.id = wanted.id WHERE c.room_id IS NOT NULL";
    for row in many::select(conn, &unknown, (&["id"], sql), |query, channel| query.bind(channel.0)).await? {
        facts.learn_head(ChannelId(rows::id(&row, "id")?), rows::count(&row, "head")?);
    }
    Ok(())
}

async fn look_up(conn: &mut SqliteConnection, facts: &mut Facts, wanted: Wanted) -> Result<Found> {
    learn_heads(conn, facts, wanted.channels.into_iter()).await?;
    let users: Vec<UserId> = wanted.users.into_iter().collect();
    let sql = "SELECT u.id, u.display_name FROM wanted CROSS JOIN users u ON u.id = wanted.id";
    for row in many::select(conn, &users, (&["id"], sql), |query, user| query.bind(user.0)).await? {
        facts.learn_name(UserId(rows::id(&row, "id")?), row.try_get("display_name")?);
    }
    if !wanted.keys.is_empty() && facts.needs_row() {
        let last = sqlx::query_scalar("SELECT COALESCE(MAX(n), 0) FROM messages").fetch_one(&mut *conn).await?;
        facts.learn_last_row(last);
    }
    Ok(Found {
        keys: used_keys(conn, &wanted.keys).await?,
        replies: answered(conn, &wanted.replies.into_iter().collect::<Vec<_>>()).await?,
        members: named(conn, &wanted.mentions.into_iter().collect::<Vec<_>>()).await?,
    })
}

async fn used_keys(conn: &mut SqliteConnection, keys: &[SendKey]) -> Result<HashMap<SendKey, FirstSend>> {
    let sql =
        "SELECT m.send_key, m.id, m.fingerprint FROM wanted CROSS JOIN messages m ON m.send_key = wanted.send_key";
    let found = many::select(conn, keys, (&["send_key"], sql), |query, key| query.bind(key.to_vec())).await?;
    found
        .iter()
        .map(|row| {
            let first = FirstSend { id: MessageId(rows::id(row, "id")?), fingerprint: half_hash(row, "fingerprint")? };
            Ok((half_hash(row, "send_key")?, first))
        })
        .collect()
}

fn half_hash(row: &SqliteRow, column: &str) -> Result<[u8; 16]> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| StoreError::Corrupt(format!("messages.{column}")))
}

async fn answered(conn: &mut SqliteConnection, places: &[(ChannelId, u64)]) -> Result<HashSet<(ChannelId, u64)>> {
    let sql = "SELECT l.channel_id, l.seq FROM wanted CROSS JOIN log l \
               ON l.channel_id = wanted.channel AND l.seq = wanted.seq WHERE l.kind = 0";
    let bind: many::Bind<(ChannelId, u64)> = |query, (channel, seq)| query.bind(channel.0).bind(rows::int(*seq));
    let found = many::select(conn, places, (&["channel", "seq"], sql), bind).await?;
    found.iter().map(|row| Ok((ChannelId(rows::id(row, "channel_id")?), rows::count(row, "seq")?))).collect()
}

/// Only members of the channel's room can be named.
async fn named(
    conn: &mut SqliteConnection,
    names: &[(ChannelId, String)],
) -> Result<HashMap<(ChannelId, String), UserId>> {
    let sql = "SELECT c.id AS channel_id, u.id, u.username FROM wanted CROSS JOIN channels c ON c.id = wanted.channel \
               CROSS JOIN users u ON u.username = wanted.name \
               CROSS JOIN members m ON m.room_id = c.room_id AND m.user_id = u.id";
    let bind: many::Bind<(ChannelId, String)> = |query, (channel, name)| query.bind(channel.0).bind(name.clone());
    let found = many::select(conn, names, (&["channel", "name"], sql), bind).await?;
    found
        .iter()
        .map(|row| {
            let key = (ChannelId(rows::id(row, "channel_id")?), row.try_get("username")?);
            Ok((key, UserId(rows::id(row, "id")?)))
        })
        .collect()
}

/// Multi-row statements for everything a plan holds.
async fn store(conn: &mut SqliteConnection, rows: Rows) -> Result<()> {
    let before = "INSERT INTO messages \
                  (n, id, channel_id, seq, author_id, send_key, fingerprint, reply_to, created_at, text)";
    many::insert(conn, &rows.messages, 10, (before, ""), |query, message| {
        query
            .bind(message.row)
            .bind(message.id.0)
            .bind(message.channel.0)
            .bind(rows::int(message.seq))
            .bind(message.author.0)
            .bind(message.key.to_vec())
            .bind(message.fingerprint.to_vec())
            .bind(message.reply_to.map(rows::int))
            .bind(message.at.as_millis())
            .bind(message.text.clone())
    })
    .await?;
    let before = "INSERT INTO log (channel_id, seq, kind, calls_all, actor, message, at, body)";
    many::insert(conn, &rows.entries, 8, (before, ""), |query, entry| {
        query
            .bind(entry.channel.0)
            .bind(rows::int(entry.seq))
            .bind(entry.kind as i64)
            .bind(entry.calls_all)
            .bind(entry.actor.0)
            .bind(entry.row)
            .bind(entry.at.as_millis())
            .bind(entry.body.clone())
    })
    .await?;
    let before = "INSERT INTO mentions (message, user_id, channel_id, seq)";
    many::insert(conn, &rows.mentions, 4, (before, ""), |query, mention| {
        query.bind(mention.row).bind(mention.user.0).bind(mention.channel.0).bind(rows::int(mention.seq))
    })
    .await
}
