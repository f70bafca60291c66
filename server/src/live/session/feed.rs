//! What a session writes next, and in which order: its queue, what must go before it, and what is held back.
//!
//! Owns the promise of `sub`: entries of a channel go out after the answer that says where they start, without loss.
//! Never touches the socket.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{
    domain::{
        ChannelId,
        limits::{OUTBOX_BYTES, OUTBOX_FRAMES},
    },
    live::{frame::Frame, outbox::Outbox},
};

/// Frames taken from the queue at once; what stays there can still be left out for a slow reader.
const BATCH_FRAMES: usize = 64;

/// The order of what goes out.
pub(super) struct Feed {
    outbox: Arc<Outbox>,
    /// Goes out before anything in the queue.
    first: VecDeque<Arc<Frame>>,
    /// Channels whose `sub` is not answered yet, with what came in the meantime.
    held: BTreeMap<ChannelId, Held>,
    held_frames: usize,
    held_bytes: usize,
    /// Nothing of the queue goes out at all.
    paused: bool,
}

#[derive(Default)]
struct Held {
    frames: Vec<Arc<Frame>>,
    /// The newest entry that there was no place for.
    lost: Option<u64>,
}

impl Feed {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        let (first, held) = (VecDeque::new(), BTreeMap::new());
        Self { outbox, first, held, held_frames: 0, held_bytes: 0, paused: false }
    }

    /// Holds back the entries of `channel` from now on.
    pub(super) fn hold(&mut self, channel: ChannelId) {
        self.held.entry(channel).or_default();
    }

    /// The newest entry of a held channel that there was no place for, and with it everything before.
    pub(super) fn lost(&self, channel: ChannelId) -> Option<u64> {
        self.held.get(&channel)?.lost
    }

    /// Puts `frame` before everything that is queued.
    pub(super) fn put_first(&mut self, frame: Arc<Frame>) {
        self.outbox.count(&frame);
        self.first.push_back(frame);
    }

    /// Lets go of what was held, after what was put first.
    pub(super) fn release(&mut self) {
        for (_, held) in std::mem::take(&mut self.held) {
            for frame in held.frames {
                self.put_first(frame);
            }
        }
        (self.held_frames, self.held_bytes) = (0, 0);
    }

    /// Holds everything back but what is queued already and what is put first.
    pub(super) fn pause(&mut self) {
        self.outbox.take(usize::MAX, &mut self.first);
        self.paused = true;
    }

    /// Goes on after [`Feed::pause`].
    pub(super) fn go_on(&mut self) {
        self.paused = false;
    }

    /// Throws everything away.
    pub(super) fn clear(&mut self) {
        self.outbox.take(usize::MAX, &mut VecDeque::new());
        self.first.clear();
        self.held.clear();
    }

    /// Moves what goes out next to the end of `batch`.
    pub(super) fn fill(&mut self, batch: &mut VecDeque<Arc<Frame>>) {
        if !self.first.is_empty() {
            batch.extend(std::mem::take(&mut self.first));
            return;
        }
        if self.paused {
            return;
        }
        // Until something may go out, or nothing is left.
        while batch.is_empty() {
            let before = batch.len();
            self.outbox.take(BATCH_FRAMES, batch);
            if batch.len() == before {
                return;
            }
            if !self.held.is_empty() {
                self.hold_back(batch);
            }
        }
    }

    fn hold_back(&mut self, batch: &mut VecDeque<Arc<Frame>>) {
        batch.retain(|frame| {
            let Some((channel, seq)) = frame.entry else { return true };
            let Some(held) = self.held.get_mut(&channel) else { return true };
            self.outbox.hold(frame);
            let (frames, bytes) = (self.held_frames.saturating_add(1), self.held_bytes.saturating_add(frame.len()));
            if held.lost.is_some() || frames > OUTBOX_FRAMES || bytes > OUTBOX_BYTES {
                // The answer will say that the gap is not filled; the log has it.
                for lost in held.frames.drain(..) {
                    self.held_frames = self.held_frames.saturating_sub(1);
                    self.held_bytes = self.held_bytes.saturating_sub(lost.len());
                }
                held.lost = Some(seq);
            } else {
                held.frames.push(frame.clone());
                (self.held_frames, self.held_bytes) = (frames, bytes);
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::domain::{
        MessageId, UserId,
        room::SessionKey,
        wire::{LogBody, LogEvent},
    };

    fn entry(ch: ChannelId, seq: u64) -> Arc<Frame> {
        let body = LogBody::PinAdd { message: MessageId::fresh(), by: UserId::fresh() };
        Frame::entry(&LogEvent { ch, seq, body }).unwrap()
    }

    fn feed() -> (Arc<Outbox>, Feed) {
        let outbox = Outbox::new(SessionKey(1), IpAddr::from([127, 0, 0, 1]));
        (outbox.clone(), Feed::new(outbox))
    }

    fn drain(outbox: &Outbox, feed: &mut Feed) -> Vec<Option<(ChannelId, u64)>> {
        let mut all = Vec::new();
        loop {
            let mut batch = VecDeque::new();
            feed.fill(&mut batch);
            if batch.is_empty() {
                return all;
            }
            all.extend(batch.iter().map(|frame| frame.entry));
            outbox.written(batch.into_iter());
        }
    }

    #[test]
    fn a_held_channel_waits_for_its_answer_and_the_others_do_not() {
        let (outbox, mut feed) = feed();
        let (held, free) = (ChannelId::fresh(), ChannelId::fresh());
        feed.hold(held);
        for seq in 1..=3 {
            outbox.push(entry(held, seq));
            outbox.push(entry(free, seq));
        }
        let free_seqs: Vec<_> = (1..=3).map(|seq| Some((free, seq))).collect();
        assert_eq!(drain(&outbox, &mut feed), free_seqs);
        outbox.push(entry(held, 4));
        feed.put_first(Frame::answer(1, &"sub").unwrap());
        feed.release();
        outbox.push(entry(held, 5));
        let expected: Vec<_> = std::iter::once(None).chain((1..=5).map(|seq| Some((held, seq)))).collect();
        assert_eq!(drain(&outbox, &mut feed), expected);
    }

    #[test]
    fn what_has_no_place_is_left_to_the_log() {
        let (outbox, mut feed) = feed();
        let held = ChannelId::fresh();
        feed.hold(held);
        let all = OUTBOX_FRAMES as u64 + 10;
        for seq in 1..=all {
            assert!(outbox.push(entry(held, seq)), "held frames do not fill the queue");
            assert!(drain(&outbox, &mut feed).is_empty());
        }
        assert_eq!(feed.lost(held), Some(all));
        feed.release();
        outbox.push(entry(held, all + 1));
        assert_eq!(drain(&outbox, &mut feed), [Some((held, all + 1))]);
    }

    #[test]
    fn nothing_goes_while_paused_but_what_is_first() {
        let (outbox, mut feed) = feed();
        let channel = ChannelId::fresh();
        feed.pause();
        outbox.push(entry(channel, 2));
        assert!(drain(&outbox, &mut feed).is_empty());
        feed.put_first(entry(channel, 1));
        assert_eq!(drain(&outbox, &mut feed), [Some((channel, 1))]);
        feed.go_on();
        assert_eq!(drain(&outbox, &mut feed), [Some((channel, 2))]);
    }
}
