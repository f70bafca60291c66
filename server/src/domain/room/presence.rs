//! Who is online in a room, and how others hear of it: names up to a hundred people, a number above.
//!
//! Owns the counting and the holding back. Never knows who is a member or how anything is sent.

use std::collections::{BTreeMap, BTreeSet};

use super::SessionKey;
use crate::domain::{
    RoomId, Timestamp, UserId,
    limits::PRESENCE_NAMES,
    wire::event::{Online, PresenceState, Status},
};

/// Changes of names are told at most this often, in milliseconds: a room that reconnects as a whole is a few frames.
pub(super) const NAMES_INTERVAL_MS: i64 = 250;
/// Changes of the number are told at most this often, in milliseconds: nobody reads faster.
pub(super) const COUNT_INTERVAL_MS: i64 = 1000;

/// What everybody who is not a newcomer believes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Told {
    Names(BTreeSet<UserId>),
    Count(usize),
}

pub(super) struct Presence {
    room: RoomId,
    /// Sessions of everybody who has one.
    online: BTreeMap<UserId, usize>,
    told: Told,
    /// Those who need the whole state.
    newcomers: BTreeSet<SessionKey>,
    /// Whose state may differ from what was told.
    changed: BTreeSet<UserId>,
    flushed: Option<Timestamp>,
}

/// What is to be told now.
pub(super) struct Flush {
    /// The whole state: for the newcomers, or for everybody when `diff` is `None`.
    pub(super) state: PresenceState,
    /// For the others, who came and who went; `Some(None)` when nothing changed for them.
    pub(super) diff: Option<Option<(Vec<UserId>, Vec<UserId>)>>,
    pub(super) newcomers: BTreeSet<SessionKey>,
}

impl Presence {
    pub(super) fn new(room: RoomId) -> Self {
        Self {
            room,
            online: BTreeMap::new(),
            told: Told::Names(BTreeSet::new()),
            newcomers: BTreeSet::new(),
            changed: BTreeSet::new(),
            flushed: None,
        }
    }

    pub(super) fn came(&mut self, key: SessionKey, user: UserId) {
        self.newcomers.insert(key);
        let sessions = self.online.entry(user).or_default();
        *sessions += 1;
        if *sessions == 1 {
            self.changed.insert(user);
        }
    }

    pub(super) fn went(&mut self, key: SessionKey, user: UserId) {
        self.newcomers.remove(&key);
        let Some(sessions) = self.online.get_mut(&user) else { return };
        *sessions = sessions.saturating_sub(1);
        if *sessions == 0 {
            self.online.remove(&user);
            self.changed.insert(user);
        }
    }

    /// A session no longer knows what it was told.
    pub(super) fn lost(&mut self, key: SessionKey) {
        self.newcomers.insert(key);
    }

    pub(super) fn state(&self) -> PresenceState {
        if self.online.len() > PRESENCE_NAMES {
            return PresenceState::Count { room: self.room, count: self.online.len() };
        }
        let online = self.online.keys().map(|user| Online { user: *user, status: Status::Online }).collect();
        PresenceState::Names { room: self.room, online }
    }

    /// When there is something to tell.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if self.changed.is_empty() && self.newcomers.is_empty() {
            return None;
        }
        let interval = if self.online.len() > PRESENCE_NAMES { COUNT_INTERVAL_MS } else { NAMES_INTERVAL_MS };
        // A clock that went back must not silence the room.
        Some(self.flushed.map_or(now, |last| last.plus_millis(interval).min(now.plus_millis(interval))))
    }

    /// What is due at `now`; from then on it counts as told.
    pub(super) fn flush(&mut self, now: Timestamp) -> Option<Flush> {
        if self.due(now)? > now {
            return None;
        }
        self.flushed = Some(now);
        let changed = std::mem::take(&mut self.changed);
        let newcomers = std::mem::take(&mut self.newcomers);
        let count = self.online.len();
        let diff = match &mut self.told {
            Told::Names(names) if count <= PRESENCE_NAMES => {
                let joined: Vec<_> =
                    changed.iter().filter(|u| self.online.contains_key(u) && names.insert(**u)).copied().collect();
                let left: Vec<_> =
                    changed.iter().filter(|u| !self.online.contains_key(u) && names.remove(u)).copied().collect();
                Some((!joined.is_empty() || !left.is_empty()).then_some((joined, left)))
            }
            Told::Count(told) if count > PRESENCE_NAMES => {
                let same = *told == count;
                *told = count;
                same.then_some(None)
            }
            told if count > PRESENCE_NAMES => {
                *told = Told::Count(count);
                None
            }
            told => {
                *told = Told::Names(self.online.keys().copied().collect());
                None
            }
        };
        Some(Flush { state: self.state(), diff, newcomers })
    }
}
