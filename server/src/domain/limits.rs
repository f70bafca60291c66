//! Every fixed limit of the product in one place, each with its reason.
//!
//! Owns constants only. What an operator may change is configuration and lives with its floor.

use std::time::Duration;

/// Largest frame a client may send, in bytes: a message of 2,000 four-byte characters fits four times.
pub const CLIENT_FRAME_BYTES: usize = 32 * 1024;
/// Commands of one session that may wait for an answer before the server stops reading.
pub const OUTSTANDING_COMMANDS: usize = 32;
/// Frames queued for one session; past it typing and presence are dropped, then the session closes with 4002.
pub const OUTBOX_FRAMES: usize = 256;
/// Bytes queued for one session, for the same reason and with the same effect as [`OUTBOX_FRAMES`].
pub const OUTBOX_BYTES: usize = 1024 * 1024;
/// Buffer of one socket in each direction, in bytes: 10,000 idle sessions must fit in 120 MB.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024;
/// `SO_SNDBUF`: a stalled reader may pin this much kernel memory, not the default 3.9 MB.
pub const SOCKET_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Sessions of one user at once; the next closes with 4006.
pub const SESSIONS_PER_USER: usize = 20;
/// Time for the first `auth` frame where the upgrade carried no credential.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// Events that `sub` replays; a longer gap is for `/sync`.
pub const SUB_REPLAY_EVENTS: u32 = 300;
/// Channels named by one `sub`: every channel of several full rooms.
pub const SUB_CHANNELS: usize = 128;
/// Events of one `/sync` page.
pub const SYNC_MAX: u32 = 500;
/// Above this many online members of a room only the count is told.
pub const PRESENCE_NAMES: usize = 100;
/// Members on one page of a member list.
pub const MEMBERS_PAGE: u32 = 200;
/// Channels of a room: the letters `a` to `z`.
pub const CHANNELS_PER_ROOM: usize = 26;
/// Rooms one user may own: a bound against abuse, far above use.
pub const ROOMS_PER_USER: u32 = 100;
/// Live invites of one room.
pub const INVITES_PER_ROOM: u32 = 100;
/// Mentioned users stored for one message.
pub const MENTIONS_PER_MESSAGE: usize = 50;
/// Sign-in attempts a minute for one pair of address and name; the next answers 429.
pub const AUTH_ATTEMPTS_PER_MINUTE: u32 = 10;
/// The same for one address whatever the name, so that trying many names is bounded too.
pub const AUTH_ATTEMPTS_PER_ADDRESS_PER_MINUTE: u32 = 60;
/// REST requests of one user in 10 s that change something, messages apart: each may be told to whole rooms, and 256 told
/// at once close who reads slowly.
pub const WRITES_PER_10S: u32 = 60;
/// `sub` commands of one session in 10 s: a client needs one when it comes and one for each channel it opens, and each may
/// read hundreds of events.
pub const SUBS_PER_10S: u32 = 30;
/// Largest REST body, in bytes.
pub const BODY_BYTES: usize = 64 * 1024;
/// Commands queued for one room task; a full queue stops the sessions that feed it.
pub const ROOM_QUEUE: usize = 1024;
/// Durable writes in one commit: one fsync is shared by this many at most.
pub const COMMIT_BATCH: usize = 1024;
/// Durable writes waiting for the writer; past it a send answers `unavailable`.
pub const WRITE_QUEUE: usize = 8 * 1024;
/// A `typing` notice of one person and channel is passed on at most this often.
pub const TYPING_INTERVAL: Duration = Duration::from_secs(2);
/// A repeated refresh token gets its unused successor within this time (two tabs, a lost answer).
pub const REFRESH_GRACE: Duration = Duration::from_secs(10);
/// An idle room task ends after this long without a session.
pub const ROOM_IDLE: Duration = Duration::from_secs(60);
