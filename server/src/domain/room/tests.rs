//! The rules under random commands: whoever hears something is a member, logs are told without holes, presence adds up.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::{
    ChannelLetter, ChannelName, IdempotencyKey, MessageId, MessageText, Role, RoomTitle, Slug, limits::PRESENCE_NAMES,
    wire::model::ChannelKind,
};

const RATE: Rate = Rate { burst: 3, period_ms: 10_000 };

fn user(n: usize) -> UserId {
    UserId(uuid::Uuid::from_u128(0x0100_0000 + n as u128))
}

fn channel_id(n: usize) -> ChannelId {
    ChannelId(uuid::Uuid::from_u128(0x0200_0000 + n as u128))
}

fn channel(n: usize, kind: ChannelKind, head: u64) -> Channel {
    Channel {
        id: channel_id(n),
        letter: ChannelLetter::all().nth(n).unwrap(),
        name: ChannelName::parse("general").unwrap(),
        kind,
        topology: None,
        topic: None,
        head,
    }
}

fn member(role: Role) -> Member {
    Member { name: "Ada".into(), username: "ada".into(), role }
}

fn info() -> RoomInfo {
    RoomInfo { slug: Slug::parse("den").unwrap(), title: RoomTitle::parse("Den").unwrap(), topic: None }
}

/// Text channels 0 and 1 and voice channel 2; `people` members.
fn room(people: usize) -> Room<SessionKey> {
    let id = RoomId(uuid::Uuid::from_u128(7));
    let members = (0..people).map(|n| (user(n), member(if n == 0 { Role::Owner } else { Role::Member }))).collect();
    let channels =
        vec![channel(0, ChannelKind::Text, 0), channel(1, ChannelKind::Text, 0), channel(2, ChannelKind::Voice, 0)];
    Room::new(Snapshot { id, info: info(), members, channels }, RATE)
}

fn entry(channel: usize, seq: u64) -> LogEvent {
    LogEvent {
        ch: channel_id(channel),
        seq,
        body: LogBody::PinAdd { message: MessageId(uuid::Uuid::from_u128(u128::from(seq))), by: user(0) },
    }
}

fn message(channel: usize, seq: u64) -> LogEvent {
    let body = LogBody::MessageNew(model::Message {
        id: MessageId::fresh(),
        seq,
        channel: channel_id(channel),
        author: model::Author { id: user(0), name: "Ada".into() },
        text: "hi".into(),
        reply_to: None,
        created_at: Timestamp::from_millis(0),
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
        mentions: Vec::new(),
        pinned: false,
    });
    LogEvent { ch: channel_id(channel), seq, body }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[derive(Clone, Debug)]
enum Step {
    Attach { session: usize, user: usize, only: Option<usize> },
    Detach(usize),
    Subscribe(usize, usize),
    Unsubscribe(usize, usize),
    Commit { channel: usize, lost: bool },
    Repeat { channel: usize, back: u64 },
    Typing(usize, usize),
    Join(usize),
    Leave(usize),
    Changed(usize),
    Gone(usize),
    New(usize),
    Resync(usize),
    AnswerReads { fail: bool },
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (s, u, c) = (0usize..10, 0usize..6, 0usize..3);
    prop_oneof![
        4 => (s.clone(), u.clone(), prop::option::of(0usize..3))
            .prop_map(|(session, user, only)| Step::Attach { session, user, only }),
        2 => s.clone().prop_map(Step::Detach),
        4 => (s.clone(), c.clone()).prop_map(|(s, c)| Step::Subscribe(s, c)),
        1 => (s.clone(), c.clone()).prop_map(|(s, c)| Step::Unsubscribe(s, c)),
        8 => (c.clone(), prop::bool::weighted(0.2)).prop_map(|(channel, lost)| Step::Commit { channel, lost }),
        1 => (c.clone(), 0u64..4).prop_map(|(channel, back)| Step::Repeat { channel, back }),
        2 => (u.clone(), c.clone()).prop_map(|(u, c)| Step::Typing(u, c)),
        1 => u.clone().prop_map(Step::Join),
        1 => u.clone().prop_map(Step::Leave),
        2 => u.prop_map(Step::Changed),
        1 => c.clone().prop_map(Step::Gone),
        1 => c.prop_map(Step::New),
        1 => s.prop_map(Step::Resync),
        4 => prop::bool::weighted(0.2).prop_map(|fail| Step::AnswerReads { fail }),
        3 => (0i64..1500).prop_map(Step::Pass),
    ]
}

/// The world around the room: the store, the clock, and what each session heard.
struct World {
    room: Room<SessionKey>,
    now: Timestamp,
    members: BTreeSet<UserId>,
    /// Committed entries of each channel.
    log: BTreeMap<usize, u64>,
    /// Who a session is; absent once detached or dismissed.
    sessions: BTreeMap<SessionKey, UserId>,
    /// The last seq a session has of a channel it follows.
    positions: BTreeMap<(SessionKey, ChannelId), u64>,
    /// What each session makes of the presence frames.
    presence: BTreeMap<SessionKey, BTreeSet<UserId>>,
    reads: Vec<(ChannelId, u64)>,
}

impl World {
    fn new(people: usize) -> Self {
        Self {
            room: room(people),
            now: at(1_000_000),
            members: (0..people).map(user).collect(),
            log: (0..3).map(|n| (n, 0)).collect(),
            sessions: BTreeMap::new(),
            positions: BTreeMap::new(),
            presence: BTreeMap::new(),
            reads: Vec::new(),
        }
    }

    fn settle(&mut self) {
        while let Some(effect) = self.room.poll_effect() {
            self.carry_out(effect);
        }
    }

    fn hears(&self, key: SessionKey) {
        let user = self.sessions.get(&key).unwrap_or_else(|| panic!("{key:?} is gone and still hears"));
        assert!(self.members.contains(user), "{user:?} is no member and still hears");
    }

    fn carry_out(&mut self, effect: Effect<SessionKey>) {
        match effect {
            Effect::Publish(event) => {
                for key in self.room.subscribers(event.ch) {
                    self.hears(*key);
                    let position = self.positions.get_mut(&(*key, event.ch)).expect("follows");
                    assert_eq!(event.seq, *position + 1, "a hole or a repetition");
                    *position = event.seq;
                }
            }
            Effect::Tell { to, event, .. } => {
                for key in to {
                    self.hears(key);
                    self.fold(key, &event);
                }
            }
            Effect::Personal(Personal::Unread(channel), to) => {
                for (_, key) in to {
                    self.hears(key);
                    assert!(!self.positions.contains_key(&(key, channel)), "a hint to a subscriber");
                }
                self.room.handle_counted(channel, self.now);
            }
            Effect::Personal(_, to) => to.iter().for_each(|(_, key)| self.hears(*key)),
            Effect::Dismiss { session, .. } => self.forget(session),
            Effect::Close(session) => self.forget(session),
            Effect::ReadLog { channel, after } => self.reads.push((channel, after)),
        }
    }

    fn fold(&mut self, key: SessionKey, event: &Event) {
        match event {
            Event::PresenceState(PresenceState::Names { online, .. }) => {
                self.presence.insert(key, online.iter().map(|online| online.user).collect());
            }
            Event::PresenceState(PresenceState::Count { .. }) => {
                self.presence.remove(&key);
            }
            Event::Presence { joined, left, .. } => {
                let known = self.presence.get_mut(&key).expect("a diff needs a state before it");
                known.extend(joined);
                known.retain(|user| !left.contains(user));
            }
            Event::Typing { user } => assert_ne!(self.sessions[&key], *user, "told of their own typing"),
            _ => {}
        }
    }

    fn forget(&mut self, key: SessionKey) {
        self.sessions.remove(&key);
        self.presence.remove(&key);
        self.positions.retain(|(other, _), _| *other != key);
    }

    fn detach(&mut self, key: SessionKey) {
        self.room.handle_detach(key, self.now);
        self.forget(key);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Attach { session, user: n, only } => {
                let key = SessionKey(session as u64);
                if self.sessions.contains_key(&key) {
                    return;
                }
                let scope = only.map_or(Scope::All, |n| Scope::Channel(channel_id(n)));
                let there = only.is_none_or(|n| self.log.contains_key(&n));
                let done = self.room.handle_attach(key, key, user(n), scope, self.now);
                assert_eq!(done.is_ok(), self.members.contains(&user(n)) && there);
                if done.is_ok() {
                    self.sessions.insert(key, user(n));
                }
            }
            Step::Detach(session) => self.detach(SessionKey(session as u64)),
            Step::Subscribe(session, n) => {
                let key = SessionKey(session as u64);
                if let Ok(head) = self.room.handle_subscribe(key, channel_id(n)) {
                    assert!(head <= self.log[&n]);
                    // Following again from the head is what the answer promises; nothing between is lost.
                    let had = self.positions.insert((key, channel_id(n)), head);
                    assert!(had.is_none_or(|had| had == head));
                }
            }
            Step::Unsubscribe(session, n) => {
                let key = SessionKey(session as u64);
                self.room.handle_unsubscribe(key, channel_id(n));
                self.positions.remove(&(key, channel_id(n)));
            }
            Step::Commit { channel, lost } => {
                let Some(head) = self.log.get_mut(&channel) else { return };
                *head += 1;
                let seq = *head;
                let event = if seq % 2 == 0 { entry(channel, seq) } else { message(channel, seq) };
                if !lost {
                    self.room.handle_committed(event, self.now);
                }
            }
            Step::Repeat { channel, back } => {
                let seq = self.log.get(&channel).map_or(0, |head| head.saturating_sub(back));
                if seq > 0 {
                    self.room.handle_committed(entry(channel, seq), self.now);
                }
            }
            Step::Typing(n, channel) => {
                let done = self.room.handle_typing(user(n), channel_id(channel), self.now);
                assert!(done.is_err() || self.members.contains(&user(n)));
            }
            Step::Join(n) => {
                self.members.insert(user(n));
                self.room.handle_news(News::MemberJoined(user(n), member(Role::Guest)), self.now);
            }
            Step::Leave(n) => {
                self.members.remove(&user(n));
                self.room.handle_news(News::MemberLeft(user(n), "kicked"), self.now);
            }
            // Perhaps late: after they left.
            Step::Changed(n) => {
                self.room.handle_news(News::MemberChanged(user(n), member(Role::Admin)), self.now);
                assert_eq!(self.room.shown_to(user(n)).is_some(), self.members.contains(&user(n)), "back by late news");
            }
            Step::Gone(n) => {
                self.log.remove(&n);
                self.positions.retain(|(_, channel), _| *channel != channel_id(n));
                self.room.handle_news(News::ChannelGone(channel_id(n)), self.now);
            }
            Step::New(n) => {
                if let std::collections::btree_map::Entry::Vacant(free) = self.log.entry(n) {
                    free.insert(0);
                    self.room.handle_news(News::ChannelNew(channel(n, ChannelKind::Text, 0)), self.now);
                }
            }
            Step::Resync(session) => self.room.handle_resync(SessionKey(session as u64), self.now),
            Step::AnswerReads { fail } => self.answer_reads(fail),
            Step::Pass(ms) => {
                self.now = self.now.plus_millis(ms);
                self.room.tick(self.now);
            }
        }
        self.settle();
    }

    fn answer_reads(&mut self, fail: bool) {
        for (channel, after) in std::mem::take(&mut self.reads) {
            let n = (0..3).find(|n| channel_id(*n) == channel).unwrap();
            let upto = self.log.get(&n).copied().unwrap_or(0);
            // A page of three, so that a long hole takes several.
            let page = (after + 1..=upto).take(3).map(|seq| entry(n, seq)).collect();
            self.room.handle_log(channel, (!fail).then_some(page), self.now);
        }
    }

    /// Lets everything arrive, then compares what is believed with what is.
    fn finish(mut self) {
        for _ in 0..200 {
            self.step(Step::AnswerReads { fail: false });
        }
        self.step(Step::Pass(5000));
        self.step(Step::Pass(5000));
        assert_eq!(self.room.wake_at(self.now), None, "nothing left to tell");
        let online: BTreeSet<UserId> = self.sessions.values().copied().collect();
        match self.room.presence_state() {
            PresenceState::Names { online: told, .. } => {
                assert_eq!(told.iter().map(|o| o.user).collect::<BTreeSet<_>>(), online);
                for key in self.sessions.keys() {
                    assert_eq!(self.presence.get(key), Some(&online), "{key:?} believes something else");
                }
            }
            PresenceState::Count { count, .. } => assert_eq!(count, online.len()),
        }
        assert_eq!(self.room.sessions().count(), self.sessions.len());
        // A lost hint is made good by the next one: after it everybody is at the head.
        for n in 0..3 {
            self.step(Step::Commit { channel: n, lost: false });
        }
        for _ in 0..200 {
            self.step(Step::AnswerReads { fail: false });
        }
        for ((_, channel), position) in &self.positions {
            let n = (0..3).find(|n| channel_id(*n) == *channel).unwrap();
            assert_eq!(*position, self.log[&n], "told everything");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_happens_the_promises_hold(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new(5);
        for step in steps {
            world.step(step);
        }
        world.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn presence_adds_up_around_a_hundred(steps in prop::collection::vec((0usize..115, any::<bool>(), 0i64..400), 1..400)) {
        let mut world = World::new(120);
        for n in 0..95 {
            world.step(Step::Attach { session: n, user: n, only: None });
        }
        for (n, comes, pass) in steps {
            let step = if comes { Step::Attach { session: n, user: n, only: None } } else { Step::Detach(n) };
            world.step(step);
            world.step(Step::Pass(pass));
        }
        world.finish();
    }
}

#[test]
fn above_a_hundred_only_the_number_is_told() {
    let mut world = World::new(150);
    for n in 0..150 {
        world.step(Step::Attach { session: n, user: n, only: None });
    }
    world.step(Step::Pass(2000));
    assert!(matches!(world.room.presence_state(), PresenceState::Count { count: 150, .. }));
    assert!(world.presence.is_empty(), "nobody holds names any more");
    for n in PRESENCE_NAMES..150 {
        world.step(Step::Detach(n));
    }
    world.step(Step::Pass(2000));
    assert_eq!(world.presence.len(), PRESENCE_NAMES, "names again");
    world.finish();
}

#[test]
fn writes_are_limited_and_refusals_cost_nothing() {
    let mut room = room(2);
    let send = Ask::send(IdempotencyKey::parse("k").unwrap(), MessageText::parse("hi", 9).unwrap(), None);
    let code = |result: Result<Permit, WireError>| result.unwrap_err().code;
    assert_eq!(code(room.handle_write(user(5), channel_id(0), &send, at(0))), ErrorCode::NotFound);
    assert_eq!(code(room.handle_write(user(0), channel_id(9), &send, at(0))), ErrorCode::NotFound);
    assert_eq!(code(room.handle_write(user(0), channel_id(2), &send, at(0))), ErrorCode::Validation);
    for _ in 0..3 {
        assert!(room.handle_write(user(1), channel_id(0), &send, at(0)).is_ok());
    }
    let refused = room.handle_write(user(1), channel_id(0), &send, at(0)).unwrap_err();
    assert!(refused.code == ErrorCode::RateLimited && refused.retry_ms.is_some_and(|ms| ms > 0));
    assert!(room.handle_write(user(1), channel_id(1), &send, at(0)).is_ok(), "per channel");
    assert!(room.handle_write(user(0), channel_id(0), &send, at(0)).is_ok(), "per user");
    let react = Ask::React { message: MessageId::fresh(), emoji: "👍".into(), add: true };
    assert!(room.handle_write(user(1), channel_id(0), &react, at(0)).is_ok(), "apart from sends");
}

#[test]
fn doors_lead_only_where_they_lead() {
    let mut room = room(2);
    let (text, voice) = (SessionKey(1), SessionKey(2));
    room.handle_attach(text, text, user(0), Scope::Channel(channel_id(0)), at(0)).unwrap();
    room.handle_attach(voice, voice, user(0), Scope::Voice, at(0)).unwrap();
    assert!(room.handle_subscribe(text, channel_id(0)).is_ok());
    assert_eq!(room.handle_subscribe(text, channel_id(1)).unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(room.handle_subscribe(voice, channel_id(0)).unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(room.handle_subscribe(SessionKey(3), channel_id(0)).unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn a_deleted_room_dismisses_everybody_and_takes_nobody() {
    let mut world = World::new(2);
    world.step(Step::Attach { session: 1, user: 0, only: None });
    world.step(Step::Attach { session: 2, user: 1, only: Some(0) });
    world.room.handle_news(News::RoomRemoved, world.now);
    world.settle();
    assert!(world.sessions.is_empty() && world.room.is_removed() && world.room.is_idle());
    assert!(world.room.handle_attach(SessionKey(3), SessionKey(3), user(0), Scope::All, at(0)).is_err());
}

#[test]
fn news_reach_bystanders_once_a_second() {
    let mut room = room(2);
    let key = SessionKey(1);
    room.handle_attach(key, key, user(1), Scope::All, at(0)).unwrap();
    while room.poll_effect().is_some() {}
    let hints = |room: &mut Room<SessionKey>| {
        std::iter::from_fn(|| room.poll_effect())
            .filter(|effect| matches!(effect, Effect::Personal(Personal::Unread(_), _)))
            .count()
    };
    for seq in 1..=10 {
        room.handle_committed(message(0, seq), at(100));
    }
    assert_eq!(hints(&mut room), 1);
    assert_eq!(room.wake_at(at(100)), None, "not while the counts are being read");
    room.handle_counted(channel_id(0), at(110));
    assert_eq!(room.wake_at(at(110)), Some(at(1100)));
    room.tick(at(1099));
    assert_eq!(hints(&mut room), 0);
    room.tick(at(1100));
    assert_eq!(hints(&mut room), 1);
    // A count that takes long is followed by a rest that is longer.
    room.handle_committed(message(0, 11), at(3000));
    room.tick(at(3000));
    assert_eq!(hints(&mut room), 0, "not while the counts are being read");
    room.handle_counted(channel_id(0), at(3100));
    assert_eq!(room.wake_at(at(3100)), Some(at(3100 + 2000 * HINT_REST)));
    room.tick(at(30_000));
    assert_eq!(hints(&mut room), 1);
    room.handle_counted(channel_id(0), at(30_000));
    assert_eq!(room.wake_at(at(90_000)), None);
}
