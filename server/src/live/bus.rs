//! Commits on their way to the rooms.
//!
//! Owns the one reader of the store's committed batches. With several nodes this is where the others are told, and where
//! their hints come in: a room that hears of a seq it does not have reads the log
//! ([`crate::domain::room::Room::handle_committed`]).

use std::sync::Arc;

use super::{Floor, room::RoomCommand};
use crate::store::Committed;

/// Hands every committed batch to the rooms it concerns, one command for each, until the store is closed.
///
/// A room that cannot keep up makes this wait, and with it the writer: senders slow down to what can be delivered.
pub(super) async fn dispatch(floor: Arc<Floor>, mut committed: Committed) {
    while let Some(batch) = committed.recv().await {
        for (room, events) in floor.rooms.route(batch) {
            // A room that ended just now has nobody to tell, and reads the log when it starts again.
            let _ = room.send(RoomCommand::Committed(events)).await;
        }
    }
}
