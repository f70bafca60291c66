//! What a room reads from the store: itself at its start, entries it missed, counts of its readers.
//!
//! Owns the order of those reads. Never changes anything.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{Done, Job};
use crate::{
    domain::{
        ChannelId, RoomId, UserId,
        limits::{MEMBERS_PAGE, SYNC_MAX},
        rate::Rate,
        room::{Channel, Member, Personal, Room, RoomInfo, Snapshot},
        wire::model,
    },
    live::{Floor, outbox::Outbox},
    store::{ChannelRecord, MemberRecord, RoomRecord, Store, StoreError, Unread},
};

/// A read that failed is tried again after this long: the database is busy or away.
const READ_RETRY: Duration = Duration::from_millis(500);
/// `RATE_LIMIT_MESSAGES_PER_10S` in milliseconds.
const RATE_PERIOD_MS: u32 = 10_000;

/// The room's state; `None` when there is no such room.
///
/// Its channels are made known to the dispatcher before their heads are read, so that every commit is either below the
/// head or comes as an event.
pub(super) async fn room(floor: &Floor, id: RoomId) -> Result<Option<Room<Arc<Outbox>>>, StoreError> {
    let mut known = BTreeSet::new();
    let channels = loop {
        let channels = floor.store.channels_of(id).await?;
        let new: Vec<ChannelId> = channels.iter().map(|channel| channel.id).filter(|c| known.insert(*c)).collect();
        if new.is_empty() {
            break channels;
        }
        floor.rooms.follow(id, new.into_iter());
    };
    let Some(record) = floor.store.room(id).await? else { return Ok(None) };
    let mut members = Vec::new();
    let mut after = None;
    loop {
        let page = floor.store.members(id, after, MEMBERS_PAGE).await?;
        let is_last = page.len() < MEMBERS_PAGE as usize;
        after = page.last().map(|member| member.user);
        members.extend(page.into_iter().map(|record| (record.user, member(record))));
        if is_last {
            break;
        }
    }
    let channels = channels.into_iter().map(channel).collect();
    let rate = Rate { burst: floor.options.messages_per_10s, period_ms: RATE_PERIOD_MS };
    Ok(Some(Room::new(Snapshot { id, info: info(record), members, channels }, rate)))
}

/// Entries after `after`, for [`Room::handle_log`].
pub(super) fn log(store: Store, channel: ChannelId, after: u64) -> Job {
    async move {
        match store.log_after(channel, after, SYNC_MAX).await {
            Ok(entries) => Done::Log(channel, Some(entries)),
            Err(StoreError::Missing) => Done::Log(channel, Some(Vec::new())),
            Err(error) => {
                tracing::warn!(channel.id = %channel, %error, "the log could not be read; trying again");
                tokio::time::sleep(READ_RETRY).await;
                Done::Log(channel, None)
            }
        }
    }
    .boxed()
}

/// One session that is told of something with its own counts.
pub(super) struct Reader {
    pub(super) session: Arc<Outbox>,
    pub(super) user: UserId,
    counts: Vec<(ChannelId, Unread)>,
}

impl Reader {
    /// Puts the reader's counts into `channel`.
    pub(super) fn count(&self, channel: &mut model::Channel) {
        if let Some(counts) = self.counts_of(channel.id) {
            channel.unread = counts.unread;
            channel.mentions = counts.mentions;
        }
    }

    /// The reader's counts in `channel`, where they could be read.
    pub(super) fn counts_of(&self, channel: ChannelId) -> Option<Unread> {
        self.counts.iter().find(|(id, _)| *id == channel).map(|(_, counts)| *counts)
    }
}

/// The counts of `readers`, one person after the other: such changes are rare and must not crowd out other reads.
pub(super) fn counts(store: Store, room: RoomId, what: Personal, mut readers: Vec<(UserId, Arc<Outbox>)>) -> Job {
    async move {
        readers.sort_by_key(|(user, _)| *user);
        let mut done: Vec<Reader> = Vec::with_capacity(readers.len());
        for (user, session) in readers {
            let counts = match done.last().filter(|last| last.user == user) {
                Some(last) => last.counts.clone(),
                None => read_counts(&store, room, what, user).await,
            };
            done.push(Reader { session, user, counts });
        }
        Done::Personal(what, done)
    }
    .boxed()
}

async fn read_counts(store: &Store, room: RoomId, what: Personal, user: UserId) -> Vec<(ChannelId, Unread)> {
    let counts = match what {
        Personal::Room => {
            store.channels_for(room, user).await.map(|all| all.into_iter().map(|(c, n)| (c.id, n)).collect())
        }
        Personal::Channel(channel) | Personal::Unread(channel) => {
            store.unread(channel, user).await.map(|counts| vec![(channel, counts)])
        }
    };
    counts.unwrap_or_else(|error| {
        tracing::warn!(room.id = %room, %error, "counts could not be read");
        Vec::new()
    })
}

/// As the rules know it.
pub(in crate::live) fn channel(record: ChannelRecord) -> Channel {
    Channel {
        id: record.id,
        letter: record.letter,
        name: record.name,
        kind: record.kind,
        topology: record.topology,
        topic: record.topic,
        head: record.head,
    }
}

/// As the rules know them.
pub(in crate::live) fn member(record: MemberRecord) -> Member {
    Member { name: record.display_name, username: record.username, role: record.role }
}

/// As the rules know it.
pub(in crate::live) fn info(record: RoomRecord) -> RoomInfo {
    RoomInfo { slug: record.slug, title: record.title, topic: record.topic }
}
