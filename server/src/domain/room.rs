//! The rules of a room as pure code: `(state, command, now) -> effects`.
//!
//! Owns who may do what and who hears of it. Never awaits, stores, sends or reads a clock: a command changes the state
//! and leaves [`Effect`]s, which the room's task carries out in order before the next command.
//!
//! Nobody without membership is ever named in an effect, and what a subscriber is told of a channel's log is gapless
//! from the head it was given. `S` is whatever carries frames to one session; the rules only clone it.

mod effect;
mod news;
mod presence;
mod throttle;
mod write;

#[cfg(test)]
mod tests;

pub use effect::{Channel, Effect, Member, News, Personal, RoomInfo, Scope, SessionKey, Snapshot};
pub use write::{Ask, Permit};

use std::collections::{BTreeMap, HashMap, VecDeque};

use self::{presence::Presence, throttle::Throttle};
use super::{
    ChannelId, RoomId, Timestamp, UserId,
    rate::Rate,
    wire::{
        ErrorCode, LogBody, LogEvent, WireError,
        event::{Event, PresenceState, RoomChannel, RoomMember},
        model,
    },
};

/// News of a channel reaches those who do not follow it at most this often, in milliseconds.
pub const HINT_INTERVAL_MS: i64 = 1000;
/// After counting for so many people that it took long, the next count waits this many times as long: a busy channel in
/// a crowded room takes at most a tenth of the store's time for reading.
pub const HINT_REST: i64 = 9;

/// One room with everybody who is attached to it.
pub struct Room<S> {
    id: RoomId,
    info: RoomInfo,
    members: HashMap<UserId, Member>,
    channels: BTreeMap<ChannelId, Place<S>>,
    sessions: HashMap<SessionKey, Attached<S>>,
    presence: Presence,
    throttle: Throttle,
    effects: VecDeque<Effect<S>>,
    removed: bool,
}

/// A channel, who follows it and how far they have been told.
struct Place<S> {
    channel: Channel,
    subscribers: HashMap<SessionKey, S>,
    /// The newest seq heard of; above the head while entries are missing.
    seen: u64,
    /// A read of the log is under way.
    reading: bool,
    /// When those who do not follow may be told of news again.
    next_hint: Option<Timestamp>,
    /// There is news that they were not told of.
    hint: bool,
    /// Their counts are being read, since then.
    counting: Option<Timestamp>,
}

impl<S> Place<S> {
    fn new(channel: Channel) -> Self {
        let seen = channel.head;
        Self {
            channel,
            subscribers: HashMap::new(),
            seen,
            reading: false,
            next_hint: None,
            hint: false,
            counting: None,
        }
    }

    fn hint_at(&self, now: Timestamp) -> Option<Timestamp> {
        (self.hint && self.counting.is_none()).then(|| self.next_hint.unwrap_or(now))
    }
}

struct Attached<S> {
    handle: S,
    user: UserId,
    scope: Scope,
    subscribed: Vec<ChannelId>,
}

impl<S: Clone> Room<S> {
    /// The room as the store has it; `rate` bounds durable writes per user and channel.
    #[must_use]
    pub fn new(snapshot: Snapshot, rate: Rate) -> Self {
        let channels = snapshot.channels.into_iter().map(|channel| (channel.id, Place::new(channel))).collect();
        Self {
            id: snapshot.id,
            info: snapshot.info,
            members: snapshot.members.into_iter().collect(),
            channels,
            sessions: HashMap::new(),
            presence: Presence::new(snapshot.id),
            throttle: Throttle::new(rate),
            effects: VecDeque::new(),
            removed: false,
        }
    }

    /// The next thing to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect<S>> {
        self.effects.pop_front()
    }

    /// When [`Room::tick`] has something to do, if ever; a time that has passed means at once.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let hint = self.channels.values().filter_map(|place| place.hint_at(now)).min();
        [self.presence.due(now), hint].into_iter().flatten().min()
    }

    /// What time brings: presence that was held back, news for those who do not follow.
    pub fn tick(&mut self, now: Timestamp) {
        self.flush_presence(now);
        self.flush_hints(now);
        self.throttle.forget(now);
    }

    /// Whether no session is attached.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Whether the room was deleted.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// Everybody who follows `channel`, whoever wrote.
    pub fn subscribers(&self, channel: ChannelId) -> impl Iterator<Item = &S> {
        self.channels.get(&channel).into_iter().flat_map(|place| place.subscribers.values())
    }

    /// Every attached session.
    pub fn sessions(&self) -> impl Iterator<Item = &S> {
        self.sessions.values().map(|attached| &attached.handle)
    }

    /// The ids of all channels.
    pub fn channel_ids(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.keys().copied()
    }

    /// Who is online.
    #[must_use]
    pub fn presence_state(&self) -> PresenceState {
        self.presence.state()
    }

    /// A signed-in session comes; again is without effect.
    ///
    /// # Errors
    /// `not_found`: its user is no member, or the one channel it is for is not there.
    pub fn handle_attach(
        &mut self,
        key: SessionKey,
        handle: S,
        user: UserId,
        scope: Scope,
        now: Timestamp,
    ) -> Result<(), WireError> {
        let place_exists = match scope {
            Scope::Channel(channel) => self.channels.contains_key(&channel),
            Scope::All | Scope::Voice => true,
        };
        if !self.members.contains_key(&user) || !place_exists {
            return Err(WireError::not_found());
        }
        if self.sessions.contains_key(&key) {
            return Ok(());
        }
        self.sessions.insert(key, Attached { handle, user, scope, subscribed: Vec::new() });
        self.presence.came(key, user);
        self.flush_presence(now);
        Ok(())
    }

    /// A session is gone, for whatever reason.
    pub fn handle_detach(&mut self, key: SessionKey, now: Timestamp) {
        if self.take_out(key).is_some() {
            self.flush_presence(now);
        }
    }

    /// A session lost presence frames: it gets the whole state again.
    pub fn handle_resync(&mut self, key: SessionKey, now: Timestamp) {
        if self.sessions.contains_key(&key) {
            self.presence.lost(key);
            self.flush_presence(now);
        }
    }

    /// A session follows a channel from the head that this answers on.
    ///
    /// # Errors
    /// `not_found` for a channel, or a session, that is not here; `forbidden` where the session's door does not lead.
    pub fn handle_subscribe(&mut self, key: SessionKey, channel: ChannelId) -> Result<u64, WireError> {
        let attached = self.sessions.get_mut(&key).ok_or_else(WireError::not_found)?;
        let place = self.channels.get_mut(&channel).ok_or_else(WireError::not_found)?;
        let leads = match attached.scope {
            Scope::All => true,
            Scope::Channel(own) => own == channel,
            Scope::Voice => false,
        };
        if !leads {
            return Err(WireError::new(ErrorCode::Forbidden, "this address does not lead to that channel"));
        }
        if place.subscribers.insert(key, attached.handle.clone()).is_none() {
            attached.subscribed.push(channel);
        }
        Ok(place.channel.head)
    }

    /// A session follows a channel no longer.
    pub fn handle_unsubscribe(&mut self, key: SessionKey, channel: ChannelId) {
        if let Some(attached) = self.sessions.get_mut(&key) {
            attached.subscribed.retain(|other| *other != channel);
        }
        if let Some(place) = self.channels.get_mut(&channel) {
            place.subscribers.remove(&key);
        }
    }

    /// Somebody writes: passed on to the others who follow, now and then.
    ///
    /// # Errors
    /// `not_found` for who is no member.
    pub fn handle_typing(&mut self, user: UserId, channel: ChannelId, now: Timestamp) -> Result<(), WireError> {
        self.text_channel(user, channel)?;
        if !self.throttle.typing(user, channel, now) {
            return Ok(());
        }
        let place = self.channels.get(&channel).ok_or_else(WireError::not_found)?;
        let others = place.subscribers.iter().filter(|(key, _)| self.sessions.get(key).is_some_and(|s| s.user != user));
        let to: Vec<S> = others.map(|(_, handle)| handle.clone()).collect();
        self.tell(to, Some(channel), Event::Typing { user });
        Ok(())
    }

    /// Whether `user` may read the text channel `channel`.
    ///
    /// # Errors
    /// As a write would be refused.
    pub fn handle_read(&self, user: UserId, channel: ChannelId) -> Result<(), WireError> {
        self.text_channel(user, channel).map(|_| ())
    }

    /// Decides on a durable write; the caller stores it, and it comes back by [`Room::handle_committed`].
    ///
    /// # Errors
    /// Why not.
    pub fn handle_write(
        &mut self,
        user: UserId,
        channel: ChannelId,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<Permit, WireError> {
        let (role, head) = self.text_channel(user, channel)?;
        let permit = write::permit(user, role, head, ask)?;
        self.throttle.write(user, channel, ask, now).map_err(WireError::rate_limited)?;
        Ok(permit)
    }

    /// A committed log entry, in any order and any number of times: told once, in order.
    pub fn handle_committed(&mut self, event: LogEvent, now: Timestamp) {
        let Some(place) = self.channels.get_mut(&event.ch) else { return };
        place.seen = place.seen.max(event.seq);
        if event.seq == place.channel.head.saturating_add(1) {
            self.publish(event, now);
        } else if event.seq > place.channel.head {
            self.read_log(event.ch);
        }
    }

    /// An entry whose writer heard of its commit before the dispatcher did: told now if it is the next one, else it comes
    /// again by [`Room::handle_committed`]. Answers whether it has been told.
    pub fn handle_appended(&mut self, event: &LogEvent, now: Timestamp) -> bool {
        let Some(place) = self.channels.get(&event.ch) else { return true };
        if event.seq == place.channel.head.saturating_add(1) {
            self.handle_committed(event.clone(), now);
            return true;
        }
        event.seq <= place.channel.head
    }

    /// What a read of the log, asked for by [`Effect::ReadLog`], found; `None` when it failed.
    pub fn handle_log(&mut self, channel: ChannelId, entries: Option<Vec<LogEvent>>, now: Timestamp) {
        if let Some(place) = self.channels.get_mut(&channel) {
            place.reading = false;
        }
        let found = entries.as_ref().is_none_or(|entries| !entries.is_empty());
        for event in entries.into_iter().flatten() {
            self.handle_committed(event, now);
        }
        // Nothing found although more was heard of: the next commit of this channel asks again.
        let behind = self.channels.get(&channel).is_some_and(|place| place.seen > place.channel.head);
        if behind && found {
            self.read_log(channel);
        }
    }

    /// The counts of those who do not follow `channel` are read; the next ones may be.
    pub fn handle_counted(&mut self, channel: ChannelId, now: Timestamp) {
        if let Some(place) = self.channels.get_mut(&channel)
            && let Some(since) = place.counting.take()
        {
            let rested = now.plus_millis(now.since(since).saturating_mul(HINT_REST));
            place.next_hint = place.next_hint.max(Some(rested));
        }
    }

    /// Whether a session sees `channel` without following it.
    #[must_use]
    pub fn is_bystander(&self, key: SessionKey, channel: ChannelId) -> bool {
        let sees = self.sessions.get(&key).is_some_and(|attached| attached.scope == Scope::All);
        sees && self.channels.get(&channel).is_some_and(|place| !place.subscribers.contains_key(&key))
    }

    /// The room as `user` is shown it, the channels without their counts.
    #[must_use]
    pub fn shown_to(&self, user: UserId) -> Option<model::Room> {
        let role = self.members.get(&user)?.role;
        let mut channels: Vec<_> = self.channels.values().map(|place| place.channel.on_wire()).collect();
        channels.sort_by(|a, b| a.letter.cmp(&b.letter));
        Some(model::Room {
            id: self.id,
            slug: self.info.slug.as_str().to_owned(),
            title: self.info.title.as_str().to_owned(),
            topic: self.info.topic.as_ref().map(|topic| topic.as_str().to_owned()),
            role,
            channels,
        })
    }

    /// A channel as it stands, without counts.
    #[must_use]
    pub fn channel(&self, channel: ChannelId) -> Option<RoomChannel> {
        let place = self.channels.get(&channel)?;
        Some(RoomChannel { room: self.id, channel: place.channel.on_wire() })
    }
}

impl<S: Clone> Room<S> {
    fn publish(&mut self, event: LogEvent, now: Timestamp) {
        let Some(place) = self.channels.get_mut(&event.ch) else { return };
        place.channel.head = event.seq;
        let is_news = matches!(event.body, LogBody::MessageNew(_));
        self.effects.push_back(Effect::Publish(event));
        if is_news {
            place.hint = true;
            self.flush_hints(now);
        }
    }

    fn read_log(&mut self, channel: ChannelId) {
        let Some(place) = self.channels.get_mut(&channel) else { return };
        if !place.reading {
            place.reading = true;
            self.effects.push_back(Effect::ReadLog { channel, after: place.channel.head });
        }
    }

    fn flush_hints(&mut self, now: Timestamp) {
        for (channel, place) in &mut self.channels {
            if place.hint_at(now).is_none_or(|due| due > now) {
                continue;
            }
            place.hint = false;
            place.next_hint = Some(now.plus_millis(HINT_INTERVAL_MS));
            let bystanders = self
                .sessions
                .iter()
                .filter(|(key, attached)| attached.scope == Scope::All && !place.subscribers.contains_key(key));
            let to: Vec<_> = bystanders.map(|(_, attached)| (attached.user, attached.handle.clone())).collect();
            if !to.is_empty() {
                place.counting = Some(now);
                self.effects.push_back(Effect::Personal(Personal::Unread(*channel), to));
            }
        }
    }

    fn flush_presence(&mut self, now: Timestamp) {
        let Some(flush) = self.presence.flush(now) else { return };
        let Some(told) = flush.diff else {
            // Everybody gets the whole state.
            let to = self.sessions.values().map(|attached| attached.handle.clone()).collect();
            self.tell(to, None, Event::PresenceState(flush.state));
            return;
        };
        let (new, settled): (Vec<_>, Vec<_>) = self.sessions.iter().partition(|(key, _)| flush.newcomers.contains(key));
        let handles =
            |part: Vec<(&SessionKey, &Attached<S>)>| part.into_iter().map(|(_, a)| a.handle.clone()).collect();
        let (new, settled): (Vec<S>, Vec<S>) = (handles(new), handles(settled));
        self.tell(new, None, Event::PresenceState(flush.state));
        if let Some((joined, left)) = told {
            self.tell(settled, None, Event::Presence { room: self.id, joined, left });
        }
    }

    /// Role and head, for a member and a text channel.
    fn text_channel(&self, user: UserId, channel: ChannelId) -> Result<(super::Role, u64), WireError> {
        let member = self.members.get(&user).ok_or_else(WireError::not_found)?;
        let place = self.channels.get(&channel).ok_or_else(WireError::not_found)?;
        if place.channel.kind != model::ChannelKind::Text {
            return Err(WireError::new(ErrorCode::Validation, "ch: not a text channel"));
        }
        Ok((member.role, place.channel.head))
    }

    fn take_out(&mut self, key: SessionKey) -> Option<Attached<S>> {
        let attached = self.sessions.remove(&key)?;
        for channel in &attached.subscribed {
            if let Some(place) = self.channels.get_mut(channel) {
                place.subscribers.remove(&key);
            }
        }
        self.presence.went(key, attached.user);
        Some(attached)
    }

    fn on_wire(&self, user: UserId, member: Member) -> RoomMember {
        RoomMember { room: self.id, user, name: member.name, username: member.username, role: member.role }
    }

    /// The sessions that follow everything in the room.
    fn full(&self) -> Vec<S> {
        self.sessions.values().filter(|a| a.scope == Scope::All).map(|a| a.handle.clone()).collect()
    }

    fn full_with_users(&self) -> Vec<(UserId, S)> {
        let full = self.sessions.values().filter(|a| a.scope == Scope::All);
        full.map(|attached| (attached.user, attached.handle.clone())).collect()
    }

    fn tell(&mut self, to: Vec<S>, channel: Option<ChannelId>, event: Event) {
        if !to.is_empty() {
            self.effects.push_back(Effect::Tell { to, channel, event });
        }
    }
}
