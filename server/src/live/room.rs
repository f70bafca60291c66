//! The task of one active room.
//!
//! Owns the room's state ([`crate::domain::room`]), its queue of commands and the writes and reads under way. The loop
//! never awaits the store: durable writes and reads of the log run beside it. Events come back from the dispatcher
//! after their commit, are encoded once, and pushed to everybody who follows.
//!
//! ```text
//! start -> load (registered with the dispatcher before the heads are read) -> running -> idle for ROOM_IDLE -> retired
//!                     |                                                          |
//!                     +-- missing, store down: commands are refused              +-- deleted, or a panic: sessions told
//! ```

mod load;
mod writes;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

pub(super) use self::load::{channel, info, member};
use self::writes::Owed;
use super::{Floor, frame::Frame, outbox::Outbox, reply::Reply};
use crate::domain::{
    ChannelId, RoomId, UserId,
    limits::ROOM_IDLE,
    room::{Ask, Effect, News, Personal, Room, Scope, SessionKey},
    wire::{
        Close, LogEvent, WireError,
        event::{Event, PresenceState},
    },
};

/// What a room is asked and told.
pub(super) enum RoomCommand {
    /// A signed-in session comes.
    Attach {
        /// Its queue.
        outbox: Arc<Outbox>,
        /// Whose.
        user: UserId,
        /// How much of the room it is for.
        scope: Scope,
        /// Whether it is in.
        reply: oneshot::Sender<Result<(), WireError>>,
    },
    /// A session is gone.
    Detach(SessionKey),
    /// A session lost presence frames.
    Resync(SessionKey),
    /// A session follows a channel from the head that is answered on.
    Subscribe(SessionKey, ChannelId, oneshot::Sender<Result<u64, WireError>>),
    /// And no longer.
    Unsubscribe(SessionKey, ChannelId),
    /// A durable write.
    Write(UserId, ChannelId, Box<Ask>, Reply),
    /// Somebody writes.
    Typing(UserId, ChannelId, Reply),
    /// Whether somebody may read a channel.
    MayRead(UserId, ChannelId, oneshot::Sender<Result<(), WireError>>),
    /// Committed entries of this room's channels, in the order of their commit.
    Committed(Vec<LogEvent>),
    /// A change that the store has; dropped when it is carried out.
    News(Box<News>, oneshot::Sender<()>),
    /// Who is online.
    Presence(oneshot::Sender<PresenceState>),
    /// Panic.
    #[cfg(test)]
    Fail,
}

impl RoomCommand {
    /// Answers that it is not done; the command never reached a room.
    pub(super) fn refuse(self, error: WireError) {
        match self {
            Self::Write(_, _, _, reply) | Self::Typing(_, _, reply) => reply.refuse(error),
            // Who waits for an answer of these learns by their being dropped.
            _ => {}
        }
    }
}

/// What ran beside the loop and has an effect on the room.
#[expect(clippy::large_enum_variant, reason = "nearly all are the large one; a box would only cost")]
enum Done {
    /// A durable write was committed, or was not.
    Appended(writes::Appended),
    /// The log was read, or could not be.
    Log(ChannelId, Option<Vec<LogEvent>>),
    /// The counts of some readers.
    Personal(Personal, Vec<load::Reader>),
}

/// Entries told in a row before the sessions get their turn: a fraction of a queue, and enough for one vectored write.
const BURST: usize = 32;

type Job = BoxFuture<'static, Done>;

/// Starts the task of `room` on `commands`.
pub(super) fn start(floor: Arc<Floor>, id: RoomId, commands: mpsc::Receiver<RoomCommand>) {
    tokio::spawn(async move {
        match load::room(&floor, id).await {
            Ok(Some(state)) => {
                let (jobs, owed) = (FuturesUnordered::new(), Owed::default());
                let task = RoomTask { floor, id, state, commands, jobs, owed, told: 0, idle_since: None };
                task.supervise().await;
            }
            // What waits in the queue is refused by being dropped; the entry goes first, so that the next try is a new one.
            Ok(None) => floor.rooms.remove(id),
            Err(error) => {
                tracing::error!(room.id = %id, %error, "room not loaded");
                floor.rooms.remove(id);
            }
        }
    });
}

struct RoomTask {
    floor: Arc<Floor>,
    id: RoomId,
    state: Room<Arc<Outbox>>,
    commands: mpsc::Receiver<RoomCommand>,
    jobs: FuturesUnordered<Job>,
    owed: Owed,
    /// Entries told since the sessions last had their turn.
    told: usize,
    idle_since: Option<Instant>,
}

/// How a room's task came to its end.
#[derive(PartialEq, Eq)]
enum End {
    /// Nobody was there for long; the registry has forgotten it.
    Retired,
    /// The room was deleted.
    Removed,
}

impl RoomTask {
    /// Runs the room; a panic in it costs its own sessions a reconnect and nobody else anything.
    async fn supervise(mut self) {
        self.floor.metrics.rooms.inc();
        let end = AssertUnwindSafe(self.run()).catch_unwind().await;
        // Before the queue goes: a new task may be started as soon as it is closed.
        if !matches!(end, Ok(End::Retired)) {
            self.floor.rooms.remove(self.id);
        }
        if end.is_err() {
            tracing::error!(room.id = %self.id, "the room's task failed; its sessions are closed and come again");
            for session in self.state.sessions() {
                session.leave(self.id);
                session.end(Close::PositionLost);
            }
        }
        self.floor.metrics.rooms.dec();
    }

    async fn run(&mut self) -> End {
        loop {
            let wake = self.wake_at();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.handle(command).await,
                    None => return End::Removed,
                },
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => self.finish(done),
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    self.state.tick(self.floor.clock.now());
                }
            }
            self.settle();
            self.take_turns().await;
            if self.state.is_removed() {
                return End::Removed;
            }
            if self.is_over() {
                return End::Retired;
            }
        }
    }

    /// When the loop has something to do by itself.
    fn wake_at(&mut self) -> Option<Instant> {
        if self.state.is_idle() && self.jobs.is_empty() && self.owed.is_empty() {
            let since = *self.idle_since.get_or_insert_with(Instant::now);
            return Some(since + ROOM_IDLE);
        }
        self.idle_since = None;
        let now = self.floor.clock.now();
        self.state.wake_at(now).map(|at| self.floor.clock.instant(at))
    }

    fn is_over(&mut self) -> bool {
        let Some(since) = self.idle_since else { return false };
        if !self.state.is_idle() || since.elapsed() < ROOM_IDLE {
            return false;
        }
        // In use at this moment: idle from now on, so that the loop does not spin.
        self.idle_since = Some(Instant::now());
        self.floor.rooms.retire(self.id, &self.commands)
    }

    async fn handle(&mut self, command: RoomCommand) {
        let now = self.floor.clock.now();
        match command {
            RoomCommand::Attach { outbox, user, scope, reply } => {
                // It may have ended while this waited in the queue.
                let done = match outbox.is_retired() {
                    true => Err(WireError::not_found()),
                    false => self.state.handle_attach(outbox.key, outbox, user, scope, now),
                };
                let _ = reply.send(done);
            }
            RoomCommand::Detach(key) => self.state.handle_detach(key, now),
            RoomCommand::Resync(key) => self.state.handle_resync(key, now),
            RoomCommand::Subscribe(key, channel, reply) => {
                let _ = reply.send(self.state.handle_subscribe(key, channel));
            }
            RoomCommand::Unsubscribe(key, channel) => self.state.handle_unsubscribe(key, channel),
            RoomCommand::Write(user, channel, ask, reply) => match self.state.handle_write(user, channel, &ask, now) {
                Ok(permit) => {
                    let job = self.owed.append(&self.floor, user, channel, *ask, permit, reply);
                    self.begin(job).await;
                }
                Err(error) => reply.refuse(error),
            },
            RoomCommand::Typing(user, channel, reply) => match self.state.handle_typing(user, channel, now) {
                Ok(()) => reply.done(),
                Err(error) => reply.refuse(error),
            },
            RoomCommand::MayRead(user, channel, reply) => {
                let _ = reply.send(self.state.handle_read(user, channel));
            }
            RoomCommand::Committed(events) => {
                for event in events {
                    self.state.handle_committed(event, now);
                    self.settle();
                    self.take_turns().await;
                }
            }
            RoomCommand::News(news, done) => {
                self.follow(&news);
                self.state.handle_news(*news, now);
                self.settle();
                let _ = done.send(());
            }
            RoomCommand::Presence(reply) => {
                let _ = reply.send(self.state.presence_state());
            }
            #[cfg(test)]
            RoomCommand::Fail => panic!("a room that fails on purpose"),
        }
    }

    /// The dispatcher hears of channels before the room does, so that no commit falls between.
    fn follow(&mut self, news: &News) {
        match news {
            News::ChannelNew(channel) => self.floor.rooms.follow(self.id, [channel.id].into_iter()),
            News::ChannelGone(channel) => {
                self.floor.rooms.unfollow(*channel);
                self.owed.forget(*channel);
            }
            _ => {}
        }
    }

    /// Starts a job at once: durable writes reach the store in the order in which they were permitted.
    async fn begin(&mut self, mut job: Job) {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(job.as_mut().poll(cx))).await;
        match first {
            std::task::Poll::Ready(done) => self.finish(done),
            std::task::Poll::Pending => self.jobs.push(job),
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Appended(appended) => {
                let (state, now) = (&mut self.state, self.floor.clock.now());
                self.owed.settle(appended, |event| state.handle_appended(event, now));
            }
            Done::Log(channel, entries) => self.state.handle_log(channel, entries, self.floor.clock.now()),
            Done::Personal(what, counts) => self.tell_personally(what, counts),
        }
    }

    /// Lets the sessions write what they were told: a commit may hold more entries than a queue, and a reader is slow only
    /// if it does not read, not because it had no turn.
    async fn take_turns(&mut self) {
        if self.told >= BURST {
            self.told = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Carries out what the rules decided.
    fn settle(&mut self) {
        while let Some(effect) = self.state.poll_effect() {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect<Arc<Outbox>>) {
        match effect {
            Effect::Publish(event) => {
                // Before the entry itself, so that its writer knows it when it comes.
                self.owed.answer(&event);
                self.publish(&event);
            }
            Effect::Tell { to, channel, event } => self.push(Frame::event(&event, channel), to.iter()),
            Effect::Personal(what, to) => self.jobs.push(load::counts(self.floor.store.clone(), self.id, what, to)),
            Effect::Dismiss { session, scope, reason } => {
                let removed = Event::RoomRemoved { room: self.id, reason: reason.to_owned() };
                self.push(Frame::event(&removed, None), std::iter::once(&session));
                let is_elsewhere = session.leave(self.id);
                if scope != Scope::All || !is_elsewhere {
                    session.end(Close::Removed);
                }
            }
            Effect::Close(session) => {
                session.leave(self.id);
                session.end(Close::Removed);
            }
            Effect::ReadLog { channel, after } => {
                self.jobs.push(load::log(self.floor.store.clone(), channel, after));
            }
        }
    }

    fn publish(&mut self, event: &LogEvent) {
        self.told += 1;
        let frame = Frame::entry(event);
        if frame.is_none() {
            // What cannot be told must not be a hole: they come again and read the log.
            self.state.subscribers(event.ch).for_each(|session| session.end(Close::PositionLost));
        }
        self.push(frame, self.state.subscribers(event.ch));
    }

    fn push<'a>(&self, frame: Option<Arc<Frame>>, to: impl Iterator<Item = &'a Arc<Outbox>>) {
        let Some(frame) = frame else { return };
        let delivered = to.filter(|session| session.push(frame.clone())).count();
        self.floor.metrics.deliveries.inc_by(delivered as u64);
    }

    fn tell_personally(&mut self, what: Personal, readers: Vec<load::Reader>) {
        if let Personal::Unread(channel) = what {
            self.state.handle_counted(channel, self.floor.clock.now());
        }
        for reader in readers {
            // Whoever left in the meantime has nothing to be shown.
            if let Some(event) = self.event_for(what, &reader) {
                self.push(Frame::event(&event, None), std::iter::once(&reader.session));
            }
        }
    }

    fn event_for(&self, what: Personal, reader: &load::Reader) -> Option<Event> {
        match what {
            Personal::Room => {
                let mut room = self.state.shown_to(reader.user)?;
                room.channels.iter_mut().for_each(|channel| reader.count(channel));
                Some(Event::RoomChanged(room))
            }
            Personal::Channel(channel) => {
                self.state.handle_read(reader.user, channel).ok()?;
                let mut shown = self.state.channel(channel)?;
                reader.count(&mut shown.channel);
                Some(Event::ChannelChanged(shown))
            }
            Personal::Unread(channel) => {
                let counts = reader.counts_of(channel)?;
                let (head, unread, mentions) = (counts.head, counts.unread, counts.mentions);
                let is_news = self.state.is_bystander(reader.session.key, channel);
                is_news.then_some(Event::Unread { ch: channel, head, unread, mentions })
            }
        }
    }
}
