//! The NATS client protocol inside binary WebSocket messages.
//!
//! Owns INFO, CONNECT, SUB, PUB, MSG, PING and PONG. It is a byte stream: one WebSocket message may hold many
//! operations or a part of one.

use std::collections::VecDeque;

use memchr::memchr;

use super::{Dialect, Incoming, Part, peer_message};
use crate::{frame, stamp};

/// The subject that stands for the room.
const SUBJECT: &str = "room";
/// Longest control line taken: NATS itself allows 4 KiB and its INFO stays below.
const LINE_BYTES: usize = 8 * 1024;

/// One connection.
#[derive(Debug)]
pub(crate) struct Nats {
    part: Part,
    rest: Vec<u8>,
    /// Sends whose PONG has not come; NATS answers PINGs in order, after what was published before them.
    unanswered: VecDeque<u64>,
    set_up: bool,
}

impl Nats {
    /// A connection before its first byte.
    #[must_use]
    pub(crate) fn new(part: Part) -> Self {
        Self { part, rest: Vec::new(), unanswered: VecDeque::new(), set_up: false }
    }

    fn greeting(&self) -> Vec<u8> {
        let mut greeting = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"echo\":true}\r\n".to_vec();
        if self.part == Part::Subscriber {
            greeting.extend_from_slice(format!("SUB {SUBJECT} 1\r\n").as_bytes());
        }
        greeting.extend_from_slice(b"PING\r\n");
        greeting
    }

    /// Reads one operation; returns the bytes it took, or `None` while it is not all there.
    fn operation(&mut self, bytes: &[u8], take: &mut dyn FnMut(Incoming<'_>)) -> Option<usize> {
        let Some(newline) = memchr(b'\n', bytes) else {
            if bytes.len() > LINE_BYTES {
                take(Incoming::Refused { reason: "a control line without end".to_owned() });
            }
            return None;
        };
        let (line, after) = bytes.split_at_checked(newline + 1)?;
        let line = line.trim_ascii_end();
        if line.starts_with(b"MSG ") {
            let length = line.rsplit(|byte| *byte == b' ').next().and_then(stamp::number);
            let Some(length) = length.and_then(|(length, _)| usize::try_from(length).ok()) else {
                take(Incoming::Refused { reason: "a MSG without length".to_owned() });
                return Some(newline + 1);
            };
            let whole = length.saturating_add(2);
            let payload = after.get(..whole)?;
            take(Incoming::Delivery { seq: None, frame: payload });
            return Some(newline + 1 + whole);
        }
        match line {
            b"PING" => take(Incoming::Reply(b"PONG\r\n".to_vec())),
            b"PONG" if !self.set_up => {
                self.set_up = true;
                take(Incoming::Ready);
            }
            b"PONG" => match self.unanswered.pop_front() {
                Some(id) => take(Incoming::Answer { id, seq: None }),
                None => take(Incoming::Refused { reason: "a PONG too many".to_owned() }),
            },
            _ if line.starts_with(b"INFO ") => {
                // A later INFO only tells of the cluster.
                if !self.set_up {
                    take(Incoming::Reply(self.greeting()));
                }
            }
            other => take(Incoming::Refused { reason: String::from_utf8_lossy(other).into_owned() }),
        }
        Some(newline + 1)
    }
}

impl Dialect for Nats {
    fn opcode(&self) -> u8 {
        frame::BINARY
    }

    fn decode(&mut self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>)) {
        let mut kept = std::mem::take(&mut self.rest);
        let whole = if kept.is_empty() {
            payload
        } else {
            kept.extend_from_slice(payload);
            &kept[..]
        };
        let mut rest = whole;
        while let Some(taken) = self.operation(rest, take) {
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.rest = rest.to_vec();
    }

    fn publish(&mut self, id: u64, text: &str, out: &mut Vec<u8>) {
        let message = format!(r#"{{"ev":"message.new","d":{}}}"#, peer_message(id, text));
        out.extend_from_slice(format!("PUB {SUBJECT} {}\r\n{message}\r\nPING\r\n", message.len()).as_bytes());
        self.unanswered.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{STAMP, decode, publish},
        *,
    };

    fn set_up(part: Part) -> Nats {
        let mut nats = Nats::new(part);
        assert_eq!(decode(&mut nats, b"PONG\r\n"), ["ready"]);
        nats
    }

    #[test]
    fn the_greeting_subscribes_only_subscribers() {
        let greeting = decode(&mut Nats::new(Part::Subscriber), b"INFO {\"a\":1}\r\n").concat();
        assert!(greeting.contains("SUB room 1\r\nPING\r\n"), "{greeting}");
        let greeting = decode(&mut Nats::new(Part::Publisher), b"INFO {\"a\":1}\r\n").concat();
        assert!(greeting.starts_with("reply CONNECT {") && !greeting.contains("SUB"), "{greeting}");
    }

    #[test]
    fn operations_cut_anywhere_are_put_together() {
        let message = peer_message(1, &STAMP.text(90));
        let stream = format!("MSG room 1 {}\r\n{message}\r\nPING\r\nMSG room 1 2\r\nab\r\n", message.len());
        let expected = ["delivery None Some(7)", "reply PONG\r\n", "delivery None None"];
        for cut in 0..stream.len() {
            let mut nats = set_up(Part::Subscriber);
            let (head, tail) = stream.as_bytes().split_at(cut);
            let mut seen = decode(&mut nats, head);
            seen.extend(decode(&mut nats, tail));
            assert_eq!(seen, expected, "cut at {cut}");
        }
    }

    #[test]
    fn pongs_answer_sends_in_order() {
        let mut nats = set_up(Part::Publisher);
        assert!(publish(&mut nats, 1, "hi").ends_with("\r\nPING\r\n"));
        publish(&mut nats, 2, "hi");
        assert_eq!(decode(&mut nats, b"PONG\r\nPONG\r\n"), ["answer 1 None", "answer 2 None"]);
        assert_eq!(decode(&mut nats, b"PONG\r\n"), ["refused a PONG too many"]);
    }

    #[test]
    fn errors_are_refusals() {
        assert_eq!(
            decode(&mut set_up(Part::Subscriber), b"-ERR 'Slow Consumer'\r\n"),
            ["refused -ERR 'Slow Consumer'"]
        );
    }
}
