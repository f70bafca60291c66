//! Who is here: sessions by user and by sign-in, rooms with a running task, and which channel belongs to which room.
//!
//! Owns the maps, each under a lock that is never held across an await. Never decides what a session or a room does.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, mpsc};

use super::{outbox::Outbox, room::RoomCommand};
use crate::domain::{
    AuthSessionId, ChannelId, RoomId, UserId,
    limits::{ROOM_QUEUE, SESSIONS_PER_USER},
    room::{Scope, SessionKey},
    wire::{Close, LogEvent},
};

/// Where commands to a room go; closed once its task has ended.
pub(super) type RoomQueue = mpsc::Sender<RoomCommand>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps are whole after every critical section; a panic elsewhere must not spread.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session, signed in or not.
struct Here {
    outbox: Arc<Outbox>,
    user: Option<UserId>,
}

/// A signed-in session.
#[derive(Clone)]
struct SignedIn {
    outbox: Arc<Outbox>,
    auth_session: AuthSessionId,
    scope: Scope,
}

/// All sessions of this process.
#[derive(Default)]
pub(super) struct Sessions {
    state: Mutex<SessionMaps>,
    ended: Notify,
}

#[derive(Default)]
struct SessionMaps {
    /// Signed in or not.
    all: HashMap<SessionKey, Here>,
    users: HashMap<UserId, Vec<SignedIn>>,
    sign_ins: HashMap<AuthSessionId, BTreeSet<SessionKey>>,
    next: u64,
    draining: bool,
}

impl Sessions {
    /// Takes a new session in under a fresh key; when the server drains, it is to end at once.
    pub(super) fn open(&self, outbox: impl FnOnce(SessionKey) -> Arc<Outbox>) -> Arc<Outbox> {
        let mut maps = lock(&self.state);
        maps.next = maps.next.wrapping_add(1);
        let key = SessionKey(maps.next);
        let outbox = outbox(key);
        maps.all.insert(key, Here { outbox: outbox.clone(), user: None });
        if maps.draining {
            outbox.end(Close::Shutdown);
        }
        outbox
    }

    /// The session is `user`'s from now on.
    ///
    /// # Errors
    /// They have [`SESSIONS_PER_USER`] already.
    pub(super) fn sign_in(
        &self,
        outbox: &Arc<Outbox>,
        user: UserId,
        auth_session: AuthSessionId,
        scope: Scope,
    ) -> Result<(), Close> {
        let mut maps = lock(&self.state);
        let theirs = maps.users.entry(user).or_default();
        if theirs.len() >= SESSIONS_PER_USER {
            return Err(Close::TooManySessions);
        }
        theirs.push(SignedIn { outbox: outbox.clone(), auth_session, scope });
        maps.sign_ins.entry(auth_session).or_default().insert(outbox.key);
        if let Some(here) = maps.all.get_mut(&outbox.key) {
            here.user = Some(user);
        }
        Ok(())
    }

    /// The session goes on under another sign-in of the same user.
    pub(super) fn renew(&self, key: SessionKey, user: UserId, auth_session: AuthSessionId) {
        let mut maps = lock(&self.state);
        let theirs = maps.users.get_mut(&user).into_iter().flatten();
        let Some(mine) = theirs.into_iter().find(|session| session.outbox.key == key) else { return };
        let before = std::mem::replace(&mut mine.auth_session, auth_session);
        maps.forget_sign_in(before, key);
        maps.sign_ins.entry(auth_session).or_default().insert(key);
    }

    /// The session no longer is anybody's; again is without effect.
    pub(super) fn sign_out(&self, key: SessionKey) {
        let mut maps = lock(&self.state);
        let Some(user) = maps.all.get_mut(&key).and_then(|here| here.user.take()) else { return };
        let Some(theirs) = maps.users.get_mut(&user) else { return };
        let gone: Vec<AuthSessionId> =
            theirs.extract_if(.., |s| s.outbox.key == key).map(|session| session.auth_session).collect();
        if theirs.is_empty() {
            maps.users.remove(&user);
        }
        for auth_session in gone {
            maps.forget_sign_in(auth_session, key);
        }
    }

    /// The session is gone.
    pub(super) fn close(&self, key: SessionKey) {
        self.sign_out(key);
        lock(&self.state).all.remove(&key);
        self.ended.notify_waiters();
    }

    /// The sessions of `user` that follow everything.
    pub(super) fn followers(&self, user: UserId) -> Vec<Arc<Outbox>> {
        self.of(user, |scope| scope == Scope::All)
    }

    /// The sessions of `user` that see `channel`.
    pub(super) fn readers(&self, user: UserId, channel: ChannelId) -> Vec<Arc<Outbox>> {
        self.of(user, |scope| scope == Scope::All || scope == Scope::Channel(channel))
    }

    fn of(&self, user: UserId, scope: impl Fn(Scope) -> bool) -> Vec<Arc<Outbox>> {
        let maps = lock(&self.state);
        let theirs = maps.users.get(&user).into_iter().flatten();
        theirs.filter(|session| scope(session.scope)).map(|session| session.outbox.clone()).collect()
    }

    /// Ends every session of these sign-ins.
    pub(super) fn end_sign_ins(&self, ended: &[AuthSessionId]) {
        let maps = lock(&self.state);
        let keys = ended.iter().filter_map(|auth_session| maps.sign_ins.get(auth_session)).flatten();
        let outboxes: Vec<_> = keys.filter_map(|key| maps.all.get(key)).map(|here| here.outbox.clone()).collect();
        drop(maps);
        for outbox in outboxes {
            outbox.end(Close::BadCredential);
        }
    }

    /// No new sessions from now on; all there are.
    pub(super) fn drain(&self) -> Vec<Arc<Outbox>> {
        let mut maps = lock(&self.state);
        maps.draining = true;
        maps.all.values().map(|here| here.outbox.clone()).collect()
    }

    /// Waits until the last session has ended.
    pub(super) async fn all_ended(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // Listening must begin before the look, or the last end could fall between them.
            ended.as_mut().enable();
            if lock(&self.state).all.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

impl SessionMaps {
    fn forget_sign_in(&mut self, auth_session: AuthSessionId, key: SessionKey) {
        if let Some(keys) = self.sign_ins.get_mut(&auth_session) {
            keys.remove(&key);
            if keys.is_empty() {
                self.sign_ins.remove(&auth_session);
            }
        }
    }
}

/// Rooms with a running task.
#[derive(Default)]
pub(super) struct Rooms {
    state: Mutex<RoomMaps>,
}

#[derive(Default)]
struct RoomMaps {
    rooms: HashMap<RoomId, RoomQueue>,
    channels: HashMap<ChannelId, RoomId>,
}

impl Rooms {
    /// The queue of a running room.
    pub(super) fn active(&self, room: RoomId) -> Option<RoomQueue> {
        lock(&self.state).rooms.get(&room).cloned()
    }

    /// The queue of the running room that `channel` belongs to.
    pub(super) fn of_channel(&self, channel: ChannelId) -> Option<RoomQueue> {
        let maps = lock(&self.state);
        let room = maps.channels.get(&channel)?;
        maps.rooms.get(room).cloned()
    }

    /// The queue of a room; where no task runs, `start` is given the other end and must run one.
    pub(super) fn open(&self, room: RoomId, start: impl FnOnce(mpsc::Receiver<RoomCommand>)) -> RoomQueue {
        let mut maps = lock(&self.state);
        if let Some(queue) = maps.rooms.get(&room).filter(|queue| !queue.is_closed()) {
            return queue.clone();
        }
        let (queue, commands) = mpsc::channel(ROOM_QUEUE);
        maps.rooms.insert(room, queue.clone());
        drop(maps);
        start(commands);
        queue
    }

    /// Committed entries of these channels go to `room` from now on.
    pub(super) fn follow(&self, room: RoomId, channels: impl Iterator<Item = ChannelId>) {
        let mut maps = lock(&self.state);
        maps.channels.extend(channels.map(|channel| (channel, room)));
    }

    /// The channel is gone.
    pub(super) fn unfollow(&self, channel: ChannelId) {
        lock(&self.state).channels.remove(&channel);
    }

    /// Ends a room's entry if nobody holds its queue and nothing is in it, so that no command can be lost.
    pub(super) fn retire(&self, room: RoomId, commands: &mpsc::Receiver<RoomCommand>) -> bool {
        let mut maps = lock(&self.state);
        let unused = maps.rooms.get(&room).is_some_and(|queue| queue.strong_count() == 1) && commands.is_empty();
        if unused {
            maps.forget(room);
        }
        unused
    }

    /// Ends a room's entry whoever holds its queue: the room was deleted, or its task failed.
    pub(super) fn remove(&self, room: RoomId) {
        lock(&self.state).forget(room);
    }

    /// Commits, sorted by the running rooms they concern.
    pub(super) fn route(&self, batch: Vec<LogEvent>) -> Vec<(RoomQueue, Vec<LogEvent>)> {
        let maps = lock(&self.state);
        let mut parts: Vec<(RoomId, Vec<LogEvent>)> = Vec::new();
        for event in batch {
            let Some(room) = maps.channels.get(&event.ch) else { continue };
            match parts.iter_mut().find(|(other, _)| other == room) {
                Some((_, events)) => events.push(event),
                None => parts.push((*room, vec![event])),
            }
        }
        parts.into_iter().filter_map(|(room, events)| Some((maps.rooms.get(&room)?.clone(), events))).collect()
    }
}

impl RoomMaps {
    fn forget(&mut self, room: RoomId) {
        self.rooms.remove(&room);
        self.channels.retain(|_, other| *other != room);
    }
}
