//! Floor 2: everything that happens now: sessions, room tasks, presence.
//!
//! Owns the tasks and their queues. Never parses HTTP and never writes SQL.

mod bus;
mod clock;
mod frame;
mod outbox;
mod registry;
mod reply;
mod room;
mod session;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Mutex, MutexGuard, mpsc::error::TrySendError, oneshot},
};
use tokio_tungstenite::WebSocketStream;

use self::{
    clock::Clock,
    frame::Frame,
    outbox::Outbox,
    registry::{RoomQueue, Rooms, Sessions},
    reply::{Reply, Written},
    room::RoomCommand,
    session::{Ended, Session},
};
use crate::{
    auth::Tokens,
    domain::{
        AuthSessionId, ChannelId, RoomId, UserId,
        room::{Member, News, Scope},
        wire::{
            self, Close, ErrorCode, Sent, User, WireError,
            event::{Credential, Event, PresenceState},
        },
    },
    metrics::Metrics,
    store::{ChannelRecord, Committed, RoomRecord, Store},
};

/// Which WebSocket address a session came in by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// `/ws`: everything the user may see.
    All,
    /// `/ws/text/{channel_id}?epoch&after`: that channel, already subscribed.
    Text,
    /// `/ws/signal/{room_slug}`: voice of that room.
    Signal,
}

/// What a door opens to: the address names it, membership is checked after sign-in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entrance {
    /// See [`Door::All`].
    All,
    /// See [`Door::Text`].
    Text(wire::SubTarget),
    /// See [`Door::Signal`]: the slug as it stands in the address.
    Signal(String),
}

/// A durable change of a room that REST made and the room's sessions must hear of. The store has it already.
#[derive(Clone, Debug)]
pub enum RoomNews {
    /// `channel.new`
    ChannelNew(ChannelRecord),
    /// `channel.changed`
    ChannelChanged(ChannelRecord),
    /// `channel.gone`
    ChannelGone(ChannelRecord),
    /// `member.joined`, as the store has them by then; the user's `/ws` sessions start to follow the room.
    MemberJoined(UserId),
    /// `member.left`; the user's sessions get `room.removed` with this reason and are closed 4503 as `protocol.md` says.
    MemberLeft(UserId, &'static str),
    /// `member.changed`, as the store has them by then
    MemberChanged(UserId),
    /// `room.changed`
    RoomChanged(RoomRecord),
    /// `room.removed` with reason `deleted`
    RoomRemoved,
}

/// What live is started with.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Silence after which a session is closed with 4003 (`WEBSOCKET_RECEIVE_TIMEOUT_SECONDS`).
    pub receive_timeout: Duration,
    /// `RATE_LIMIT_MESSAGES_PER_10S`, per user and channel; 0 = off.
    pub messages_per_10s: u32,
    /// `CHAT_MESSAGE_MAX_LENGTH`, in characters.
    pub message_max_length: usize,
}

/// Locks shared by all rooms for news of members: enough that two rooms seldom wait for each other.
const MEMBER_TURNS: usize = 64;

/// The running floor. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Floor>);

/// What every task of this floor shares.
struct Floor {
    store: Store,
    tokens: Tokens,
    options: LiveOptions,
    metrics: Metrics,
    sessions: Sessions,
    rooms: Rooms,
    clock: Clock,
    /// Whoever tells a room of a member looks at the store and speaks in one turn, see [`Live::tell`].
    member_turns: [Mutex<()>; MEMBER_TURNS],
    epoch: String,
    /// `ping`, the same for everybody.
    ping: Option<Arc<Frame>>,
}

impl Live {
    /// Starts the dispatcher of committed batches.
    #[must_use]
    pub fn start(store: Store, committed: Committed, tokens: Tokens, options: LiveOptions, metrics: Metrics) -> Self {
        let floor = Arc::new(Floor {
            epoch: store.epoch(),
            store,
            tokens,
            options,
            metrics,
            sessions: Sessions::default(),
            rooms: Rooms::default(),
            clock: Clock::start(),
            member_turns: std::array::from_fn(|_| Mutex::new(())),
            ping: Frame::event(&Event::Ping, None),
        });
        tokio::spawn(bus::dispatch(floor.clone(), committed));
        Self(floor)
    }

    /// Serves one upgraded WebSocket to its end. `signed_in` = the credential the upgrade carried, checked; `None` = the
    /// first frame must be `auth`; `Some(Err)` = it carried a bad one: close 4500.
    pub async fn serve<S>(
        &self,
        socket: WebSocketStream<S>,
        entrance: Entrance,
        signed_in: Option<Result<(Credential, User), ()>>,
        address: IpAddr,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let floor = &self.0;
        let outbox = floor.sessions.open(|key| Outbox::new(key, address));
        let guard = Guard::new(floor.clone(), outbox.clone());
        let door = entrance.door();
        let mut session = Session::new(floor.clone(), outbox, socket, entrance, signed_in);
        let ended = AssertUnwindSafe(session.run()).catch_unwind().await;
        guard.log(&session, door, ended.ok());
    }

    /// Notes that a connection was closed with `close` without ever being a session.
    pub fn turned_away(&self, close: &Close, address: IpAddr) {
        self.0.metrics.session_closes.with_label_values(&[close.code().to_string().as_str()]).inc();
        tracing::info!(
            client.address = %address,
            close.code = close.code(),
            close.by_server = true,
            close.reason = close.reason(),
            "session turned away"
        );
    }

    /// `POST /api/channels/{id}/messages`: the same path, limits and guarantees as `send`.
    ///
    /// # Errors
    /// As `send` is refused.
    pub async fn send(&self, user: UserId, channel: ChannelId, send: wire::Send) -> Result<Sent, WireError> {
        let ask = session::ask(send, self.0.options.message_max_length)?;
        let queue = self.0.room_of_channel(channel, user).await?;
        let (reply, answer) = Reply::to_caller(&self.0);
        // A room that ended just now drops the command, and the reply says so.
        let _ = queue.send(RoomCommand::Write(user, channel, Box::new(ask), reply)).await;
        match answer.await {
            Ok(Ok(Written::Sent(sent))) => Ok(*sent),
            Ok(Err(error)) => Err(error),
            Ok(Ok(Written::Logged(_))) | Err(_) => Err(WireError::unavailable()),
        }
    }

    /// Tells a room of a change that REST made durable. Returns when the room's sessions have been told.
    ///
    /// News of members may be late, when the store has moved on. So looking at the store and telling what it has is one
    /// turn: whoever looks last has seen every change, and speaks last.
    pub async fn tell(&self, room: RoomId, news: RoomNews) {
        match news {
            RoomNews::MemberJoined(user) => self.tell_joined(room, user).await,
            RoomNews::MemberChanged(user) => {
                // A room without a task has nobody to tell.
                let Some(queue) = self.0.rooms.active(room) else { return };
                let _turn = self.0.member_turn(room).await;
                if let Some(member) = self.0.member(room, user).await {
                    deliver(&queue, News::MemberChanged(user, member)).await;
                }
            }
            RoomNews::MemberLeft(user, reason) => {
                if let Some(queue) = self.0.rooms.active(room) {
                    let _turn = self.0.member_turn(room).await;
                    deliver(&queue, News::MemberLeft(user, reason)).await;
                }
                // Back already, and that was told before this: they are a member.
                self.tell_joined(room, user).await;
            }
            RoomNews::ChannelNew(record) => self.tell_active(room, News::ChannelNew(room::channel(record))).await,
            RoomNews::ChannelChanged(record) => {
                self.tell_active(room, News::ChannelChanged(room::channel(record))).await;
            }
            RoomNews::ChannelGone(record) => self.tell_active(room, News::ChannelGone(record.id)).await,
            RoomNews::RoomChanged(record) => self.tell_active(room, News::RoomChanged(room::info(record))).await,
            RoomNews::RoomRemoved => self.tell_active(room, News::RoomRemoved).await,
        }
    }

    /// A room without a task has nobody to tell, and reads the change from the store when it starts.
    async fn tell_active(&self, room: RoomId, news: News) {
        if let Some(queue) = self.0.rooms.active(room) {
            deliver(&queue, news).await;
        }
    }

    /// Tells the room of a member, if they are one, and lets their open sessions follow it.
    async fn tell_joined(&self, room: RoomId, user: UserId) {
        let floor = &self.0;
        let followers = {
            let _turn = floor.member_turn(room).await;
            let Some(member) = floor.member(room, user).await else { return };
            let followers = floor.sessions.followers(user);
            let queue = if followers.is_empty() { floor.rooms.active(room) } else { Some(floor.room(room)) };
            let Some(queue) = queue else { return };
            deliver(&queue, News::MemberJoined(user, member)).await;
            followers
        };
        for outbox in followers {
            if let Err(error) = session::attach(floor, &outbox, room, user, Scope::All).await
                && error.code == ErrorCode::Unavailable
            {
                // The session comes again and finds the room in its list.
                outbox.end(Close::PositionLost);
            }
        }
    }

    /// A user changed their name or settings: tell the rooms they are in.
    pub async fn user_changed(&self, user: UserId) {
        let rooms = match self.0.store.rooms_of(user).await {
            Ok(rooms) => rooms,
            Err(error) => return tracing::warn!(user.id = %user, %error, "rooms not told of a changed user"),
        };
        for (room, _) in rooms {
            self.tell(room.id, RoomNews::MemberChanged(user)).await;
        }
    }

    /// Ends every session of these sign-ins at once (logout, revocation): close 4500.
    pub fn end_auth_sessions(&self, ended: &[AuthSessionId]) {
        self.0.sessions.end_sign_ins(ended);
    }

    /// Who is online in a room.
    pub async fn presence(&self, room: RoomId) -> PresenceState {
        let nobody = PresenceState::Names { room, online: Vec::new() };
        let Some(queue) = self.0.rooms.active(room) else { return nobody };
        let (reply, state) = oneshot::channel();
        let _ = queue.send(RoomCommand::Presence(reply)).await;
        state.await.unwrap_or(nobody)
    }

    /// No new sessions; `going_away` spread over `spread`, then close 4001. Returns when all sessions have ended.
    pub async fn drain(&self, spread: Duration) {
        let sessions = self.0.sessions.drain();
        let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX).max(1);
        for (n, outbox) in (0u32..).zip(&sessions) {
            // Evenly over the time: reconnects arrive as a trickle.
            outbox.drain(spread.saturating_mul(n) / count);
        }
        self.0.sessions.all_ended().await;
    }
}

/// Hands `news` to a room and waits until its sessions have been told.
async fn deliver(queue: &RoomQueue, news: News) {
    let (done, told) = oneshot::channel();
    let _ = queue.send(RoomCommand::News(Box::new(news), done)).await;
    let _ = told.await;
}

impl Floor {
    /// The turn to tell `room` of its members.
    async fn member_turn(&self, room: RoomId) -> MutexGuard<'_, ()> {
        let n = usize::try_from(room.0.as_u128() % MEMBER_TURNS as u128).unwrap_or_default();
        // Always there: the remainder is below the number of turns.
        let [first, ..] = &self.member_turns;
        self.member_turns.get(n).unwrap_or(first).lock().await
    }

    /// The member as the store has them; what cannot be read is not told.
    async fn member(&self, room: RoomId, user: UserId) -> Option<Member> {
        match self.store.member(room, user).await {
            Ok(record) => record.map(room::member),
            Err(error) => {
                tracing::error!(room.id = %room, user.id = %user, %error, "the room was not told of a member");
                None
            }
        }
    }

    /// How often sessions are pinged: 25 s where 30 s of silence are allowed.
    fn ping_interval(&self) -> Duration {
        (self.options.receive_timeout * 5 / 6).max(Duration::from_millis(1))
    }

    /// The queue of a room, whose task is started where none runs.
    fn room(self: &Arc<Self>, room: RoomId) -> RoomQueue {
        self.rooms.open(room, |commands| room::start(self.clone(), room, commands))
    }

    /// The queue of the room of `channel`.
    ///
    /// # Errors
    /// `not_found` for a channel that is not there, or not for `user`; `unavailable`.
    async fn room_of_channel(self: &Arc<Self>, channel: ChannelId, user: UserId) -> Result<RoomQueue, WireError> {
        if let Some(queue) = self.rooms.of_channel(channel) {
            return Ok(queue);
        }
        // Only a member's question starts a room.
        match self.store.channel_for(channel, user).await {
            Ok(Some((record, _))) => Ok(self.room(record.room)),
            Ok(None) => Err(WireError::not_found()),
            Err(_) => Err(WireError::unavailable()),
        }
    }

    /// The session behind `outbox` hears nothing any more: its rooms and its user are told at once.
    fn leave(&self, outbox: &Outbox) {
        self.sessions.sign_out(outbox.key);
        for room in outbox.retire() {
            let Some(queue) = self.rooms.active(room) else { continue };
            if let Err(TrySendError::Full(command)) = queue.try_send(RoomCommand::Detach(outbox.key)) {
                // The room is busy; the session need not wait for it. Without a runtime the room is gone as well.
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move { queue.send(command).await });
                }
            }
        }
    }
}

/// Sees to it that a session is counted and forgotten, however it ends.
struct Guard {
    floor: Arc<Floor>,
    outbox: Arc<Outbox>,
}

impl Guard {
    fn new(floor: Arc<Floor>, outbox: Arc<Outbox>) -> Self {
        floor.metrics.sessions.inc();
        Self { floor, outbox }
    }

    /// Counts and logs the end; `None` is a panic.
    fn log<S>(&self, session: &Session<S>, door: Door, ended: Option<Ended>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Ended { code, by_server, reason } =
            ended.unwrap_or(Ended { code: 1011, by_server: true, reason: "failed".to_owned() });
        // A client may send any code; it must not make any number of series.
        let label =
            if by_server || matches!(code, 1000 | 1001 | 1005 | 1006) { code.to_string() } else { "other".into() };
        self.floor.metrics.session_closes.with_label_values(&[label.as_str()]).inc();
        let user = session.user().map(tracing::field::display);
        tracing::info!(
            session.id = session.name(),
            session.door = ?door,
            session.dropped = self.outbox.dropped(),
            session.refused = self.outbox.refused(),
            user.id = user,
            client.address = %self.outbox.address,
            close.code = code,
            close.by_server = by_server,
            close.reason = reason,
            "session ended"
        );
        if code == 1011 {
            tracing::error!(session.id = session.name(), "the session failed");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.floor.leave(&self.outbox);
        self.floor.sessions.close(self.outbox.key);
        self.floor.metrics.sessions.dec();
        self.floor.metrics.dropped.inc_by(self.outbox.dropped());
    }
}

impl Entrance {
    fn door(&self) -> Door {
        match self {
            Entrance::All => Door::All,
            Entrance::Text(_) => Door::Text,
            Entrance::Signal(_) => Door::Signal,
        }
    }
}
