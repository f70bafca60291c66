//! What goes into the store and comes out of it.
//!
//! Owns plain records. Never touches SQL.

use serde_json::{Map, Value};

use crate::domain::{
    AuthSessionId, ChannelId, ChannelLetter, ChannelName, DisplayName, IdempotencyKey, InviteToken, MessageId,
    MessageText, Role, RoomId, RoomTitle, Slug, Timestamp, Topic, UserId, Username,
    wire::{ChannelKind, LogEvent, Message, Topology},
};

/// A user as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct UserRecord {
    /// Their id.
    pub id: UserId,
    /// Lower case.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// PHC string of Argon2id; none for guests and deleted users.
    pub password_hash: Option<String>,
    /// Came by an invite, without an account.
    pub guest: bool,
    /// The server's admin.
    pub admin: bool,
    /// Anonymised.
    pub deleted: bool,
    /// The client's own settings, a JSON object.
    pub settings: Map<String, Value>,
    /// When registered.
    pub created_at: Timestamp,
}

/// A user to create.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Their id.
    pub id: UserId,
    /// Unique.
    pub username: Username,
    /// What others see.
    pub display_name: DisplayName,
    /// None for a guest.
    pub password_hash: Option<String>,
    /// Whether it is a guest.
    pub guest: bool,
    /// Now.
    pub created_at: Timestamp,
}

/// What to change of a user; `None` = leave.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// Replaces the whole object.
    pub settings: Option<Map<String, Value>>,
}

/// A sign-in to open.
#[derive(Clone, Debug)]
pub struct NewAuthSession {
    /// Its id.
    pub id: AuthSessionId,
    /// Whose.
    pub user: UserId,
    /// Now.
    pub created_at: Timestamp,
    /// When the refresh token ends.
    pub expires_at: Timestamp,
    /// The browser's name of itself, cut to 200 characters.
    pub user_agent: String,
    /// The address it came from.
    pub address: String,
}

/// A sign-in as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthSessionRecord {
    /// Its id.
    pub id: AuthSessionId,
    /// Whose.
    pub user: UserId,
    /// The refresh token's current generation, 0 at first.
    pub generation: u64,
    /// When opened.
    pub created_at: Timestamp,
    /// Last rotation.
    pub used_at: Timestamp,
    /// When the refresh token ends.
    pub expires_at: Timestamp,
    /// Ended before its time.
    pub revoked: bool,
    /// The browser's name of itself.
    pub user_agent: String,
    /// The address it came from.
    pub address: String,
}

/// What presenting a refresh token of a generation led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rotation {
    /// It was current: the new generation.
    Rotated {
        /// Whose.
        user: UserId,
        /// The successor.
        generation: u64,
    },
    /// It was the one before the current, rotated at most [`crate::domain::limits::REFRESH_GRACE`] ago: the unused successor.
    Repeated {
        /// Whose.
        user: UserId,
        /// The successor, again.
        generation: u64,
    },
    /// An older one: the family is revoked now.
    Reused {
        /// Whose.
        user: UserId,
    },
    /// Unknown, expired, or revoked before.
    Ended,
}

/// A room as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomRecord {
    /// Its id.
    pub id: RoomId,
    /// Unique.
    pub slug: Slug,
    /// Its title.
    pub title: RoomTitle,
    /// What it is about.
    pub topic: Option<Topic>,
    /// When made.
    pub created_at: Timestamp,
}

/// A room to create.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its id.
    pub id: RoomId,
    /// Unique.
    pub slug: Slug,
    /// Its title.
    pub title: RoomTitle,
    /// Its first member.
    pub owner: UserId,
    /// Now.
    pub created_at: Timestamp,
}

/// What to change of a room; `None` = leave, `Some(None)` = clear.
#[derive(Clone, Debug, Default)]
pub struct RoomChange {
    /// Its title.
    pub title: Option<RoomTitle>,
    /// What it is about.
    pub topic: Option<Option<Topic>>,
}

/// A channel as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelRecord {
    /// Its id.
    pub id: ChannelId,
    /// Where.
    pub room: RoomId,
    /// Unique in the room.
    pub letter: ChannelLetter,
    /// Its name.
    pub name: ChannelName,
    /// Text or voice.
    pub kind: ChannelKind,
    /// Of a voice channel.
    pub topology: Option<Topology>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// The newest seq, as of the read.
    pub head: u64,
}

/// What to change of a channel; `None` = leave, `Some(None)` = clear.
#[derive(Clone, Debug, Default)]
pub struct ChannelChange {
    /// Its name.
    pub name: Option<ChannelName>,
    /// What it is about.
    pub topic: Option<Option<Topic>>,
    /// Of a voice channel.
    pub topology: Option<Topology>,
}

/// A member as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberRecord {
    /// Who.
    pub user: UserId,
    /// What others see.
    pub display_name: String,
    /// The account's name.
    pub username: String,
    /// What they are here.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

/// An invite as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InviteRecord {
    /// The secret in its link.
    pub token: InviteToken,
    /// Into which room.
    pub room: RoomId,
    /// By whom.
    pub created_by: UserId,
    /// What the one who accepts becomes; a guest stays a guest.
    pub role: Role,
    /// How often it was used.
    pub uses: u32,
    /// How often it may be; `None` = without end.
    pub max_uses: Option<u32>,
    /// Until when; `None` = without end.
    pub expires_at: Option<Timestamp>,
    /// When made.
    pub created_at: Timestamp,
}

/// What accepting an invite led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Into which room.
    pub room: RoomRecord,
    /// As what.
    pub role: Role,
    /// False when they were a member before.
    pub joined: bool,
}

/// Counts of one user in one channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unread {
    /// The read marker.
    pub upto: u64,
    /// The newest seq.
    pub head: u64,
    /// Others' messages after the marker.
    pub unread: u64,
    /// Those that name the user.
    pub mentions: u64,
}

/// One durable change of a channel.
#[derive(Clone, Debug)]
pub struct LogWrite {
    /// Where.
    pub channel: ChannelId,
    /// Who does it.
    pub by: UserId,
    /// When it was asked.
    pub at: Timestamp,
    /// What.
    pub change: Change,
}

/// What a [`LogWrite`] changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new message.
    Send {
        /// Its id, used when the key is new.
        id: MessageId,
        /// Unique per (channel, sender).
        key: IdempotencyKey,
        /// What it says.
        text: MessageText,
        /// The seq of the message it answers; must be a message of this channel ([`super::StoreError::Missing`]).
        reply_to: Option<u64>,
        /// Usernames to resolve into members of the room.
        mentions: Vec<String>,
        /// Names everybody in the room (`@room`, `@here`), already permitted.
        mentions_all: bool,
    },
    /// A new text; [`super::StoreError::Missing`] for a message that is not there or is deleted.
    Edit {
        /// Which.
        message: MessageId,
        /// The new text.
        text: MessageText,
    },
    /// Turns it into a tombstone; text, reactions and pin go, the texts of earlier edits too.
    Delete {
        /// Which.
        message: MessageId,
    },
    /// Adds or takes back an emoji; without effect it logs nothing and answers the head.
    React {
        /// To which.
        message: MessageId,
        /// Which emoji.
        emoji: String,
        /// False takes it back.
        add: bool,
    },
    /// Pins or unpins; without effect it logs nothing.
    Pin {
        /// Which.
        message: MessageId,
        /// False unpins.
        add: bool,
    },
}

/// What a committed [`LogWrite`] led to.
#[derive(Clone, Debug)]
pub enum Appended {
    /// It took the next seq.
    Logged(LogEvent),
    /// The key had been used with the same body: the message as it is now.
    Duplicate(Message),
    /// Nothing changed; the head.
    Unchanged(u64),
}

/// Which messages of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryRange {
    /// Only those with a smaller seq.
    pub before: Option<u64>,
    /// Only those with a greater seq; then from the oldest on, else the newest page.
    pub after: Option<u64>,
    /// How many at most.
    pub limit: u32,
}

/// A page of messages.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryPage {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Whether there are more in the asked direction.
    pub has_more: bool,
    /// The newest seq of the log.
    pub head: u64,
}
