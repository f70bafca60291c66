//! What each measured server speaks inside WebSocket messages.
//!
//! Owns the trait and one dialect per server. A dialect turns payloads into [`Incoming`] and sends into payloads; it
//! never touches a socket, so that every server is driven by the same client code.

mod charge;
mod nats;
mod socketio;
mod ws;

pub(crate) use charge::Charge;
pub(crate) use nats::Nats;
pub(crate) use socketio::Socketio;
pub(crate) use ws::Ws;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Gets every message.
    Subscriber,
    /// Sends, and gets answers only.
    Publisher,
}

/// What a payload meant.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Incoming<'a> {
    /// The connection is set up: a subscriber now gets everything, a publisher may send.
    Ready,
    /// A message; `seq` where the server numbers them.
    Delivery {
        /// The server's number of it.
        seq: Option<u64>,
        /// The bytes that hold the stamp.
        frame: &'a [u8],
    },
    /// The server took the send of that id.
    Answer {
        /// Which send.
        id: u64,
        /// The server's number of the message, where it gives one.
        seq: Option<u64>,
    },
    /// The server did not take a send, or said something that has no place in a measurement.
    Refused {
        /// Its words.
        reason: String,
    },
    /// To be sent back at once.
    Reply(Vec<u8>),
}

/// One connection's end of a server's protocol.
pub(crate) trait Dialect: Send {
    /// The opcode of what the client sends.
    fn opcode(&self) -> u8;

    /// Reads one WebSocket message, which may mean nothing or several things.
    fn decode(&mut self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>));

    /// The payload that sends `text` to all subscribers and asks for an answer to `id`, appended to `out`. Ids of one
    /// connection rise by one.
    fn publish(&mut self, id: u64, text: &str, out: &mut Vec<u8>);
}

/// A message as a peer's subscribers get it: the fields and the size of Charge's own, made by the sending client because
/// the peers make none.
fn peer_message(id: u64, text: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"01999999-9999-7999-8999-{:012x}","seq":{},"channel":"01999999-9999-7999-8999-999999999999","#,
            r#""author":{{"id":"01999999-9999-7999-8999-888888888888","name":"Guest 0"}},"text":"{}","reply_to":null,"#,
            r#""created_at":"2025-01-01T00:00:00.000000Z","edited_at":null,"deleted":false,"reactions":[],"#,
            r#""mentions":[],"pinned":false}}"#
        ),
        id, id, text
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;

    /// Everything a dialect makes of one payload, with deliveries as owned bytes.
    pub(super) fn decode(dialect: &mut dyn Dialect, payload: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        dialect.decode(payload, &mut |incoming| {
            seen.push(match incoming {
                Incoming::Delivery { seq, frame } => {
                    format!("delivery {seq:?} {:?}", Stamp::find(frame).map(|stamp| stamp.number))
                }
                Incoming::Reply(bytes) => format!("reply {}", String::from_utf8(bytes).unwrap()),
                Incoming::Ready => "ready".to_owned(),
                Incoming::Answer { id, seq } => format!("answer {id} {seq:?}"),
                Incoming::Refused { reason } => format!("refused {reason}"),
            });
        });
        seen
    }

    pub(super) fn publish(dialect: &mut dyn Dialect, id: u64, text: &str) -> String {
        let mut out = Vec::new();
        dialect.publish(id, text, &mut out);
        String::from_utf8(out).unwrap()
    }

    pub(super) const STAMP: Stamp = Stamp { phase: 1, publisher: 0, number: 7, sent_ns: 5 };

    #[test]
    fn a_peer_message_is_json_and_carries_the_stamp() {
        let message = peer_message(7, &STAMP.text(100));
        let value: serde_json::Value = serde_json::from_str(&message).unwrap();
        assert_eq!(value["seq"], 7);
        assert_eq!(Stamp::find(message.as_bytes()), Some(STAMP));
    }
}
