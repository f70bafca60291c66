//! `sub`: follow channels, and fill the gap since the client was last there.
//!
//! Owns what is replayed and what is left to `/sync`. Never fills partly.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::{Session, Stepped};
use crate::{
    domain::{
        ChannelId, UserId,
        limits::{OUTBOX_BYTES, SUB_REPLAY_EVENTS},
        wire::{ErrorCode, LogBody, LogEvent, NotSubscribed, SubResult, SubTarget, Subscribed, WireError},
    },
    live::{Floor, outbox::Outbox, room::RoomCommand},
};

/// Bytes of events in one answer: as much again as a session's queue holds. Channels beyond it are left to `/sync`.
pub(in crate::live) const SUB_REPLAY_BYTES: usize = OUTBOX_BYTES;

impl<S> Session<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Starts to follow `targets`; their entries are held back until the answer is on its way.
    pub(super) fn subscribe(&mut self, id: Option<u64>, targets: Vec<SubTarget>) {
        let Some(user) = self.user() else { return };
        for target in &targets {
            self.feed.hold(target.ch);
        }
        let (floor, outbox) = (self.floor.clone(), self.outbox.clone());
        let step = async move { Stepped::Subscribed(id, subscribe(&floor, &outbox, user, targets).await) };
        self.step = Some(step.boxed());
    }

    /// The answer goes out first, then what was held.
    pub(super) fn subscribed(&mut self, id: Option<u64>, results: Vec<SubResult>) {
        let results = self.settle_lost(results);
        self.answer_first(id, &results);
        self.feed.release();
    }

    /// Where there was no place for all that came in the meantime, the client reads the log itself.
    pub(super) fn settle_lost(&self, mut results: Vec<SubResult>) -> Vec<SubResult> {
        for result in &mut results {
            if let SubResult::Done(done) = result
                && let Some(head) = self.feed.lost(done.ch)
            {
                (done.head, done.recovered) = (head.max(done.head), false);
                done.events = Vec::new();
            }
        }
        results
    }
}

/// Registers at the rooms, then reads what is between the client's position and the head from which it follows.
pub(super) async fn subscribe(
    floor: &Arc<Floor>,
    outbox: &Arc<Outbox>,
    user: UserId,
    targets: Vec<SubTarget>,
) -> Vec<SubResult> {
    let mut room_left = SUB_REPLAY_BYTES;
    let mut results = Vec::with_capacity(targets.len());
    for target in targets {
        let ch = target.ch;
        results.push(match follow(floor, outbox, user, ch).await {
            Ok(head) => SubResult::Done(replay(floor, target, head, &mut room_left).await),
            Err(err) => SubResult::Refused(NotSubscribed { ch, err }),
        });
    }
    results
}

async fn follow(floor: &Arc<Floor>, outbox: &Outbox, user: UserId, channel: ChannelId) -> Result<u64, WireError> {
    let queue = floor.room_of_channel(channel, user).await?;
    let (reply, head) = oneshot::channel();
    let _ = queue.send(RoomCommand::Subscribe(outbox.key, channel, reply)).await;
    let head = head.await.map_err(|_| WireError::unavailable())?;
    // By a narrow door, what it does not lead to does not exist.
    head.map_err(|error| if error.code == ErrorCode::Forbidden { WireError::not_found() } else { error })
}

async fn replay(floor: &Floor, target: SubTarget, head: u64, room_left: &mut usize) -> Subscribed {
    let epoch = floor.epoch.clone();
    let mut done = Subscribed { ch: target.ch, recovered: false, epoch, head, events: Vec::new() };
    let Some(after) = target.after else {
        done.recovered = target.epoch.is_none_or(|epoch| epoch == done.epoch);
        return done;
    };
    let is_same_log = target.epoch.is_none_or(|epoch| epoch == done.epoch);
    let gap = head.checked_sub(after).filter(|gap| *gap <= u64::from(SUB_REPLAY_EVENTS));
    let Some(gap) = gap.and_then(|gap| u32::try_from(gap).ok()).filter(|_| is_same_log) else { return done };
    // Once a channel did not fit, the others are not even read.
    if gap > 0 && *room_left == 0 {
        return done;
    }
    if gap > 0 {
        let events = floor.store.log_after(target.ch, after, gap).await.unwrap_or_else(|error| {
            tracing::warn!(channel.id = %target.ch, %error, "the log could not be read");
            Vec::new()
        });
        let is_whole = events.len() == gap as usize && events.last().is_some_and(|last| last.seq == head);
        if !is_whole {
            return done;
        }
        *room_left = room_left.saturating_sub(events.iter().map(size).sum());
        if *room_left == 0 {
            return done;
        }
        done.events = events;
    }
    done.recovered = true;
    done
}

/// About the bytes that an event takes on the wire.
fn size(event: &LogEvent) -> usize {
    /// Ids, times and names around the text.
    const AROUND: usize = 512;
    match &event.body {
        LogBody::MessageNew(message) => message.text.len().saturating_add(AROUND),
        LogBody::MessageEdit { text, .. } => text.len().saturating_add(AROUND),
        _ => AROUND / 2,
    }
}
