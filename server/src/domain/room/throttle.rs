//! How often one person may do one thing in one channel.
//!
//! Owns the buckets and forgets those that are full again. Never decides what a refusal says.

use std::collections::HashMap;

use super::Ask;
use crate::domain::{
    ChannelId, Timestamp, UserId,
    limits::TYPING_INTERVAL,
    rate::{Bucket, Rate},
};

/// Entries beyond which the full buckets are looked for; grows with what is left, so that the search stays cheap.
const FORGET_FROM: usize = 256;

pub(super) struct Throttle {
    rate: Rate,
    /// Sends, and apart from them all other writes, so that a flood of reactions does not silence its sender.
    buckets: HashMap<(UserId, ChannelId, bool), Bucket>,
    typing: HashMap<(UserId, ChannelId), Timestamp>,
    forget_from: usize,
}

impl Throttle {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, buckets: HashMap::new(), typing: HashMap::new(), forget_from: FORGET_FROM }
    }

    /// Takes a token, or says in how many milliseconds there is one.
    pub(super) fn write(&mut self, user: UserId, channel: ChannelId, ask: &Ask, now: Timestamp) -> Result<(), u64> {
        let is_send = matches!(ask, Ask::Send { .. });
        if self.rate.burst > 0 {
            self.forget(now);
            self.buckets.entry((user, channel, is_send)).or_default().take(self.rate, now)?;
        }
        if is_send {
            // Readers take the message as the end of the typing before it, so what follows is news to them.
            self.typing.remove(&(user, channel));
        }
        Ok(())
    }

    /// Whether a typing notice is passed on.
    pub(super) fn typing(&mut self, user: UserId, channel: ChannelId, now: Timestamp) -> bool {
        self.forget(now);
        let interval = i64::try_from(TYPING_INTERVAL.as_millis()).unwrap_or(i64::MAX);
        match self.typing.get(&(user, channel)) {
            Some(last) if now >= *last && now.since(*last) < interval => false,
            _ => {
                self.typing.insert((user, channel), now);
                true
            }
        }
    }

    /// Drops what no longer matters, now and then.
    pub(super) fn forget(&mut self, now: Timestamp) {
        if self.buckets.len() + self.typing.len() < self.forget_from {
            return;
        }
        let interval = i64::try_from(TYPING_INTERVAL.as_millis()).unwrap_or(i64::MAX);
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        self.typing.retain(|_, last| now.since(*last) < interval);
        self.forget_from = FORGET_FROM.max(2 * (self.buckets.len() + self.typing.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{IdempotencyKey, MessageId, MessageText, mention::Mentions};

    #[test]
    fn forgets_what_is_full_again() {
        let mut throttle = Throttle::new(Rate { burst: 20, period_ms: 10_000 });
        let channel = ChannelId::fresh();
        for ms in 0..100_000 {
            let now = Timestamp::from_millis(ms);
            assert!(throttle.typing(UserId::fresh(), channel, now));
            assert!(throttle.buckets.len() + throttle.typing.len() <= 2 * 2_000 + FORGET_FROM);
        }
    }

    #[test]
    fn typing_passes_once_in_an_interval() {
        let mut throttle = Throttle::new(Rate { burst: 0, period_ms: 1 });
        let (user, channel) = (UserId::fresh(), ChannelId::fresh());
        let at = Timestamp::from_millis;
        assert!(throttle.typing(user, channel, at(0)));
        assert!(!throttle.typing(user, channel, at(1999)));
        assert!(throttle.typing(UserId::fresh(), channel, at(1999)));
        assert!(throttle.typing(user, ChannelId::fresh(), at(1999)));
        assert!(throttle.typing(user, channel, at(2000)));
    }

    #[test]
    fn a_message_ends_the_typing_before_it() {
        let mut throttle = Throttle::new(Rate { burst: 1, period_ms: 10_000 });
        let (user, channel) = (UserId::fresh(), ChannelId::fresh());
        let at = Timestamp::from_millis;
        let reaction = Ask::React { message: MessageId::fresh(), emoji: "x".into(), add: true };
        let send = Ask::Send {
            key: IdempotencyKey::parse("k").unwrap(),
            text: MessageText::parse("hi", 2000).unwrap(),
            reply_to: None,
            mentions: Mentions::default(),
        };
        assert!(throttle.typing(user, channel, at(0)));
        assert_eq!(throttle.write(user, channel, &reaction, at(1)), Ok(()));
        assert!(!throttle.typing(user, channel, at(2)), "a reaction is no message");
        assert_eq!(throttle.write(user, channel, &send, at(3)), Ok(()));
        assert!(throttle.typing(user, channel, at(4)));
        assert!(throttle.write(user, channel, &send, at(5)).is_err());
        assert!(!throttle.typing(user, channel, at(6)), "a refused one is no message either");
    }
}
