//! Charge's own grammar: `{"ev":...}`, `{"id":...,"ok":...}`, `{"op":...}`.
//!
//! Owns the part of it that a load client needs. Frequent frames are read by their first bytes; everything else goes
//! through a JSON parser, so that a change in the order of fields costs speed, not correctness.

use std::sync::OnceLock;

use memchr::memmem;
use serde_json::Value;

use super::{Dialect, Incoming, Part};
use crate::{frame, stamp};

/// Where an event's name must end to be found without a JSON parser: after a channel id and a seq.
const HEAD_BYTES: usize = 128;

/// One connection to `/ws/text/{channel}` (subscriber) or `/ws` (publisher).
#[derive(Debug)]
pub(crate) struct Charge {
    part: Part,
    channel: String,
    connection: usize,
}

impl Charge {
    /// `connection` tells idempotency keys of different connections apart.
    #[must_use]
    pub(crate) fn new(part: Part, channel: String, connection: usize) -> Self {
        Self { part, channel, connection }
    }

    fn decode_rare(&self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>)) {
        let Ok(value) = serde_json::from_slice::<Value>(payload) else {
            take(Incoming::Refused { reason: "not JSON".to_owned() });
            return;
        };
        if let Some(id) = value.get("id").and_then(Value::as_u64) {
            match value.get("ok") {
                Some(ok) => take(Incoming::Answer { id, seq: ok.get("seq").and_then(Value::as_u64) }),
                None => take(Incoming::Refused { reason: reason(&value) }),
            }
            return;
        }
        match (value.get("ev").and_then(Value::as_str), self.part) {
            (Some("hello"), Part::Publisher) | (Some("subscribed"), Part::Subscriber) => take(Incoming::Ready),
            (Some("message.new"), Part::Subscriber) => {
                take(Incoming::Delivery { seq: value.get("seq").and_then(Value::as_u64), frame: payload });
            }
            (Some("ping"), _) => take(Incoming::Reply(br#"{"op":"pong"}"#.to_vec())),
            (None, _) => take(Incoming::Refused { reason: reason(&value) }),
            // Presence, unread and the like are not what is measured.
            (Some(_), _) => {}
        }
    }
}

impl Dialect for Charge {
    fn opcode(&self) -> u8 {
        frame::TEXT
    }

    fn decode(&mut self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>)) {
        if self.part == Part::Subscriber && is_new_message(payload) {
            take(Incoming::Delivery { seq: seq(payload), frame: payload });
        } else if let Some((id, seq)) = answer(payload) {
            take(Incoming::Answer { id, seq: Some(seq) });
        } else {
            self.decode_rare(payload, take);
        }
    }

    fn publish(&mut self, id: u64, text: &str, out: &mut Vec<u8>) {
        let Self { channel, connection, .. } = self;
        out.extend_from_slice(
            format!(r#"{{"id":{id},"op":"send","ch":"{channel}","d":{{"key":"{connection}-{id}","text":"{text}"}}}}"#)
                .as_bytes(),
        );
    }
}

/// Whether these are the first bytes of a `message.new`, with or without its channel and seq before the name.
fn is_new_message(payload: &[u8]) -> bool {
    static FINDER: OnceLock<memmem::Finder<'static>> = OnceLock::new();
    const NAME: &[u8] = br#""ev":"message.new","#;
    let head = payload.get(..HEAD_BYTES).unwrap_or(payload);
    match payload {
        [b'{', b'"', b'e', ..] => head.get(1..).is_some_and(|rest| rest.starts_with(NAME)),
        [b'{', b'"', b'c', b'h', ..] => FINDER.get_or_init(|| memmem::Finder::new(NAME)).find(head).is_some(),
        _ => false,
    }
}

/// `{"id":3,"ok":{"seq":45,` as id and seq.
fn answer(payload: &[u8]) -> Option<(u64, u64)> {
    let (id, rest) = stamp::number(payload.strip_prefix(br#"{"id":"#)?)?;
    let (seq, _) = stamp::number(rest.strip_prefix(br#","ok":{"seq":"#)?)?;
    Some((id, seq))
}

/// The first seq of a frame: the frame's own and the message's are the same number.
fn seq(payload: &[u8]) -> Option<u64> {
    static FINDER: OnceLock<memmem::Finder<'static>> = OnceLock::new();
    const MARK: &[u8] = br#""seq":"#;
    let start = FINDER.get_or_init(|| memmem::Finder::new(MARK)).find(payload)? + MARK.len();
    stamp::number(payload.get(start..)?).map(|(seq, _)| seq)
}

/// Code and message of a refusal.
fn reason(value: &Value) -> String {
    let word = |name| value.get("err").and_then(|err| err.get(name)).and_then(Value::as_str).unwrap_or("-");
    format!("{}: {}", word("code"), word("message"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{STAMP, decode, publish},
        *,
    };

    fn subscriber() -> Charge {
        Charge::new(Part::Subscriber, "c1".to_owned(), 4)
    }

    fn publisher() -> Charge {
        Charge::new(Part::Publisher, "c1".to_owned(), 4)
    }

    #[test]
    fn deliveries_by_either_path() {
        let text = STAMP.text(80);
        let fast = format!(r#"{{"ev":"message.new","ch":"c1","seq":45,"d":{{"id":"m","seq":45,"text":"{text}"}}}}"#);
        let flat = format!(r#"{{"ch":"c1","seq":45,"ev":"message.new","d":{{"id":"m","seq":45,"text":"{text}"}}}}"#);
        assert!(is_new_message(fast.as_bytes()) && is_new_message(flat.as_bytes()));
        let slow = format!(r#"{{"seq":45,"d":{{"text":"{text}"}},"ch":"c1","ev":"message.new"}}"#);
        for frame in [fast, flat, slow] {
            assert_eq!(decode(&mut subscriber(), frame.as_bytes()), ["delivery Some(45) Some(7)"], "{frame}");
        }
    }

    #[test]
    fn other_events_are_not_taken_for_messages() {
        for other in [r#"{"ev":"subscribed","d":[{"ev":"message.new","d":{}}]}"#, r#"{"ch":"c1","ev":"typing","d":{}}"#]
        {
            assert!(!is_new_message(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn answers_by_either_path() {
        for frame in [r#"{"id":3,"ok":{"seq":45,"message":{}}}"#, r#"{"ok":{"message":{},"seq":45},"id":3}"#] {
            assert_eq!(decode(&mut publisher(), frame.as_bytes()), ["answer 3 Some(45)"], "{frame}");
        }
    }

    #[test]
    fn refusals_carry_their_reason() {
        let frame = br#"{"id":9,"err":{"code":"rate_limited","message":"slow down","retry_ms":800}}"#;
        assert_eq!(decode(&mut publisher(), frame), ["refused rate_limited: slow down"]);
        assert_eq!(decode(&mut publisher(), b"x"), ["refused not JSON"]);
    }

    #[test]
    fn each_part_is_ready_when_its_door_is_open() {
        let hello = br#"{"ev":"hello","d":{"v":1,"session":"s1"}}"#;
        let subscribed = br#"{"ev":"subscribed","d":[{"ch":"c1","epoch":"e","head":0}]}"#;
        assert_eq!(decode(&mut publisher(), hello), ["ready"]);
        assert!(decode(&mut subscriber(), hello).is_empty());
        assert_eq!(decode(&mut subscriber(), subscribed), ["ready"]);
    }

    #[test]
    fn pings_are_answered_and_presence_is_passed_over() {
        assert_eq!(decode(&mut publisher(), br#"{"ev":"ping"}"#), [r#"reply {"op":"pong"}"#]);
        assert!(decode(&mut subscriber(), br#"{"ev":"presence","d":{}}"#).is_empty());
    }

    #[test]
    fn sends_are_json_with_a_key_of_their_own() {
        let first: Value = serde_json::from_str(&publish(&mut publisher(), 1, "hi")).unwrap();
        let second: Value = serde_json::from_str(&publish(&mut publisher(), 2, "hi")).unwrap();
        assert_eq!((&first["op"], &first["ch"], &first["d"]["text"]), (&"send".into(), &"c1".into(), &"hi".into()));
        assert_ne!(first["d"]["key"], second["d"]["key"]);
    }
}
