//! The nouns of the wire: user, room, channel, member, message.
//!
//! Owns their JSON shape, shared by REST and WebSocket. Never how they are stored.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ChannelId, MessageId, Role, RoomId, Timestamp, UserId};

/// The signed-in user, as `auth` answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The account's name; a guest's is generated.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Came by an invite link, without an account.
    pub guest: bool,
}

/// Text or voice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Messages.
    Text,
    /// Talk.
    Voice,
}

/// How the voice of a channel travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Through the server.
    Forwarded,
    /// From browser to browser.
    Direct,
}

/// A channel as one user sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its letter in the room, `a` to `z`.
    pub letter: String,
    /// Its name.
    pub name: String,
    /// Text or voice.
    pub kind: ChannelKind,
    /// Of a voice channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
    /// What it is about.
    pub topic: Option<String>,
    /// The newest seq of its log.
    pub head: u64,
    /// Others' messages after the read marker.
    pub unread: u64,
    /// Those among them that name this user.
    pub mentions: u64,
}

/// A room in one user's list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomSummary {
    /// Its id.
    pub id: RoomId,
    /// Its name in addresses.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What this user is in it.
    pub role: Role,
}

/// A room as one of its members sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name in addresses.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub topic: Option<String>,
    /// What this user is in it.
    pub role: Role,
    /// In order of their letters.
    pub channels: Vec<Channel>,
}

/// A member in a room's list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// What others see.
    pub name: String,
    /// The account's name.
    pub username: String,
    /// What they are in this room.
    pub role: Role,
}

/// Who wrote a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Author {
    /// Their id.
    pub id: UserId,
    /// Their display name now.
    pub name: String,
}

/// One emoji under a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many people.
    pub count: u32,
    /// Whether the asking user is among them.
    pub me: bool,
}

/// A message as it is now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its place in the channel's log.
    pub seq: u64,
    /// The channel.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: Author,
    /// The text; empty when deleted.
    pub text: String,
    /// The seq of the message it answers.
    pub reply_to: Option<u64>,
    /// When it was committed.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// A tombstone.
    pub deleted: bool,
    /// In order of first use.
    pub reactions: Vec<Reaction>,
    /// The users it names.
    pub mentions: Vec<UserId>,
    /// Kept at hand in the channel.
    pub pinned: bool,
}
