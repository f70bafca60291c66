//! What senders and receivers of one run tell each other.
//!
//! Owns counters and one wake-up. Never measures time and never decides when a run is over.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use tokio::sync::Notify;

/// Error texts kept of one run; the rest are only counted.
const SAMPLES: usize = 5;

/// Shared by all tasks of one run.
pub(crate) struct Progress {
    subscribers: u64,
    sent: AtomicU64,
    answered: AtomicU64,
    delivered: AtomicU64,
    errors: AtomicU64,
    samples: Mutex<Vec<String>>,
    changed: Notify,
}

impl Progress {
    /// Nothing sent yet.
    #[must_use]
    pub(crate) fn new(subscribers: u32) -> Self {
        Self {
            subscribers: u64::from(subscribers),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            samples: Mutex::new(Vec::new()),
            changed: Notify::new(),
        }
    }

    /// Wakes whenever another whole message was answered or delivered, or something failed.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Wakes everybody who waits for [`Progress::changed`].
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// A message was sent.
    pub(crate) fn add_sent(&self) {
        self.sent.fetch_add(1, SeqCst);
    }

    /// Sends were answered.
    pub(crate) fn add_answered(&self, count: u64) {
        self.answered.fetch_add(count, SeqCst);
        // Without subscribers each sender waits for its own answers only, and reads them itself.
        if self.subscribers > 0 {
            self.wake();
        }
    }

    /// Messages reached subscribers.
    pub(crate) fn add_delivered(&self, count: u64) {
        let before = self.delivered.fetch_add(count, SeqCst);
        if before / self.subscribers.max(1) != (before + count) / self.subscribers.max(1) {
            self.wake();
        }
    }

    /// Something went wrong; the run will fail.
    pub(crate) fn fail(&self, text: String) {
        self.errors.fetch_add(1, SeqCst);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() < SAMPLES {
            samples.push(text);
        }
        drop(samples);
        self.wake();
    }

    /// Messages sent so far.
    #[must_use]
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(SeqCst)
    }

    /// Sends answered so far.
    #[must_use]
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(SeqCst)
    }

    /// Messages at subscribers so far, each counted once per subscriber.
    #[must_use]
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(SeqCst)
    }

    /// Messages sent that are not yet both answered and, on average, with every subscriber.
    #[must_use]
    pub(crate) fn in_flight(&self) -> u64 {
        let answered = self.answered();
        let done = match self.delivered().checked_div(self.subscribers) {
            Some(delivered) => delivered.min(answered),
            None => answered,
        };
        self.sent().saturating_sub(done)
    }

    /// Whether everything sent was answered and is with every subscriber.
    #[must_use]
    pub(crate) fn settled(&self) -> bool {
        let sent = self.sent();
        self.answered() >= sent && self.delivered() >= sent.saturating_mul(self.subscribers)
    }

    /// How many things went wrong.
    #[must_use]
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(SeqCst)
    }

    /// The first few error texts.
    #[must_use]
    pub(crate) fn samples(&self) -> Vec<String> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_flight_until_answered_and_everywhere() {
        let progress = Progress::new(3);
        progress.add_sent();
        progress.add_sent();
        assert_eq!(progress.in_flight(), 2);
        progress.add_delivered(5);
        assert_eq!(progress.in_flight(), 2, "delivered, not answered");
        progress.add_answered(2);
        assert_eq!(progress.in_flight(), 1, "one of them is not everywhere");
        assert!(!progress.settled());
        progress.add_delivered(1);
        assert!(progress.settled() && progress.in_flight() == 0);
    }

    #[test]
    fn without_subscribers_the_answer_is_all() {
        let progress = Progress::new(0);
        progress.add_sent();
        assert!(!progress.settled());
        progress.add_answered(1);
        assert!(progress.settled() && progress.in_flight() == 0);
    }

    #[tokio::test]
    async fn a_whole_message_wakes_and_a_part_does_not() {
        let progress = Progress::new(2);
        let mut waiting = std::pin::pin!(progress.changed());
        assert!(!waiting.as_mut().enable());
        progress.add_delivered(1);
        assert!(!waiting.as_mut().enable());
        progress.add_delivered(1);
        assert!(waiting.as_mut().enable());
    }

    #[test]
    fn only_the_first_errors_keep_their_text() {
        let progress = Progress::new(1);
        for n in 0..20 {
            progress.fail(n.to_string());
        }
        assert_eq!((progress.errors(), progress.samples().len()), (20, SAMPLES));
    }
}
