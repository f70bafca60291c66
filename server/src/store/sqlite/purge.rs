//! Removal of deleted channels, a little at a time.
//!
//! Owns the deletion of log and messages. A channel of a million messages must not hold up the writer for seconds, so each
//! step is a short transaction between two commits. Never touches a channel that has a room.

use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::rows;
use crate::store::Result;

/// Log entries removed in one step: a few milliseconds.
const STEP: i64 = 500;

/// One step; answers whether there may be more to do.
pub(super) async fn step(conn: &mut SqliteConnection) -> Result<bool> {
    let sql = "SELECT id FROM channels WHERE room_id IS NULL LIMIT 1";
    let Some(channel) = sqlx::query_scalar::<_, Uuid>(sql).fetch_optional(&mut *conn).await? else {
        return Ok(false);
    };
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let sql = "SELECT COUNT(*) AS count, COALESCE(MAX(seq), 0) AS last FROM \
               (SELECT seq FROM log WHERE channel_id = ?1 ORDER BY seq LIMIT ?2)";
    let row = sqlx::query(sql).bind(channel).bind(STEP).fetch_one(&mut *tx).await?;
    let (count, last) = (rows::count(&row, "count")?, rows::int(rows::count(&row, "last")?));
    if count > 0 {
        let sql = "DELETE FROM messages WHERE n IN \
                   (SELECT message FROM log WHERE channel_id = ?1 AND seq <= ?2 AND kind = 0)";
        sqlx::query(sql).bind(channel).bind(last).execute(&mut *tx).await?;
        let sql = "DELETE FROM log WHERE channel_id = ?1 AND seq <= ?2";
        sqlx::query(sql).bind(channel).bind(last).execute(&mut *tx).await?;
    } else {
        // One row a reader: as many as members.
        sqlx::query("DELETE FROM read_markers WHERE channel_id = ?1").bind(channel).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM channels WHERE id = ?1").bind(channel).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(true)
}
