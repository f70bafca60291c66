//! One WebSocket text frame, encoded once and shared by every session it goes to.
//!
//! Owns the bytes as they go over the wire (RFC 6455 section 5.2: a server's frames are not masked, so they are the same
//! for everybody). Never knows who gets it.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{
    ChannelId, RoomId,
    wire::{
        Answer, LogEvent, Refusal, WireError,
        event::{Event, Frame as EventFrame},
    },
};

/// What may happen to a frame when its reader is slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Never left out.
    Durable,
    /// Never left out, and bounded by the number of commands rather than by the queue.
    Answer,
    /// May be left out.
    Typing,
    /// May be left out; the whole state of this room follows later.
    Presence(RoomId),
}

impl Class {
    /// Whether a slow reader may miss it.
    pub(super) fn is_passing(self) -> bool {
        matches!(self, Class::Typing | Class::Presence(_))
    }
}

/// A frame ready to be written.
#[derive(Debug)]
pub(super) struct Frame {
    buffer: Box<[u8]>,
    /// The header takes 2 to 10 bytes before the payload; what is not needed of them stays unused.
    start: u8,
    pub(super) class: Class,
    /// The log entry it carries.
    pub(super) entry: Option<(ChannelId, u64)>,
}

/// FIN and the opcode of text.
const TEXT: u8 = 0x81;
/// The longest header of an unmasked frame.
const HEADER: usize = 10;

impl Frame {
    /// Header and payload.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(usize::from(self.start)..).unwrap_or_default()
    }

    /// Bytes on the wire.
    pub(super) fn len(&self) -> usize {
        self.buffer.len().saturating_sub(usize::from(self.start))
    }

    fn encode(value: &impl Serialize, class: Class, entry: Option<(ChannelId, u64)>) -> Option<Arc<Self>> {
        let mut buffer = Vec::with_capacity(512);
        buffer.resize(HEADER, 0);
        if let Err(error) = serde_json::to_writer(&mut buffer, value) {
            // Every type of the protocol can be written; this is a defect, and its readers must not go on unaware.
            tracing::error!(%error, "a frame could not be encoded");
            return None;
        }
        let payload = buffer.len().saturating_sub(HEADER);
        let (start, header): (u8, Vec<u8>) = match (u8::try_from(payload), u16::try_from(payload)) {
            (Ok(short @ 0..126), _) => (8, vec![TEXT, short]),
            (_, Ok(medium)) => (6, [&[TEXT, 126][..], &medium.to_be_bytes()].concat()),
            _ => (0, [&[TEXT, 127][..], &(payload as u64).to_be_bytes()].concat()),
        };
        for (place, byte) in buffer.iter_mut().skip(usize::from(start)).zip(header) {
            *place = byte;
        }
        Some(Arc::new(Self { buffer: buffer.into_boxed_slice(), start, class, entry }))
    }

    /// A log entry.
    pub(super) fn entry(event: &LogEvent) -> Option<Arc<Self>> {
        Self::encode(event, Class::Durable, Some((event.ch, event.seq)))
    }

    /// A passing event, about `channel` where it is about one.
    pub(super) fn event(event: &Event, channel: Option<ChannelId>) -> Option<Arc<Self>> {
        let class = match event {
            Event::Typing { .. } | Event::Ping => Class::Typing,
            Event::Presence { room, .. } => Class::Presence(*room),
            Event::PresenceState(state) => Class::Presence(state.room()),
            _ => Class::Durable,
        };
        Self::encode(&EventFrame { ch: channel, event }, class, None)
    }

    /// The answer to command `id`.
    pub(super) fn answer(id: u64, ok: &impl Serialize) -> Option<Arc<Self>> {
        Self::encode(&Answer { id, ok }, Class::Answer, None)
    }

    /// The refusal of command `id`.
    pub(super) fn refusal(id: u64, err: &WireError) -> Option<Arc<Self>> {
        Self::encode(&Refusal { id, err }, Class::Answer, None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{FrameSocket, coding::Data, coding::OpCode};

    use super::*;

    proptest! {
        #[test]
        fn another_codec_reads_what_this_one_writes(length in prop_oneof![0usize..300, 65_500usize..65_560]) {
            let text = "x".repeat(length);
            let frame = Frame::answer(7, &text).unwrap();
            prop_assert_eq!(frame.len(), frame.bytes().len());
            let mut socket = FrameSocket::new(std::io::Cursor::new(frame.bytes().to_vec()));
            let read = socket.read(None).unwrap().unwrap();
            prop_assert!(read.header().is_final && read.header().opcode == OpCode::Data(Data::Text));
            let expected = format!("{{\"id\":7,\"ok\":\"{text}\"}}");
            prop_assert_eq!(read.payload(), expected.as_bytes());
            prop_assert!(socket.read(None).unwrap().is_none(), "nothing after it");
        }
    }
}
