//! The wire protocol as types: what a client may say and what the server says.
//!
//! Owns shapes, names and codes of the contract. Never decides whether something is allowed.

pub mod client;
pub mod close;
pub mod error;
pub mod event;
pub mod model;
pub mod voice;

pub use client::{Command, DecodeError, Request, Send, SubTarget};
pub use close::Close;
pub use error::{ErrorCode, WireError};
pub use event::{Event, LogBody, LogEvent};
pub use model::{Author, Channel, ChannelKind, Member, Message, Reaction, Room, RoomSummary, Topology, User};

use serde::Serialize;

use super::ChannelId;

/// The version in `hello` and the subprotocol.
pub const VERSION: u32 = 1;
/// The WebSocket subprotocol of this version.
pub const SUBPROTOCOL: &str = "charge.v1";
/// A subprotocol that carries the credential: `bearer.<access token>`.
pub const BEARER_PREFIX: &str = "bearer.";

/// The answer to a command that succeeded.
#[derive(Serialize, Debug)]
pub struct Answer<'a, T: Serialize> {
    /// The command's `id`.
    pub id: u64,
    /// What was asked for.
    pub ok: &'a T,
}

/// The answer to a command that did not.
#[derive(Serialize, Debug)]
pub struct Refusal<'a> {
    /// The command's `id`.
    pub id: u64,
    /// Why.
    pub err: &'a WireError,
}

/// The answer to `send`.
#[derive(Serialize, Clone, Debug, utoipa::ToSchema)]
pub struct Sent {
    /// Where the message stands in its channel's log.
    pub seq: u64,
    /// The message as it is now.
    pub message: Message,
    /// True when this key had been sent before.
    pub duplicate: bool,
}

/// The answer to `edit`, `delete`, `pin`, `react` and the like.
#[derive(Serialize, Clone, Copy, Debug, utoipa::ToSchema)]
pub struct Logged {
    /// Where the change stands in its channel's log; the earlier place when nothing changed.
    pub seq: u64,
}

/// One channel in the answer to `sub`, and in the event `subscribed`.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Subscribed {
    /// The channel.
    pub ch: ChannelId,
    /// The log's epoch; another one than before means that history was restored from a backup.
    pub epoch: String,
    /// The newest seq.
    pub head: u64,
    /// Whether `events` fills the gap after the client's position.
    pub recovered: bool,
    /// The missed events, oldest first; empty when not recovered.
    pub events: Vec<LogEvent>,
}

/// One refused channel of a `sub` of several.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct NotSubscribed {
    /// The channel.
    pub ch: ChannelId,
    /// Why.
    pub err: WireError,
}

/// An item of the answer to `sub`.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub enum SubResult {
    /// Subscribed.
    Done(Subscribed),
    /// Refused, the others of the same command stand.
    Refused(NotSubscribed),
}
