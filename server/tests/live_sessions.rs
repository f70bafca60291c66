//! The live floor through its own surface: real store, real WebSocket frames over a pipe in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "live_sessions/world.rs"]
mod world;

#[path = "live_sessions/chat.rs"]
mod chat;
#[path = "live_sessions/closes.rs"]
mod closes;
#[path = "live_sessions/doors.rs"]
mod doors;
#[path = "live_sessions/errors.rs"]
mod errors;
#[path = "live_sessions/frames.rs"]
mod frames;
#[path = "live_sessions/hostile.rs"]
mod hostile;
#[path = "live_sessions/load.rs"]
mod load;
#[path = "live_sessions/presence.rs"]
mod presence;
#[path = "live_sessions/resume.rs"]
mod resume;
#[path = "live_sessions/rooms.rs"]
mod rooms;
