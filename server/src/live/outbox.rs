//! The queue of one session: rooms push, the session takes and writes.
//!
//! Owns the bounds and what is left out when a reader is slow. Never waits: pushing costs the pusher the same whatever
//! the reader does. [`Queue`] is the pure part, [`Outbox`] puts a lock and a waker around it.

use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use futures_util::task::AtomicWaker;

use super::frame::{Class, Frame};
use crate::domain::{
    RoomId,
    limits::{OUTBOX_BYTES, OUTBOX_FRAMES},
    room::SessionKey,
    wire::Close,
};

/// Queues larger than this give their memory back once they are empty.
const SHRINK_FROM: usize = 16;
/// Answers that wait to be written, in bytes, past which no more commands are read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Frames of one session that are not written yet, with their bounds.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Arc<Frame>>,
    /// Frames and bytes pushed and not written yet, answers apart: those taken count until they are written.
    waiting: usize,
    bytes: usize,
    /// Frames in `frames` that may be left out.
    passing: usize,
    answer_bytes: usize,
    /// Rooms whose presence this session no longer knows.
    lost: BTreeSet<RoomId>,
    dropped: u64,
    overflowed: bool,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pushed {
    /// It is queued.
    Queued,
    /// It was left out, as it may be.
    LeftOut,
    /// It had to be queued and there was no room: the reader is too slow.
    Overflow,
}

impl Queue {
    /// Queues `frame`, leaving out what may be left out when there is no room.
    pub(super) fn push(&mut self, frame: Arc<Frame>) -> Pushed {
        if self.overflowed {
            return Pushed::Overflow;
        }
        if frame.class == Class::Answer {
            self.answer_bytes = self.answer_bytes.saturating_add(frame.len());
            self.frames.push_back(frame);
            return Pushed::Queued;
        }
        if !self.fits(&frame) {
            self.leave_out_passing();
            if frame.class.is_passing() {
                self.leave_out(&frame);
                return Pushed::LeftOut;
            }
            if !self.fits(&frame) {
                self.overflowed = true;
                self.frames = VecDeque::new();
                return Pushed::Overflow;
            }
        }
        self.waiting = self.waiting.saturating_add(1);
        self.bytes = self.bytes.saturating_add(frame.len());
        self.passing = self.passing.saturating_add(usize::from(frame.class.is_passing()));
        self.frames.push_back(frame);
        Pushed::Queued
    }

    /// Moves up to `limit` frames to the end of `batch`; they count until [`Queue::written`].
    pub(super) fn take(&mut self, limit: usize, batch: &mut VecDeque<Arc<Frame>>) {
        let count = limit.min(self.frames.len());
        for frame in self.frames.drain(..count) {
            self.passing = self.passing.saturating_sub(usize::from(frame.class.is_passing()));
            batch.push_back(frame);
        }
        if self.frames.is_empty() && self.frames.capacity() > SHRINK_FROM {
            self.frames = VecDeque::new();
        }
    }

    /// `frame`, taken before, is written or held back elsewhere.
    pub(super) fn written(&mut self, frame: &Frame) {
        if frame.class == Class::Answer {
            self.answer_bytes = self.answer_bytes.saturating_sub(frame.len());
        } else {
            self.waiting = self.waiting.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(frame.len());
        }
    }

    /// Rooms whose presence was left out, once there is room to send it whole.
    pub(super) fn take_lost(&mut self) -> BTreeSet<RoomId> {
        if self.waiting > OUTBOX_FRAMES / 2 || self.bytes > OUTBOX_BYTES / 2 {
            return BTreeSet::new();
        }
        std::mem::take(&mut self.lost)
    }

    fn fits(&self, frame: &Frame) -> bool {
        self.waiting < OUTBOX_FRAMES && self.bytes.saturating_add(frame.len()) <= OUTBOX_BYTES
    }

    fn leave_out_passing(&mut self) {
        if self.passing == 0 {
            return;
        }
        for frame in std::mem::take(&mut self.frames) {
            if frame.class.is_passing() {
                self.written(&frame);
                self.leave_out(&frame);
            } else {
                self.frames.push_back(frame);
            }
        }
        self.passing = 0;
    }

    fn leave_out(&mut self, frame: &Frame) {
        self.dropped = self.dropped.saturating_add(1);
        if let Class::Presence(room) = frame.class {
            self.lost.insert(room);
        }
    }
}

/// What a session, the rooms it is in and the registry share.
pub(super) struct Outbox {
    /// Names the session.
    pub(super) key: SessionKey,
    /// Where the session came from, for the log.
    pub(super) address: IpAddr,
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    queue: Queue,
    /// Commands that have no answer written yet.
    outstanding: usize,
    /// Those among them that are not decided yet.
    undecided: usize,
    /// The session runs, or was woken and will.
    awake: bool,
    /// Something changed since it last looked.
    news: bool,
    end: Option<Close>,
    drain: Option<Duration>,
    rooms: BTreeSet<RoomId>,
    retired: bool,
    /// Commands that were answered with an error.
    refused: u64,
}

/// What a session finds when it looks.
pub(super) struct Look {
    /// It is to end.
    pub(super) end: Option<Close>,
    /// The server drains: reconnect after this.
    pub(super) drain: Option<Duration>,
    /// Rooms that must be asked for their presence again.
    pub(super) lost: BTreeSet<RoomId>,
}

/// How much of what a session asked is under way.
pub(super) struct Load {
    /// Commands whose answer is not written yet.
    pub(super) outstanding: usize,
    /// Those among them that are not decided yet.
    pub(super) undecided: usize,
    /// Too many bytes of answers wait to be written.
    pub(super) is_full: bool,
}

impl Outbox {
    /// An empty one.
    pub(super) fn new(key: SessionKey, address: IpAddr) -> Arc<Self> {
        Arc::new(Self { key, address, state: Mutex::default(), waker: AtomicWaker::new() })
    }

    /// Queues a frame; answers whether it will go out. A reader that is too slow is closed with 4002.
    pub(super) fn push(&self, frame: Arc<Frame>) -> bool {
        let mut state = self.lock();
        if state.retired || state.end.is_some() {
            return false;
        }
        let pushed = state.queue.push(frame);
        if pushed == Pushed::Overflow {
            state.end = Some(Close::SlowConsumer);
        }
        self.signal(state);
        pushed == Pushed::Queued
    }

    /// [`Outbox::push`], unless the frame could not be encoded.
    pub(super) fn push_if_some(&self, frame: Option<Arc<Frame>>) {
        if let Some(frame) = frame {
            self.push(frame);
        }
    }

    /// The answer to a command: queued (`None`: the client wants no answer), and the command is decided.
    pub(super) fn answer(&self, frame: Option<Arc<Frame>>) {
        let mut state = self.lock();
        state.undecided = state.undecided.saturating_sub(1);
        match frame {
            Some(frame) if !state.retired && state.end.is_none() => {
                state.queue.push(frame);
            }
            _ => state.outstanding = state.outstanding.saturating_sub(1),
        }
        self.signal(state);
    }

    /// The session ends for this reason; the first one counts.
    pub(super) fn end(&self, close: Close) {
        let mut state = self.lock();
        if state.end.is_none() && !state.retired {
            state.end = Some(close);
        }
        self.signal(state);
    }

    /// The server drains.
    pub(super) fn drain(&self, after: Duration) {
        let mut state = self.lock();
        state.drain.get_or_insert(after);
        self.signal(state);
    }

    /// The session is about to be attached to `room`; false once it has ended.
    pub(super) fn enter(&self, room: RoomId) -> bool {
        let mut state = self.lock();
        if !state.retired {
            state.rooms.insert(room);
        }
        !state.retired
    }

    /// The session is no longer in `room`; answers whether it is in another one.
    pub(super) fn leave(&self, room: RoomId) -> bool {
        let mut state = self.lock();
        state.rooms.remove(&room);
        !state.rooms.is_empty()
    }

    /// Whether the session has ended, so that nothing must attach it any more.
    pub(super) fn is_retired(&self) -> bool {
        self.lock().retired
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole; a panic elsewhere must not spread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, mut state: MutexGuard<'_, State>) {
        state.news = true;
        let wake = !std::mem::replace(&mut state.awake, true);
        drop(state);
        if wake {
            self.waker.wake();
        }
    }
}

/// The session's side.
impl Outbox {
    /// What there is to do apart from frames. The session is not woken until it rests.
    pub(super) fn look(&self) -> Look {
        let mut state = self.lock();
        (state.awake, state.news) = (true, false);
        Look { end: state.end.clone(), drain: state.drain.take(), lost: state.queue.take_lost() }
    }

    /// From now on the next change wakes `waker`; false when there was one since the last look.
    pub(super) fn rest(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        let mut state = self.lock();
        state.awake = state.news;
        !state.news
    }

    /// See [`Queue::take`].
    pub(super) fn take(&self, limit: usize, batch: &mut VecDeque<Arc<Frame>>) {
        self.lock().queue.take(limit, batch);
    }

    /// These frames, taken before, are written: they leave `batch`.
    pub(super) fn written(&self, frames: impl Iterator<Item = Arc<Frame>>) {
        let mut state = self.lock();
        for frame in frames {
            state.queue.written(&frame);
            if frame.class == Class::Answer {
                state.outstanding = state.outstanding.saturating_sub(1);
            }
        }
    }

    /// `frame`, taken before, is held back by the session and no longer counts here.
    pub(super) fn hold(&self, frame: &Frame) {
        self.lock().queue.written(frame);
    }

    /// `frame` goes out before what is queued, and counts until it is written.
    pub(super) fn count(&self, frame: &Frame) {
        let mut state = self.lock();
        if frame.class == Class::Answer {
            state.undecided = state.undecided.saturating_sub(1);
            state.queue.answer_bytes = state.queue.answer_bytes.saturating_add(frame.len());
        } else {
            state.queue.waiting = state.queue.waiting.saturating_add(1);
            state.queue.bytes = state.queue.bytes.saturating_add(frame.len());
        }
    }

    /// A command was read.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.outstanding = state.outstanding.saturating_add(1);
        state.undecided = state.undecided.saturating_add(1);
    }

    /// How much is under way.
    pub(super) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            outstanding: state.outstanding,
            undecided: state.undecided,
            is_full: state.queue.answer_bytes > ANSWER_BYTES,
        }
    }

    /// Presence of `room` must be asked for again.
    pub(super) fn lose(&self, room: RoomId) {
        self.lock().queue.lost.insert(room);
    }

    /// A command is answered with an error.
    pub(super) fn refuse(&self) {
        let mut state = self.lock();
        state.refused = state.refused.saturating_add(1);
    }

    /// Commands refused since the start.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Frames left out since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().queue.dropped
    }

    /// The session has ended: nothing is queued or attached any more. Answers the rooms it was in.
    pub(super) fn retire(&self) -> BTreeSet<RoomId> {
        let mut state = self.lock();
        state.retired = true;
        std::mem::take(&mut state.rooms)
    }
}

#[cfg(test)]
mod tests;
