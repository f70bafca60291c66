//! Edits, deletions, reactions and pins.
//!
//! Owns their effect on the projection. Their log entries are the plan's to store. Never asks who may.

use sqlx::{Row, SqliteConnection};

use crate::{
    domain::{MessageId, wire::LogBody},
    store::{
        Change, LogWrite, Result, StoreError,
        writer::{Facts, Kind, Plan, Planned},
    },
};

/// The message a change is about.
struct Target {
    row: i64,
    deleted: bool,
    same_text: bool,
}

/// Applies one change; the outer error is the database's, an inner one refuses the change.
pub(super) async fn change(
    conn: &mut SqliteConnection,
    facts: &mut Facts,
    plan: &mut Plan,
    write: &LogWrite,
    id: MessageId,
) -> Result<Result<Planned>> {
    let Some(head) = facts.head(write.channel) else {
        return Ok(Err(StoreError::Missing));
    };
    let new_text = match &write.change {
        Change::Edit { text, .. } => Some(text.as_str()),
        _ => None,
    };
    let sql = "SELECT n, deleted, text IS ?3 AS same_text FROM messages WHERE id = ?1 AND channel_id = ?2";
    let row = sqlx::query(sql).bind(id.0).bind(write.channel.0).bind(new_text).fetch_optional(&mut *conn).await?;
    let Some(row) = row else {
        return Ok(Err(StoreError::Missing));
    };
    let target =
        Target { row: row.try_get("n")?, deleted: row.try_get("deleted")?, same_text: row.try_get("same_text")? };
    let unchanged = Ok(Ok(Planned::Unchanged(head)));
    if target.deleted {
        // Deleting again is what a client does that did not hear the answer.
        return if matches!(write.change, Change::Delete { .. }) { unchanged } else { Ok(Err(StoreError::Missing)) };
    }
    let by = write.by;
    let (kind, body) = match &write.change {
        Change::Edit { text, .. } => {
            if target.same_text {
                return unchanged;
            }
            let sql = "UPDATE messages SET text = ?2, edited_at = ?3 WHERE n = ?1";
            let query = sqlx::query(sql).bind(target.row).bind(text.as_str()).bind(write.at.as_millis());
            query.execute(&mut *conn).await?;
            let text = text.as_str().to_owned();
            (Kind::Edit, LogBody::MessageEdit { message: id, text, edited_at: write.at, by })
        }
        Change::Delete { .. } => {
            delete(conn, write, &target).await?;
            (Kind::Delete, LogBody::MessageDelete { message: id, by })
        }
        Change::React { emoji, add, .. } => {
            if !react(conn, write, &target, emoji, *add, head).await? {
                return unchanged;
            }
            let emoji = emoji.clone();
            if *add {
                (Kind::ReactionAdd, LogBody::ReactionAdd { message: id, emoji, user: by })
            } else {
                (Kind::ReactionRemove, LogBody::ReactionRemove { message: id, emoji, user: by })
            }
        }
        Change::Pin { add, .. } => {
            if !pin(conn, write, &target, *add).await? {
                return unchanged;
            }
            if *add {
                (Kind::PinAdd, LogBody::PinAdd { message: id, by })
            } else {
                (Kind::PinRemove, LogBody::PinRemove { message: id, by })
            }
        }
        Change::Send { .. } => return Ok(Err(StoreError::Conflict("not a change"))),
    };
    Ok(plan.change(facts, write, target.row, kind, body))
}

/// Leaves a tombstone: key and fingerprint stay, everything it said goes, here and in the log's earlier edits.
async fn delete(conn: &mut SqliteConnection, write: &LogWrite, target: &Target) -> Result<()> {
    let sql = "UPDATE messages SET text = '', edited_at = NULL, deleted = 1 WHERE n = ?1 RETURNING seq";
    let seq: i64 = sqlx::query_scalar(sql).bind(target.row).fetch_one(&mut *conn).await?;
    let sql = "UPDATE log SET gone = 1 WHERE channel_id = ?1 AND seq = ?2";
    sqlx::query(sql).bind(write.channel.0).bind(seq).execute(&mut *conn).await?;
    for sql in [
        "UPDATE log SET body = '' WHERE message = ?1 AND kind = 1",
        "DELETE FROM reactions WHERE message = ?1",
        "DELETE FROM mentions WHERE message = ?1",
        "DELETE FROM pins WHERE message = ?1",
    ] {
        sqlx::query(sql).bind(target.row).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Whether it had an effect.
async fn react(
    conn: &mut SqliteConnection,
    write: &LogWrite,
    target: &Target,
    emoji: &str,
    add: bool,
    head: u64,
) -> Result<bool> {
    let result = if add {
        let sql = "INSERT INTO reactions (message, emoji, user_id, seq) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (message, emoji, user_id) DO NOTHING";
        let seq = super::rows::int(head.saturating_add(1));
        sqlx::query(sql).bind(target.row).bind(emoji).bind(write.by.0).bind(seq).execute(conn).await?
    } else {
        let sql = "DELETE FROM reactions WHERE message = ?1 AND emoji = ?2 AND user_id = ?3";
        sqlx::query(sql).bind(target.row).bind(emoji).bind(write.by.0).execute(conn).await?
    };
    Ok(result.rows_affected() > 0)
}

/// Whether it had an effect.
async fn pin(conn: &mut SqliteConnection, write: &LogWrite, target: &Target, add: bool) -> Result<bool> {
    let result = if add {
        let sql = "INSERT INTO pins (message, channel_id, pinned_by, pinned_at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (message) DO NOTHING";
        let query = sqlx::query(sql).bind(target.row).bind(write.channel.0).bind(write.by.0);
        query.bind(write.at.as_millis()).execute(conn).await?
    } else {
        sqlx::query("DELETE FROM pins WHERE message = ?1").bind(target.row).execute(conn).await?
    };
    Ok(result.rows_affected() > 0)
}
