//! What goes into the rules of a room and what comes out of them.
//!
//! Owns plain data. Never decides anything.

use super::super::{
    ChannelId, ChannelLetter, ChannelName, Role, RoomId, RoomTitle, Slug, Topic, UserId,
    wire::{
        LogEvent,
        event::Event,
        model::{self, ChannelKind, Topology},
    },
};

/// Names one session for the life of the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionKey(pub u64);

/// How much of a room a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Everything.
    All,
    /// One text channel.
    Channel(ChannelId),
    /// Voice and who is there.
    Voice,
}

/// What a room is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomInfo {
    /// Its name in addresses.
    pub slug: Slug,
    /// Its title.
    pub title: RoomTitle,
    /// What it is about.
    pub topic: Option<Topic>,
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// What others see.
    pub name: String,
    /// The account's name.
    pub username: String,
    /// What they are here.
    pub role: Role,
}

/// A channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its letter in the room.
    pub letter: ChannelLetter,
    /// Its name.
    pub name: ChannelName,
    /// Text or voice.
    pub kind: ChannelKind,
    /// Of a voice channel.
    pub topology: Option<Topology>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// The newest seq.
    pub head: u64,
}

impl Channel {
    /// As details of a room show it, with nothing unread.
    #[must_use]
    pub fn on_wire(&self) -> model::Channel {
        model::Channel {
            id: self.id,
            letter: self.letter.to_string(),
            name: self.name.as_str().to_owned(),
            kind: self.kind,
            topology: self.topology,
            topic: self.topic.as_ref().map(|topic| topic.as_str().to_owned()),
            head: self.head,
            unread: 0,
            mentions: 0,
        }
    }
}

/// A room as the store has it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its id.
    pub id: RoomId,
    /// Its names.
    pub info: RoomInfo,
    /// Everybody.
    pub members: Vec<(UserId, Member)>,
    /// All of them, with heads no newer than what will be told as committed afterwards.
    pub channels: Vec<Channel>,
}

/// A durable change that was not made through the log.
#[derive(Clone, Debug)]
pub enum News {
    /// A channel was made.
    ChannelNew(Channel),
    /// A channel changed.
    ChannelChanged(Channel),
    /// A channel was deleted.
    ChannelGone(ChannelId),
    /// Somebody became a member.
    MemberJoined(UserId, Member),
    /// A role or a name changed.
    MemberChanged(UserId, Member),
    /// Somebody is no longer a member; why.
    MemberLeft(UserId, &'static str),
    /// Title or topic changed.
    RoomChanged(RoomInfo),
    /// The room is gone.
    RoomRemoved,
}

/// An event that shows each reader their own counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Personal {
    /// `room.changed`
    Room,
    /// `channel.changed`
    Channel(ChannelId),
    /// `unread`; followed by [`super::Room::handle_counted`].
    Unread(ChannelId),
}

/// Something the room's task has to do.
#[derive(Clone, Debug)]
pub enum Effect<S> {
    /// A log entry, for everybody who follows its channel at this moment.
    Publish(LogEvent),
    /// A passing event.
    Tell {
        /// Whom.
        to: Vec<S>,
        /// Which channel it is about.
        channel: Option<ChannelId>,
        /// What.
        event: Event,
    },
    /// An event whose counts are each reader's own.
    Personal(Personal, Vec<(UserId, S)>),
    /// A session is out of this room: it is told so, and closed where nothing is left for it.
    Dismiss {
        /// Whom.
        session: S,
        /// How much of the room it was for.
        scope: Scope,
        /// `deleted`, `kicked`, `banned`, `left`.
        reason: &'static str,
    },
    /// What a session was for is gone, and it is out of this room.
    Close(S),
    /// Entries after `after` are missing: read them and hand them to [`super::Room::handle_log`].
    ReadLog {
        /// Of which channel.
        channel: ChannelId,
        /// The last seq that was told.
        after: u64,
    },
}
