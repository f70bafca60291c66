//! What the server says unasked: durable events of a channel's log, and passing ones.
//!
//! Owns names (`ev`) and shapes (`d`). Never numbers or orders them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Subscribed,
    model::{Channel, Message, Room, User},
    voice::VoiceEvent,
};
use crate::domain::{AuthSessionId, ChannelId, MessageId, Role, RoomId, Timestamp, UserId};

/// One entry of a channel's log: the live frame, an item of `/sync` and of `sub`'s `events`, unchanged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogEvent {
    /// The channel.
    pub ch: ChannelId,
    /// Its place: 1 is the first, no number is left out.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub body: LogBody,
}

/// What a log entry says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "ev", content = "d")]
pub enum LogBody {
    /// Somebody wrote.
    #[serde(rename = "message.new")]
    MessageNew(Message),
    /// The text changed.
    #[serde(rename = "message.edit")]
    MessageEdit {
        /// Which.
        message: MessageId,
        /// The new text.
        text: String,
        /// When.
        edited_at: Timestamp,
        /// Who.
        by: UserId,
    },
    /// Now a tombstone.
    #[serde(rename = "message.delete")]
    MessageDelete {
        /// Which.
        message: MessageId,
        /// Who.
        by: UserId,
    },
    /// An emoji was added.
    #[serde(rename = "reaction.add")]
    ReactionAdd {
        /// To which.
        message: MessageId,
        /// Which emoji.
        emoji: String,
        /// By whom.
        user: UserId,
    },
    /// An emoji was taken back.
    #[serde(rename = "reaction.remove")]
    ReactionRemove {
        /// From which.
        message: MessageId,
        /// Which emoji.
        emoji: String,
        /// By whom.
        user: UserId,
    },
    /// Pinned.
    #[serde(rename = "pin.add")]
    PinAdd {
        /// Which.
        message: MessageId,
        /// Who.
        by: UserId,
    },
    /// No longer pinned.
    #[serde(rename = "pin.remove")]
    PinRemove {
        /// Which.
        message: MessageId,
        /// Who.
        by: UserId,
    },
    /// A mute, ban or kick as the channel saw it.
    #[serde(rename = "moderation")]
    Moderation {
        /// `mute`, `ban`, `kick`.
        act: String,
        /// On whom.
        user: UserId,
        /// By whom.
        by: UserId,
        /// As given.
        reason: Option<String>,
        /// Until when.
        until: Option<Timestamp>,
    },
}

/// Whether somebody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Here.
    Online,
    /// Here, away from the keyboard.
    Idle,
    /// Here, not to be disturbed.
    Dnd,
}

/// One person of `presence.state`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Online {
    /// Who.
    pub user: UserId,
    /// How.
    pub status: Status,
}

/// `presence.state`: names up to a hundred, a number above.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PresenceState {
    /// Everybody who is online.
    Names {
        /// Where.
        room: RoomId,
        /// Who.
        online: Vec<Online>,
    },
    /// How many are online.
    Count {
        /// Where.
        room: RoomId,
        /// How many.
        count: usize,
    },
}

impl PresenceState {
    /// Where.
    #[must_use]
    pub fn room(&self) -> RoomId {
        match self {
            Self::Names { room, .. } | Self::Count { room, .. } => *room,
        }
    }
}

/// A passing event: no seq, never replayed.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "ev", content = "d")]
pub enum Event {
    /// The first frame of every session.
    #[serde(rename = "hello")]
    Hello {
        /// The protocol's version.
        v: u32,
        /// How often the server pings, at most 5/6 of the silence it allows.
        ping_ms: u64,
        /// The largest frame a client may send, in bytes.
        max_frame: usize,
        /// Set when the upgrade carried a credential.
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// The same.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<User>,
    },
    /// Answer with `pong`, or with anything.
    #[serde(rename = "ping")]
    Ping,
    /// Somebody is writing.
    #[serde(rename = "typing")]
    Typing {
        /// Who.
        user: UserId,
    },
    /// Who came and went.
    #[serde(rename = "presence")]
    Presence {
        /// Where.
        room: RoomId,
        /// Online now.
        joined: Vec<UserId>,
        /// Offline now.
        left: Vec<UserId>,
    },
    /// Everybody who is online.
    #[serde(rename = "presence.state")]
    PresenceState(PresenceState),
    /// On `/ws/text/{channel_id}`, right after `hello`.
    #[serde(rename = "subscribed")]
    Subscribed(Vec<Subscribed>),
    /// A channel that is not subscribed has news.
    #[serde(rename = "unread")]
    Unread {
        /// Which.
        ch: ChannelId,
        /// Its newest seq.
        head: u64,
        /// Others' messages after the read marker.
        unread: u64,
        /// Those that name me.
        mentions: u64,
    },
    /// Another device of mine read on.
    #[serde(rename = "read")]
    Read {
        /// Where.
        ch: ChannelId,
        /// The read marker.
        upto: u64,
        /// What is left.
        unread: u64,
        /// What is left of those that name me.
        mentions: u64,
    },
    /// Left out for a slow reader of a live-stream channel.
    #[serde(rename = "skipped")]
    Skipped {
        /// The first seq left out.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A channel was made.
    #[serde(rename = "channel.new")]
    ChannelNew(RoomChannel),
    /// A channel changed.
    #[serde(rename = "channel.changed")]
    ChannelChanged(RoomChannel),
    /// A channel was deleted.
    #[serde(rename = "channel.gone")]
    ChannelGone {
        /// Where.
        room: RoomId,
        /// Which.
        id: ChannelId,
        /// Its letter, free again.
        letter: String,
    },
    /// Somebody became a member.
    #[serde(rename = "member.joined")]
    MemberJoined(RoomMember),
    /// Somebody is no longer a member.
    #[serde(rename = "member.left")]
    MemberLeft(RoomMember),
    /// A role or a name changed.
    #[serde(rename = "member.changed")]
    MemberChanged(RoomMember),
    /// Title, topic or settings changed; `role` and counts are the reader's own.
    #[serde(rename = "room.changed")]
    RoomChanged(Room),
    /// The room is gone, or I am out of it.
    #[serde(rename = "room.removed")]
    RoomRemoved {
        /// Which.
        room: RoomId,
        /// `deleted`, `kicked`, `banned`, `left`.
        reason: String,
    },
    /// The server drains; reconnect then.
    #[serde(rename = "going_away")]
    GoingAway {
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// Voice.
    #[serde(untagged)]
    Voice(VoiceEvent),
}

/// A channel and the room it belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RoomChannel {
    /// Where.
    pub room: RoomId,
    /// The channel.
    #[serde(flatten)]
    pub channel: Channel,
}

/// A member and the room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RoomMember {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// What others see.
    pub name: String,
    /// The account's name.
    pub username: String,
    /// What they are, or were.
    pub role: Role,
}

/// An [`Event`] with the channel it is about, as a frame.
#[derive(Serialize, Debug)]
pub struct Frame<'a> {
    /// Of the events that are about one channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ch: Option<ChannelId>,
    /// What happened.
    #[serde(flatten)]
    pub event: &'a Event,
}

/// What `auth` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Welcome {
    /// This session, for logs and support.
    pub session: String,
    /// Who is signed in.
    pub user: User,
}

/// Which sign-in a credential belongs to, and until when it is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Who.
    pub user: UserId,
    /// Their sign-in.
    pub auth_session: AuthSessionId,
    /// When it expires.
    pub expires_at: Timestamp,
}
