//! Who is connected: the count in all and per address.
//!
//! Owns the places connections take and give back. Never touches a socket.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus::{IntCounterVec, IntGauge};

use super::Limits;
use crate::metrics::Metrics;

/// A full house is logged once in this time, with the count since: a flood must not flood the log too.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Why a connection got no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// As many as there may be in all.
    Full,
    /// As many as there may be from this address.
    Address,
}

impl Refused {
    fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
        }
    }
}

/// The count. Cheap to clone.
#[derive(Clone)]
pub(super) struct Census(Arc<Shared>);

struct Shared {
    limits: Limits,
    open: IntGauge,
    refused: IntCounterVec,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    noted_at: Option<Instant>,
    refused_since: u64,
}

impl Census {
    pub(super) fn new(limits: Limits, metrics: &Metrics) -> Self {
        let (open, refused) = (metrics.connections.clone(), metrics.connections_refused.clone());
        Self(Arc::new(Shared { limits, open, refused, counts: Mutex::default() }))
    }

    /// A place for a connection from `address`, given back when it is dropped.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Place, Refused> {
        let key = self.counted_as(address);
        let mut counts = self.0.counts();
        if counts.all >= self.0.limits.connections {
            return Err(Refused::Full);
        }
        if let Some(key) = key {
            let here = counts.by_address.entry(key).or_default();
            if *here >= self.0.limits.per_address {
                return Err(Refused::Address);
            }
            *here = here.saturating_add(1);
        }
        counts.all = counts.all.saturating_add(1);
        drop(counts);
        self.0.open.inc();
        Ok(Place { shared: self.0.clone(), key })
    }

    /// Counts a refusal and logs it, at most once in [`NOTE_EVERY`].
    pub(super) fn note(&self, refused: Refused) {
        self.0.refused.with_label_values(&[refused.reason()]).inc();
        let mut counts = self.0.counts();
        counts.refused_since = counts.refused_since.saturating_add(1);
        if counts.noted_at.is_some_and(|at| at.elapsed() < NOTE_EVERY) {
            return;
        }
        counts.noted_at = Some(Instant::now());
        let (since, open) = (std::mem::take(&mut counts.refused_since), counts.all);
        drop(counts);
        tracing::warn!(reason = refused.reason(), refused = since, open, "connections refused");
    }

    /// The address a connection counts under: IPv6 by its /64, which one household or host has whole.
    fn counted_as(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        if address.is_loopback() || self.0.limits.uncounted.iter().any(|network| network.contains(&address)) {
            return None;
        }
        Some(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
        })
    }
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Nothing under this lock can leave the counts half changed.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place.
pub(super) struct Place {
    shared: Arc<Shared>,
    key: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.shared.counts();
        counts.all = counts.all.saturating_sub(1);
        if let Some(key) = self.key
            && let Some(here) = counts.by_address.get_mut(&key)
        {
            *here = here.saturating_sub(1);
            // Without this the map would grow by every address ever seen.
            if *here == 0 {
                counts.by_address.remove(&key);
            }
        }
        drop(counts);
        self.shared.open.dec();
    }
}

#[cfg(test)]
mod tests {
    //! Places by example.

    use super::*;

    fn census(connections: usize, per_address: usize) -> Census {
        let uncounted = vec!["10.1.0.0/16".parse().unwrap()];
        Census::new(Limits { connections, per_address, uncounted }, &Metrics::new().unwrap())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_all() {
        let census = census(10, 2);
        let places = [census.admit(ip("192.0.2.1")).unwrap(), census.admit(ip("192.0.2.1")).unwrap()];
        assert_eq!(census.admit(ip("192.0.2.1")).err(), Some(Refused::Address));
        assert_eq!(census.admit(ip("::ffff:192.0.2.1")).err(), Some(Refused::Address), "the same in IPv6 clothes");
        let _other = census.admit(ip("192.0.2.2")).unwrap();
        drop(places);
        assert!(census.admit(ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn ipv6_counts_by_network() {
        let census = census(10, 1);
        let _place = census.admit(ip("2001:db8::1")).unwrap();
        assert_eq!(census.admit(ip("2001:db8::ffff:2")).err(), Some(Refused::Address));
        assert!(census.admit(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn loopback_and_proxies_speak_for_many() {
        let census = census(4, 1);
        let _places: Vec<_> =
            ["127.0.0.1", "127.0.0.1", "10.1.2.3", "10.1.2.3"].map(|text| census.admit(ip(text)).unwrap()).into();
        assert_eq!(census.admit(ip("127.0.0.1")).err(), Some(Refused::Full), "but never for more than all");
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let census = census(10, 2);
        drop(census.admit(ip("192.0.2.1")).unwrap());
        assert!(census.0.counts().by_address.is_empty());
        assert_eq!(census.0.counts().all, 0);
        assert_eq!(census.0.open.get(), 0);
    }
}
