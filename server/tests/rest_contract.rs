//! REST and the upgrade to WebSocket through a real listener, as a client sees them.
//!
//! Owns what every route promises, to whom, and what no answer and no log line may say. Never calls a handler directly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

#[path = "rest_contract/world.rs"]
mod world;

#[path = "rest_contract/access.rs"]
mod access;
#[path = "rest_contract/account.rs"]
mod account;
#[path = "rest_contract/files.rs"]
mod files;
#[path = "rest_contract/headers.rs"]
mod headers;
#[path = "rest_contract/input.rs"]
mod input;
#[path = "rest_contract/openapi.rs"]
mod openapi;
#[path = "rest_contract/rooms.rs"]
mod rooms;
#[path = "rest_contract/sign_in.rs"]
mod sign_in;
#[path = "rest_contract/socket.rs"]
mod socket;
#[path = "rest_contract/tokens.rs"]
mod tokens;
