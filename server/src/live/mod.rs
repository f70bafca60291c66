//! Floor 2: everything that happens now: sessions, room tasks, presence.
//!
//! Owns the tasks and their queues. Never parses HTTP and never writes SQL.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;

use crate::{
    auth::Tokens,
    domain::{
        AuthSessionId, ChannelId, Role, RoomId, UserId,
        wire::{
            self, Sent, User, WireError,
            event::{Credential, PresenceState},
        },
    },
    metrics::Metrics,
    store::{ChannelRecord, Committed, MemberRecord, RoomRecord, Store},
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
    /// `member.joined`; the user's `/ws` sessions start to follow the room.
    MemberJoined(MemberRecord),
    /// `member.left`; the user's sessions get `room.removed` with this reason and are closed 4503 as `protocol.md` says.
    MemberLeft(UserId, &'static str),
    /// `member.changed`
    MemberChanged(MemberRecord),
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

/// The running floor. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<()>);

#[allow(clippy::todo, clippy::unused_async, unused_variables)]
impl Live {
    /// Starts the dispatcher of committed batches.
    pub fn start(store: Store, committed: Committed, tokens: Tokens, options: LiveOptions, metrics: Metrics) -> Self {
        todo!()
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
        todo!()
    }

    /// `POST /api/channels/{id}/messages`: the same path, limits and guarantees as `send`.
    pub async fn send(&self, user: UserId, channel: ChannelId, send: wire::Send) -> Result<Sent, WireError> {
        todo!()
    }

    /// Tells a room of a change that REST made durable. Returns when the room has taken it (bounded queue).
    pub async fn tell(&self, room: RoomId, news: RoomNews) {
        todo!()
    }

    /// A user changed their name or settings: tell the rooms they are in.
    pub async fn user_changed(&self, user: UserId) {
        todo!()
    }

    /// Ends every session of these sign-ins at once (logout, revocation): close 4500.
    pub fn end_auth_sessions(&self, ended: &[AuthSessionId]) {
        todo!()
    }

    /// Who is online in a room.
    pub async fn presence(&self, room: RoomId) -> PresenceState {
        todo!()
    }

    /// No new sessions; `going_away` spread over `spread`, then close 4001. Returns when all sessions have ended.
    pub async fn drain(&self, spread: Duration) {
        todo!()
    }
}

const _: Option<Role> = None;
