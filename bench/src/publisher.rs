//! The sending half: when to send, and what became of it.
//!
//! Owns the pace (a pure policy) and the task that follows it. Never receives other people's messages.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    connection::{Connection, ConnectionError},
    dialect::Incoming,
    progress::Progress,
    stamp::{self, Stamp},
};

/// Read buffer of one publisher, in bytes: some thirty answers.
const SCRATCH_BYTES: usize = 16 * 1024;

/// When a publisher sends.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// So many messages, one in flight.
    Count(u64),
    /// At fixed times, whatever the server does.
    Rate {
        /// Of the first message.
        start: Instant,
        /// Between two.
        every: Duration,
        /// How many.
        count: u64,
    },
    /// As soon as there is room.
    Window {
        /// Messages of this publisher without an answer.
        own: u64,
        /// Messages of all publishers in flight.
        total: u64,
        /// The end.
        until: Instant,
    },
    /// As many as are allowed by now, at once.
    Burst(Arc<Bursts>),
}

/// How far the bursts have come.
#[derive(Default, Debug)]
pub(crate) struct Bursts {
    /// Messages each publisher may have sent by now.
    pub(crate) allowed: AtomicU64,
    /// No more will be allowed.
    pub(crate) over: AtomicBool,
}

/// What to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Send one.
    Send,
    /// Something must happen first.
    Wait,
    /// Nothing before then.
    WaitUntil(Instant),
    /// Never again.
    Done,
}

impl Pace {
    /// What to do at `now`, after `sent` messages of which `unanswered` have no answer, with `in_flight` of everybody's.
    #[must_use]
    pub(crate) fn next(&self, sent: u64, unanswered: u64, in_flight: u64, now: Instant) -> Next {
        match self {
            Pace::Count(count) if sent >= *count => Next::Done,
            Pace::Count(_) if unanswered == 0 => Next::Send,
            Pace::Count(_) => Next::Wait,
            Pace::Rate { count, .. } if sent >= *count => Next::Done,
            Pace::Rate { start, every, .. } => {
                let due = *start + every.saturating_mul(u32::try_from(sent).unwrap_or(u32::MAX));
                if now >= due { Next::Send } else { Next::WaitUntil(due) }
            }
            Pace::Window { until, .. } if now >= *until => Next::Done,
            Pace::Window { own, total, .. } if unanswered < *own && in_flight < *total => Next::Send,
            // The end comes even when nothing else does.
            Pace::Window { until, .. } => Next::WaitUntil(*until),
            Pace::Burst(bursts) if sent < bursts.allowed.load(SeqCst) => Next::Send,
            Pace::Burst(bursts) if bursts.over.load(SeqCst) => Next::Done,
            Pace::Burst(_) => Next::Wait,
        }
    }
}

/// One sending connection and what it knows.
pub(crate) struct Publisher {
    connection: Connection,
    index: u64,
    text_bytes: usize,
    progress: Arc<Progress>,
    scratch: Vec<u8>,
    next_id: u64,
    unanswered: VecDeque<(u64, u64)>,
    /// The server's numbers of all its messages, in the order of their answers.
    pub(crate) seqs: Vec<u64>,
    /// Send to answer in nanoseconds, measured phase only.
    pub(crate) answer_ns: Vec<u64>,
    /// When the last answer came.
    pub(crate) last_ns: u64,
}

impl Publisher {
    /// Publisher number `index` on an open connection.
    #[must_use]
    pub(crate) fn new(connection: Connection, index: u64, text_bytes: u32, progress: Arc<Progress>) -> Self {
        Self {
            connection,
            index,
            text_bytes: text_bytes as usize,
            progress,
            scratch: vec![0; SCRATCH_BYTES],
            next_id: 0,
            unanswered: VecDeque::new(),
            seqs: Vec::new(),
            answer_ns: Vec::new(),
            last_ns: 0,
        }
    }

    /// Follows `pace` to its end and waits for the last answer; a failure goes to the run's progress and ends it.
    pub(crate) async fn run(mut self, phase: u64, pace: Pace) -> Self {
        if let Err(error) = self.follow(phase, &pace).await {
            self.progress.fail(format!("publisher {}: {error}", self.index));
        }
        self
    }

    async fn follow(&mut self, phase: u64, pace: &Pace) -> Result<(), ConnectionError> {
        let progress = Arc::clone(&self.progress);
        let mut sent = 0;
        loop {
            // Before the look at the counters, so that a change in between is not slept through.
            let changed = progress.changed();
            if progress.errors() > 0 {
                return Ok(());
            }
            let unanswered = self.unanswered.len() as u64;
            let until = match pace.next(sent, unanswered, progress.in_flight(), Instant::now()) {
                Next::Send => {
                    self.send(phase);
                    sent += 1;
                    continue;
                }
                Next::Done if unanswered == 0 => return Ok(()),
                Next::Done | Next::Wait => None,
                Next::WaitUntil(until) => Some(until),
            };
            tokio::select! {
                step = self.step(phase) => step?,
                () = changed => {}
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
        }
    }

    fn send(&mut self, phase: u64) {
        let sent_ns = stamp::now_ns();
        let stamp = Stamp { phase, publisher: self.index, number: self.next_id, sent_ns };
        self.connection.publish(self.next_id, &stamp.text(self.text_bytes));
        self.unanswered.push_back((self.next_id, sent_ns));
        self.next_id += 1;
        self.progress.add_sent();
    }

    async fn step(&mut self, phase: u64) -> Result<(), ConnectionError> {
        let Self { connection, index, progress, scratch, unanswered, seqs, answer_ns, last_ns, .. } = self;
        poll_fn(|cx| {
            let mut answered = 0;
            let step = connection.poll_step(cx, scratch, &mut |incoming| match incoming {
                Incoming::Answer { id, seq } => {
                    let Some(place) = unanswered.iter().position(|(open, _)| *open == id) else {
                        progress.fail(format!("publisher {index}: an answer to {id}, which is not open"));
                        return;
                    };
                    let (_, sent_ns) = unanswered.remove(place).unwrap_or_default();
                    *last_ns = stamp::now_ns();
                    seqs.extend(seq);
                    if phase == 1 {
                        answer_ns.push(last_ns.saturating_sub(sent_ns));
                    }
                    answered += 1;
                }
                Incoming::Refused { reason } => progress.fail(format!("publisher {index}: {reason}")),
                Incoming::Ready | Incoming::Delivery { .. } | Incoming::Reply(_) => {}
            });
            if answered > 0 {
                progress.add_answered(answered);
            }
            step
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_keeps_one_in_flight() {
        let (pace, now) = (Pace::Count(2), Instant::now());
        assert_eq!(pace.next(0, 0, 0, now), Next::Send);
        assert_eq!(pace.next(1, 1, 1, now), Next::Wait);
        assert_eq!(pace.next(1, 0, 0, now), Next::Send);
        assert_eq!(pace.next(2, 1, 1, now), Next::Done);
    }

    #[test]
    fn a_rate_keeps_its_times_however_slow_the_server_is() {
        let start = Instant::now();
        let every = Duration::from_millis(50);
        let pace = Pace::Rate { start, every, count: 3 };
        assert_eq!(pace.next(0, 0, 0, start), Next::Send);
        assert_eq!(pace.next(1, 1, 1, start), Next::WaitUntil(start + every));
        assert_eq!(pace.next(1, 900, 900, start + every), Next::Send);
        // Late is no reason to skip one.
        assert_eq!(pace.next(2, 0, 0, start + every * 9), Next::Send);
        assert_eq!(pace.next(3, 0, 0, start + every * 9), Next::Done);
    }

    #[test]
    fn a_window_is_both_its_own_and_everybodys() {
        let now = Instant::now();
        let until = now + Duration::from_secs(1);
        let pace = Pace::Window { own: 2, total: 4, until };
        assert_eq!(pace.next(9, 1, 3, now), Next::Send);
        assert_eq!(pace.next(9, 2, 2, now), Next::WaitUntil(until));
        assert_eq!(pace.next(9, 0, 4, now), Next::WaitUntil(until));
        assert_eq!(pace.next(9, 0, 0, until), Next::Done);
    }

    #[test]
    fn bursts_send_what_is_allowed_and_end_when_over() {
        let (bursts, now) = (Arc::new(Bursts::default()), Instant::now());
        let pace = Pace::Burst(Arc::clone(&bursts));
        assert_eq!(pace.next(0, 0, 0, now), Next::Wait);
        bursts.allowed.store(25, SeqCst);
        assert_eq!(pace.next(24, 24, 24, now), Next::Send);
        assert_eq!(pace.next(25, 25, 25, now), Next::Wait);
        bursts.over.store(true, SeqCst);
        assert_eq!(pace.next(24, 0, 0, now), Next::Send, "what was allowed is still sent");
        assert_eq!(pace.next(25, 0, 0, now), Next::Done);
    }
}
