//! Limits on signing in, per pair of address and name and per address; and the buckets for other limits of this floor.
//!
//! Owns the buckets. Never knows whether an attempt succeeded.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use super::problem::Problem;
use crate::domain::{
    Timestamp,
    rate::{Bucket, Rate},
};

/// Buckets kept of each kind: some 3 MB; past it the full ones go, then every second one.
const BUCKETS: usize = 50_000;

#[derive(Default)]
pub(crate) struct Attempts {
    names: RandomState,
    pairs: Buckets<(Source, u64)>,
    addresses: Buckets<Source>,
}

impl Attempts {
    /// Counts one attempt of `address` on `name`.
    ///
    /// # Errors
    /// Too many of them.
    pub(crate) fn take(
        &self,
        address: IpAddr,
        name: impl Hash,
        per_pair: Rate,
        per_address: Rate,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let source = Source::of(address);
        self.addresses.take(source, per_address, now).map_err(Problem::rate_limited)?;
        self.pairs.take((source, self.names.hash_one(name)), per_pair, now).map_err(Problem::rate_limited)
    }
}

/// One customer's worth of addresses: IPv4 whole, IPv6 by its /64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Source(u128);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(u128::from(v4.to_bits())),
            IpAddr::V6(v6) => Self(v6.to_bits() >> 64 << 64),
        }
    }
}

/// One bucket for each key, of bounded number.
pub(crate) struct Buckets<K>(Mutex<HashMap<K, Bucket>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq> Buckets<K> {
    /// Takes one token of `key`'s.
    ///
    /// # Errors
    /// Milliseconds until there is one.
    pub(crate) fn take(&self, key: K, rate: Rate, now: Timestamp) -> Result<(), u64> {
        if rate.burst == 0 {
            return Ok(());
        }
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= BUCKETS {
                // So many sources at once: forgetting some of them is better than refusing everybody new.
                let mut keep = false;
                buckets.retain(|_, _| {
                    keep = !keep;
                    keep
                });
            }
        }
        buckets.entry(key).or_default().take(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Rate = Rate { burst: 10, period_ms: 60_000 };
    const ADDRESS: Rate = Rate { burst: 60, period_ms: 60_000 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + ms)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ten_a_minute_for_a_pair_sixty_for_an_address() {
        let attempts = Attempts::default();
        let take = |address: &str, name: &str| attempts.take(ip(address), name, PAIR, ADDRESS, at(0)).is_ok();
        assert_eq!((0..20).filter(|_| take("203.0.113.1", "ada")).count(), 10);
        assert!(take("203.0.113.2", "ada"), "another address is not held up");
        assert_eq!((0..100).filter(|i| take("203.0.113.1", &format!("name{i}"))).count(), 40);
        assert!(attempts.take(ip("203.0.113.1"), "ada", PAIR, ADDRESS, at(6_000)).is_ok());
    }

    #[test]
    fn an_ipv6_customer_has_one_bucket() {
        let attempts = Attempts::default();
        let taken =
            (0..20).filter(|i| attempts.take(ip(&format!("2001:db8::{i:x}")), "ada", PAIR, ADDRESS, at(0)).is_ok());
        assert_eq!(taken.count(), 10);
        assert!(attempts.take(ip("2001:db8:0:1::1"), "ada", PAIR, ADDRESS, at(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for i in 0..(BUCKETS as u32 + 1000) {
            let _ = attempts.take(IpAddr::V4(i.into()), "x", PAIR, ADDRESS, at(0));
        }
        assert!(attempts.pairs.0.lock().unwrap().len() <= BUCKETS);
        assert!(attempts.addresses.0.lock().unwrap().len() <= BUCKETS);
    }
}
