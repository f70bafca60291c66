//! The two clocks of this floor.
//!
//! Owns the reading of them: the wall for what is stored and for tokens, and one that never jumps for everything that
//! waits or limits.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::domain::Timestamp;

/// Now, as people write it.
pub(super) fn wall() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Milliseconds since the start, as a [`Timestamp`] for the pure rules.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// That moment, to sleep until; not before it, so that who wakes finds it passed.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        self.start + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
    }
}
