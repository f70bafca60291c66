//! A token bucket in 16 bytes (the generic cell rate algorithm): so much at once, so much over time.
//!
//! Owns the arithmetic. Never reads a clock and never sleeps.

use super::Timestamp;

/// How much is allowed: `burst` at once, refilled evenly over `period_ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Tokens of a full bucket; 0 means no limit.
    pub burst: u32,
    /// Milliseconds in which an empty bucket fills.
    pub period_ms: u32,
}

/// One bucket; full when new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// When the bucket will be full again, in milliseconds since the Unix epoch times [`SCALE`].
    full_at: i128,
}

/// Sub-millisecond precision, so that any burst divides any period evenly enough.
const SCALE: i128 = 1000;

impl Bucket {
    /// Takes one token at `now`.
    ///
    /// # Errors
    /// Milliseconds until the next token, when there is none.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), u64> {
        if rate.burst == 0 {
            return Ok(());
        }
        let now = i128::from(now.as_millis()) * SCALE;
        let period = i128::from(rate.period_ms) * SCALE;
        let cost = period / i128::from(rate.burst);
        // A clock that jumped back must not lock anyone out for longer than one period.
        let base = self.full_at.clamp(now, now + period);
        let next = base + cost;
        if next > now + period {
            let wait = next - now - period;
            return Err(u64::try_from((wait + SCALE - 1) / SCALE).unwrap_or(u64::MAX).max(1));
        }
        self.full_at = next;
        Ok(())
    }

    /// Whether the bucket is full at `now`, so that forgetting it changes nothing.
    #[must_use]
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at <= i128::from(now.as_millis()) * SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { burst: 20, period_ms: 10_000 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_burst_then_a_wait_then_more() {
        let mut bucket = Bucket::default();
        for _ in 0..20 {
            assert_eq!(bucket.take(RATE, at(0)), Ok(()));
        }
        assert_eq!(bucket.take(RATE, at(0)), Err(500));
        assert_eq!(bucket.take(RATE, at(499)), Err(1));
        assert_eq!(bucket.take(RATE, at(500)), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_out() {
        let mut bucket = Bucket::default();
        for _ in 0..20 {
            assert_eq!(bucket.take(RATE, at(1_000_000_000)), Ok(()));
        }
        assert!(bucket.take(RATE, at(0)).is_err_and(|wait| wait <= 500));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_plus_refill(steps in prop::collection::vec(0i64..2000, 1..400)) {
            let mut bucket = Bucket::default();
            let (mut now, mut taken) = (0i64, 0i64);
            for step in steps {
                now += step;
                if bucket.take(RATE, at(now)).is_ok() {
                    taken += 1;
                }
                prop_assert!(taken <= 20 + now * 20 / 10_000 + 1);
            }
        }

        #[test]
        fn waiting_as_told_is_enough(steps in prop::collection::vec(0i64..100, 1..200)) {
            let mut bucket = Bucket::default();
            let mut now = 0i64;
            for step in steps {
                now += step;
                if let Err(wait) = bucket.take(RATE, at(now)) {
                    now += wait as i64;
                    prop_assert_eq!(bucket.take(RATE, at(now)), Ok(()));
                }
            }
        }
    }
}
