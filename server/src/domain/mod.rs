//! Floor 0: ids, names, roles, the wire protocol and the rules of a room.
//!
//! Owns what is true whatever carries it. Never touches tokio, SQL, HTTP or a clock:
//! time comes in as a [`Timestamp`], randomness as ready-made ids.

pub mod access;
pub mod ids;
pub mod limits;
pub mod mention;
pub mod names;
pub mod rate;
pub mod room;
pub mod timestamp;
pub mod wire;

pub use access::{Action, Role};
pub use ids::{AuthSessionId, ChannelId, MessageId, RoomId, UserId};
pub use names::{
    ChannelLetter, ChannelName, DisplayName, IdempotencyKey, InviteToken, MessageText, NameError, Password, RoomTitle,
    Slug, Topic, Username,
};
pub use timestamp::Timestamp;
