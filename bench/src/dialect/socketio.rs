//! Socket.IO 4 over its WebSocket transport (Engine.IO 4), text packets only.
//!
//! Owns the packet types that a plain room needs: open, connect, event, acknowledgement, ping.

use super::{Dialect, Incoming, peer_message};
use crate::{frame, stamp};

/// One connection to `/socket.io/?EIO=4&transport=websocket`.
#[derive(Debug)]
pub(crate) struct Socketio;

impl Dialect for Socketio {
    fn opcode(&self) -> u8 {
        frame::TEXT
    }

    fn decode(&mut self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>)) {
        match payload {
            // Engine.IO open: answer with a connect to the main namespace.
            [b'0', ..] => take(Incoming::Reply(b"40".to_vec())),
            b"2" => take(Incoming::Reply(b"3".to_vec())),
            [b'4', b'0', ..] => take(Incoming::Ready),
            [b'4', b'2', ..] => take(Incoming::Delivery { seq: None, frame: payload }),
            [b'4', b'3', rest @ ..] => match stamp::number(rest) {
                Some((id, _)) => take(Incoming::Answer { id, seq: None }),
                None => take(Incoming::Refused { reason: "an acknowledgement without a number".to_owned() }),
            },
            _ => take(Incoming::Refused { reason: "an unknown packet".to_owned() }),
        }
    }

    fn publish(&mut self, id: u64, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(r#"42{id}["send",{}]"#, peer_message(id, text)).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{STAMP, decode, publish},
        *,
    };

    #[test]
    fn packets_of_the_server() {
        assert_eq!(decode(&mut Socketio, br#"0{"sid":"x","pingInterval":25000}"#), ["reply 40"]);
        assert_eq!(decode(&mut Socketio, br#"40{"sid":"y"}"#), ["ready"]);
        assert_eq!(decode(&mut Socketio, b"2"), ["reply 3"]);
        assert_eq!(decode(&mut Socketio, b"4312[true]"), ["answer 12 None"]);
        let delivery = format!(r#"42["message.new",{}]"#, peer_message(1, &STAMP.text(90)));
        assert_eq!(decode(&mut Socketio, delivery.as_bytes()), ["delivery None Some(7)"]);
        assert_eq!(decode(&mut Socketio, b"44{}"), ["refused an unknown packet"]);
    }

    #[test]
    fn a_send_is_an_event_with_an_acknowledgement_id() {
        let packet = publish(&mut Socketio, 12, "hi");
        let value: serde_json::Value = serde_json::from_str(packet.strip_prefix("4212").unwrap()).unwrap();
        assert_eq!((&value[0], &value[1]["text"]), (&"send".into(), &"hi".into()));
    }
}
