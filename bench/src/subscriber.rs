//! The receiving half: shards of subscribers, one thread and one runtime each.
//!
//! Owns the connections, the check that every subscriber gets every message once and in order, and the latencies.
//! Never sends a message.

use std::{cell::RefCell, future::poll_fn, rc::Rc, sync::Arc, thread};

use hdrhistogram::Histogram;
use tokio::{
    sync::{Semaphore, oneshot},
    task::LocalSet,
};

use crate::{
    connection::{Connection, ConnectionError, Entrance, SCRATCH_BYTES},
    dialect::Incoming,
    error::BenchError,
    progress::Progress,
    stamp::{self, Stamp},
};

/// Connections of one shard that are being opened at once: fewer than any server's backlog.
const OPENING: usize = 64;
/// Longest latency told apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// What one subscriber has seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The next number of each publisher.
    next: Vec<u64>,
    last_seq: Option<u64>,
    /// Messages of the measured phase.
    pub(crate) measured: u64,
    /// Messages that came again.
    pub(crate) duplicates: u64,
}

impl Seen {
    /// A subscriber of `publishers` before its first message.
    #[must_use]
    pub(crate) fn new(publishers: usize) -> Self {
        Self { next: vec![0; publishers], last_seq: None, measured: 0, duplicates: 0 }
    }

    /// Checks one delivery. `Ok(true)` = new, `Ok(false)` = seen before, to be dropped as a client does.
    ///
    /// # Errors
    /// A gap, or a message nobody sent.
    pub(crate) fn check(&mut self, seq: Option<u64>, stamp: Stamp) -> Result<bool, String> {
        if let Some(seq) = seq {
            match self.last_seq {
                Some(last) if seq <= last => {
                    self.duplicates += 1;
                    return Ok(false);
                }
                Some(last) if seq != last + 1 => return Err(format!("seq {seq} after {last}")),
                _ => self.last_seq = Some(seq),
            }
        }
        let next = usize::try_from(stamp.publisher).ok().and_then(|publisher| self.next.get_mut(publisher));
        let next = next.ok_or_else(|| format!("a message of unknown publisher {}", stamp.publisher))?;
        if stamp.number < *next {
            self.duplicates += 1;
            return Ok(false);
        }
        if stamp.number != *next {
            return Err(format!("message {} of publisher {} after {next} came", stamp.number, stamp.publisher));
        }
        *next += 1;
        self.measured += u64::from(stamp.phase == 1);
        Ok(true)
    }
}

/// What the subscribers of one shard, or of all, have seen.
pub(crate) struct Tally {
    /// One per subscriber.
    pub(crate) seen: Vec<Seen>,
    /// Send to receive, in nanoseconds, measured phase only.
    pub(crate) latency: Histogram<u64>,
    /// When the last message of the measured phase came.
    pub(crate) last_ns: u64,
}

impl Tally {
    fn new(subscribers: usize, publishers: usize) -> Result<Self, BenchError> {
        let latency = Histogram::new_with_bounds(1, LONGEST_NS, 3).map_err(|error| BenchError::defect(&error))?;
        Ok(Self { seen: vec![Seen::new(publishers); subscribers], latency, last_ns: 0 })
    }

    fn merge(&mut self, other: Self) -> Result<(), BenchError> {
        self.seen.extend(other.seen);
        self.latency.add(other.latency).map_err(|error| BenchError::defect(&error))?;
        self.last_ns = self.last_ns.max(other.last_ns);
        Ok(())
    }

    /// Takes one delivery of subscriber `index`; counts it when it is new.
    fn delivery(&mut self, index: usize, seq: Option<u64>, frame: &[u8], now: u64) -> Result<bool, String> {
        let stamp = Stamp::find(frame).ok_or("a message without stamp")?;
        let seen = self.seen.get_mut(index).ok_or("an unknown subscriber")?;
        let new = seen.check(seq, stamp)?;
        if new && stamp.phase == 1 {
            self.latency.saturating_record(now.saturating_sub(stamp.sent_ns).max(1));
            self.last_ns = self.last_ns.max(now);
        }
        Ok(new)
    }
}

/// All shards of a run.
pub(crate) struct Subscribers {
    shards: Vec<Shard>,
    publishers: usize,
}

struct Shard {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<Result<Tally, BenchError>>,
}

impl Subscribers {
    /// Opens a connection per entrance, spread over `threads`, and returns when all are ready.
    ///
    /// # Errors
    /// Any of them could not be opened.
    pub(crate) async fn open(
        entrances: Vec<Entrance>,
        publishers: usize,
        threads: u32,
        progress: &Arc<Progress>,
    ) -> Result<Self, BenchError> {
        let per_shard = entrances.len().div_ceil(threads as usize).max(1);
        let mut entrances = entrances.into_iter().peekable();
        let (mut shards, mut ready) = (Vec::new(), Vec::new());
        while entrances.peek().is_some() {
            let mine: Vec<Entrance> = entrances.by_ref().take(per_shard).collect();
            let (is_ready, when_ready) = oneshot::channel();
            let (stop, stopped) = oneshot::channel();
            let progress = Arc::clone(progress);
            let thread = thread::Builder::new()
                .name("subscribers".to_owned())
                .spawn(move || run_shard(mine, publishers, &progress, is_ready, stopped))?;
            shards.push(Shard { stop, thread });
            ready.push(when_ready);
        }
        for when_ready in ready {
            when_ready.await.map_err(|_| BenchError::Setup("a receiving thread ended early".to_owned()))??;
        }
        Ok(Self { shards, publishers })
    }

    /// Closes all connections and adds up what they have seen.
    ///
    /// # Errors
    /// A thread has panicked.
    pub(crate) fn finish(self) -> Result<Tally, BenchError> {
        let mut all = Tally::new(0, self.publishers)?;
        for shard in self.shards {
            // A shard that is already gone is told by its result.
            let _ = shard.stop.send(());
            let tally = shard.thread.join().map_err(|_| BenchError::Setup("a receiving thread panicked".to_owned()))?;
            all.merge(tally?)?;
        }
        Ok(all)
    }
}

fn run_shard(
    entrances: Vec<Entrance>,
    publishers: usize,
    progress: &Arc<Progress>,
    is_ready: oneshot::Sender<Result<(), BenchError>>,
    stopped: oneshot::Receiver<()>,
) -> Result<Tally, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tally = Rc::new(RefCell::new(Tally::new(entrances.len(), publishers)?));
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let scratch = Rc::new(RefCell::new(vec![0; SCRATCH_BYTES]));
        let permits = Rc::new(Semaphore::new(OPENING));
        let all = entrances.into_iter().enumerate().map(|(index, entrance)| {
            let (is_open, when_open) = oneshot::channel();
            let (scratch, tally, progress) = (Rc::clone(&scratch), Rc::clone(&tally), Arc::clone(progress));
            let permits = Rc::clone(&permits);
            tokio::task::spawn_local(async move {
                match open(entrance, &permits).await {
                    Ok(connection) => {
                        let _ = is_open.send(Ok(()));
                        // At once, not when all are open: a server's ping must be answered in between.
                        receive(connection, index, scratch, tally, progress).await;
                    }
                    Err(error) => drop(is_open.send(Err(error))),
                }
            });
            when_open
        });
        let _ = is_ready.send(all_open(all.collect()).await);
        let _ = stopped.await;
    });
    drop(local);
    drop(runtime);
    let tally = Rc::try_unwrap(tally).map_err(|_| BenchError::Setup("a receiving task outlived its run".to_owned()))?;
    Ok(tally.into_inner())
}

async fn open(entrance: Entrance, permits: &Semaphore) -> Result<Connection, ConnectionError> {
    // Closed never: the semaphore lives as long as its users.
    let _permit = permits.acquire().await;
    // Not the shared buffer: a connection that is being set up holds it across awaits.
    Connection::open(entrance, &mut [0; 4096]).await
}

async fn all_open(opening: Vec<oneshot::Receiver<Result<(), ConnectionError>>>) -> Result<(), BenchError> {
    for when_open in opening {
        let opened = when_open.await.map_err(|error| BenchError::defect(&error))?;
        opened.map_err(|error| BenchError::Setup(format!("a subscriber: {error}")))?;
    }
    Ok(())
}

async fn receive(
    mut connection: Connection,
    index: usize,
    scratch: Rc<RefCell<Vec<u8>>>,
    tally: Rc<RefCell<Tally>>,
    progress: Arc<Progress>,
) {
    loop {
        let end = poll_fn(|cx| {
            let (mut now, mut new) = (None, 0);
            let mut tally = tally.borrow_mut();
            let step = connection.poll_step(cx, &mut scratch.borrow_mut(), &mut |incoming| match incoming {
                Incoming::Delivery { seq, frame } => {
                    let now = *now.get_or_insert_with(stamp::now_ns);
                    match tally.delivery(index, seq, frame, now) {
                        Ok(is_new) => new += u64::from(is_new),
                        Err(what) => progress.fail(format!("subscriber {index}: {what}")),
                    }
                }
                Incoming::Refused { reason } => progress.fail(format!("subscriber {index}: {reason}")),
                Incoming::Ready | Incoming::Answer { .. } | Incoming::Reply(_) => {}
            });
            if new > 0 {
                progress.add_delivered(new);
            }
            step
        })
        .await;
        if let Err(error) = end {
            progress.fail(format!("subscriber {index}: {error}"));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(publisher: u64, number: u64, phase: u64) -> Stamp {
        Stamp { phase, publisher, number, sent_ns: 10 }
    }

    #[test]
    fn messages_in_order_are_counted_once_measured() {
        let mut seen = Seen::new(2);
        assert_eq!(seen.check(Some(1), stamp(0, 0, 0)), Ok(true));
        assert_eq!(seen.check(Some(2), stamp(1, 0, 1)), Ok(true));
        assert_eq!(seen.check(Some(3), stamp(0, 1, 1)), Ok(true));
        assert_eq!((seen.measured, seen.duplicates), (2, 0));
    }

    #[test]
    fn gaps_of_either_count_are_errors() {
        let mut seen = Seen::new(1);
        assert_eq!(seen.check(Some(5), stamp(0, 0, 1)), Ok(true));
        assert!(seen.check(Some(7), stamp(0, 1, 1)).is_err(), "the server's numbers have a gap");
        let mut seen = Seen::new(1);
        assert!(seen.check(None, stamp(0, 1, 1)).is_err(), "the publisher's first message is missing");
        assert!(seen.check(None, stamp(1, 0, 1)).is_err(), "there is no such publisher");
    }

    #[test]
    fn repeats_are_dropped_and_counted() {
        let mut seen = Seen::new(1);
        assert_eq!(seen.check(Some(1), stamp(0, 0, 1)), Ok(true));
        assert_eq!(seen.check(Some(1), stamp(0, 0, 1)), Ok(false));
        assert_eq!((seen.measured, seen.duplicates), (1, 1));
        let mut unnumbered = Seen::new(1);
        assert_eq!(unnumbered.check(None, stamp(0, 0, 1)), Ok(true));
        assert_eq!(unnumbered.check(None, stamp(0, 0, 1)), Ok(false));
        assert_eq!(unnumbered.duplicates, 1);
    }

    #[test]
    fn latency_is_recorded_for_new_measured_messages_only() {
        let mut tally = Tally::new(1, 1).unwrap();
        let frame = |number, phase| format!(r#"{{"text":"{}"}}"#, stamp(0, number, phase).text(64));
        assert_eq!(tally.delivery(0, None, frame(0, 0).as_bytes(), 50), Ok(true));
        assert_eq!((tally.latency.len(), tally.last_ns), (0, 0));
        assert_eq!(tally.delivery(0, None, frame(1, 1).as_bytes(), 1010), Ok(true));
        assert_eq!(tally.delivery(0, None, frame(1, 1).as_bytes(), 9999), Ok(false));
        assert_eq!((tally.latency.len(), tally.latency.max(), tally.last_ns), (1, 1000, 1010));
        assert!(tally.delivery(0, None, b"{}", 1).is_err());
    }
}
