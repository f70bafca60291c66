//! Read markers and what is unread.
//!
//! Owns `read_markers` and the counts. Never tells anybody.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{Sqlite, log, many, rows, task::Mark};
use crate::{
    domain::{ChannelId, UserId},
    store::{Result, StoreError, Unread, writer::Facts},
};

/// `upto`, `head`, `unread`, `mentions` of user `?2` in channel `?1`; no row when the channel is gone. A message that
/// names somebody and everybody counts once.
pub(super) const COUNTS: &str = "\
    WITH at AS MATERIALIZED (SELECT COALESCE((SELECT upto FROM read_markers WHERE channel_id = ?1 AND user_id = ?2), 0) AS upto) \
    SELECT at.upto, \
    COALESCE((SELECT MAX(seq) FROM log WHERE channel_id = ?1), 0) AS head, \
    (SELECT COUNT(*) FROM log WHERE channel_id = ?1 AND seq > at.upto AND kind = 0 AND gone = 0 AND actor <> ?2) AS unread, \
    (SELECT COUNT(*) FROM ( \
        SELECT m.seq FROM mentions m JOIN log l ON l.channel_id = m.channel_id AND l.seq = m.seq \
        WHERE m.user_id = ?2 AND m.channel_id = ?1 AND m.seq > at.upto AND l.actor <> ?2 \
        UNION SELECT seq FROM log INDEXED BY log_calls_all \
        WHERE channel_id = ?1 AND seq > at.upto AND calls_all = 1 AND gone = 0 AND actor <> ?2)) AS mentions \
    FROM at WHERE EXISTS (SELECT 1 FROM channels WHERE id = ?1 AND room_id IS NOT NULL)";

/// Moves markers forward, never past the head. Part of the writer's transaction.
pub(super) async fn mark(conn: &mut SqliteConnection, facts: &mut Facts, marks: &[Mark]) -> Result<Vec<Result<()>>> {
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    log::learn_heads(conn, facts, marks.iter().map(|mark| mark.channel)).await?;
    let mut furthest: HashMap<(ChannelId, UserId), u64> = HashMap::new();
    let mut results = Vec::with_capacity(marks.len());
    for mark in marks {
        let Some(head) = facts.head(mark.channel) else {
            results.push(Err(StoreError::Missing));
            continue;
        };
        let upto = furthest.entry((mark.channel, mark.user)).or_default();
        *upto = mark.upto.min(head).max(*upto);
        results.push(Ok(()));
    }
    let furthest: Vec<_> = furthest.into_iter().collect();
    let before = "INSERT INTO read_markers (channel_id, user_id, upto)";
    let after = " ON CONFLICT (channel_id, user_id) DO UPDATE SET upto = excluded.upto WHERE excluded.upto > upto";
    many::insert(conn, &furthest, 3, (before, after), |query, ((channel, user), upto)| {
        query.bind(channel.0).bind(user.0).bind(rows::int(*upto))
    })
    .await?;
    Ok(results)
}

impl Sqlite {
    /// See [`crate::store::Store::unread`].
    pub(crate) async fn unread(&self, channel: ChannelId, user: UserId) -> Result<Unread> {
        let row = sqlx::query(COUNTS).bind(channel.0).bind(user.0).fetch_one(&self.readers).await?;
        rows::unread(&row)
    }

    /// See [`crate::store::Store::mark_read`].
    pub(crate) async fn mark_read(&self, channel: ChannelId, user: UserId, upto: u64) -> Result<Unread> {
        let before = self.unread(channel, user).await?;
        // Nothing to move is the usual case of a second device, and needs no write.
        if upto.min(before.head) <= before.upto {
            return Ok(before);
        }
        self.mark(channel, user, upto).await?;
        self.unread(channel, user).await
    }
}
