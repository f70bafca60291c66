//! What `peers/ws.js` speaks.
//!
//! Owns its two frames. The server does no more than parse a send, broadcast it and answer.

use super::{Dialect, Incoming, peer_message};
use crate::{frame, stamp};

/// One connection to `/subscribe` or `/publish`.
#[derive(Debug)]
pub(crate) struct Ws;

impl Dialect for Ws {
    fn opcode(&self) -> u8 {
        frame::TEXT
    }

    fn decode(&mut self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>)) {
        if payload.starts_with(br#"{"ev":"message.new""#) {
            take(Incoming::Delivery { seq: None, frame: payload });
        } else if payload.starts_with(br#"{"ev":"hello""#) {
            take(Incoming::Ready);
        } else if let Some((id, _)) = payload.strip_prefix(br#"{"id":"#).and_then(stamp::number) {
            take(Incoming::Answer { id, seq: None });
        } else {
            take(Incoming::Refused { reason: "an unknown frame".to_owned() });
        }
    }

    fn publish(&mut self, id: u64, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(r#"{{"id":{id},"d":{}}}"#, peer_message(id, text)).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{STAMP, decode, publish},
        *,
    };

    #[test]
    fn frames_of_the_server() {
        assert_eq!(decode(&mut Ws, br#"{"ev":"hello"}"#), ["ready"]);
        assert_eq!(decode(&mut Ws, br#"{"id":12,"ok":true}"#), ["answer 12 None"]);
        let delivery = format!(r#"{{"ev":"message.new","d":{}}}"#, peer_message(1, &STAMP.text(90)));
        assert_eq!(decode(&mut Ws, delivery.as_bytes()), ["delivery None Some(7)"]);
        assert_eq!(decode(&mut Ws, b"?"), ["refused an unknown frame"]);
    }

    #[test]
    fn a_send_is_json() {
        let value: serde_json::Value = serde_json::from_str(&publish(&mut Ws, 12, "hi")).unwrap();
        assert_eq!((&value["id"], &value["d"]["text"]), (&12.into(), &"hi".into()));
    }
}
