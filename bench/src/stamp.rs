//! The stamp inside every message text: phase, publisher, number, time of sending.
//!
//! Owns its form and the clock it uses. Never decides what a missing number means.

use std::{sync::OnceLock, time::Instant};

use memchr::memmem;

/// What precedes a stamp in a frame of any of the measured servers.
const MARK: &[u8] = b"\"text\":\"b:";

/// What a subscriber reads out of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    /// 0 while warming up, 1 while measuring.
    pub(crate) phase: u64,
    /// Which publisher sent it.
    pub(crate) publisher: u64,
    /// Its number among the publisher's messages of both phases, from 0, without gaps.
    pub(crate) number: u64,
    /// When, on [`now_ns`]'s clock.
    pub(crate) sent_ns: u64,
}

impl Stamp {
    /// The message text: the stamp, filled up to `length` bytes.
    #[must_use]
    pub(crate) fn text(&self, length: usize) -> String {
        let mut text = format!("b:{}:{}:{}:{}:", self.phase, self.publisher, self.number, self.sent_ns);
        while text.len() < length {
            text.push('x');
        }
        text
    }

    /// The stamp of a delivered frame.
    #[must_use]
    pub(crate) fn find(frame: &[u8]) -> Option<Self> {
        static FINDER: OnceLock<memmem::Finder<'static>> = OnceLock::new();
        let finder = FINDER.get_or_init(|| memmem::Finder::new(MARK));
        let start = finder.find(frame)? + MARK.len();
        let mut rest = frame.get(start..)?;
        let mut next = || {
            let (value, after) = number(rest)?;
            rest = after.strip_prefix(b":")?;
            Some(value)
        };
        Some(Self { phase: next()?, publisher: next()?, number: next()?, sent_ns: next()? })
    }
}

/// Nanoseconds since this process first asked: one clock for senders and receivers.
#[must_use]
pub(crate) fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The decimal number `bytes` start with, and what follows it.
#[must_use]
pub(crate) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let (head, rest) = bytes.split_at_checked(digits)?;
    let value = head.iter().try_fold(0u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')))?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { phase: 1, publisher: 3, number: 70, sent_ns: 123_456_789 };

    #[test]
    fn a_stamp_is_found_in_a_frame() {
        let frame = format!(r#"{{"ev":"message.new","seq":9,"d":{{"text":"{}","deleted":false}}}}"#, STAMP.text(100));
        assert_eq!(Stamp::find(frame.as_bytes()), Some(STAMP));
    }

    #[test]
    fn the_text_has_the_length_asked_for() {
        assert_eq!(STAMP.text(100).len(), 100);
        assert!(STAMP.text(0).ends_with(':'));
    }

    #[test]
    fn other_texts_are_no_stamps() {
        for other in [r#"{"text":"hi"}"#, r#"{"text":"b:1:2:x"#, r#"{"text":"b:1:2:3:4"}"#, ""] {
            assert_eq!(Stamp::find(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn numbers_stop_at_the_first_other_byte_and_never_overflow() {
        assert_eq!(number(b"42,"), Some((42, &b","[..])));
        assert_eq!(number(b","), None);
        assert_eq!(number(b"99999999999999999999999"), None);
    }

    #[test]
    fn the_clock_does_not_go_back() {
        let first = now_ns();
        assert!(now_ns() >= first);
    }
}
