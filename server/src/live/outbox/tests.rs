//! The queue under random pushes and writes, against what it promises.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    UserId,
    wire::event::{Event, PresenceState},
};

fn room(n: u8) -> RoomId {
    RoomId(uuid::Uuid::from_u128(u128::from(n)))
}

fn frame(class: Class, size: usize) -> Arc<Frame> {
    let padding = "x".repeat(size);
    match class {
        Class::Answer => Frame::answer(1, &padding).unwrap(),
        Class::Typing => Frame::event(&Event::Typing { user: UserId::fresh() }, None).unwrap(),
        Class::Presence(room) => {
            Frame::event(&Event::PresenceState(PresenceState::Count { room, count: size }), None).unwrap()
        }
        Class::Durable => Frame::event(&Event::RoomRemoved { room: room(0), reason: padding }, None).unwrap(),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8, usize),
    Take(usize),
    Write(usize),
    Lost,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u8..6, prop_oneof![9 => 0usize..2_000, 1 => 0usize..200_000]).prop_map(|(k, size)| Step::Push(k, size)),
        2 => (1usize..70).prop_map(Step::Take),
        2 => (1usize..70).prop_map(Step::Write),
        1 => Just(Step::Lost),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn bounded_and_in_order(steps in prop::collection::vec(step(), 1..900)) {
        let mut queue = Queue::default();
        let mut batch = VecDeque::new();
        // Durable frames and answers in the order pushed, and in the order taken.
        let (mut pushed, mut taken): (Vec<Arc<Frame>>, Vec<Arc<Frame>>) = (Vec::new(), Vec::new());
        let (mut left_out, mut known_lost) = (0u64, BTreeSet::new());
        let mut over = false;
        for step in steps {
            match step {
                Step::Push(kind, size) => {
                    let class = match kind {
                        0 => Class::Typing,
                        1 | 2 => Class::Presence(room(kind)),
                        3 => Class::Answer,
                        _ => Class::Durable,
                    };
                    let size = if class == Class::Answer { size / 16 } else { size };
                    let new = frame(class, size);
                    match queue.push(new.clone()) {
                        Pushed::Queued => pushed.push(new),
                        Pushed::LeftOut => prop_assert!(class.is_passing(), "left out {class:?}"),
                        Pushed::Overflow => {
                            prop_assert!(over || !class.is_passing(), "a passing frame ended the session");
                            over = true;
                        }
                    }
                }
                Step::Take(limit) => {
                    let before = batch.len();
                    queue.take(limit, &mut batch);
                    prop_assert!(batch.len() - before <= limit);
                    taken.extend(batch.iter().skip(before).cloned());
                }
                Step::Write(count) => {
                    for frame in batch.drain(..count.min(batch.len())) {
                        queue.written(&frame);
                    }
                }
                Step::Lost => known_lost.extend(queue.take_lost()),
            }
            prop_assert!(queue.waiting <= OUTBOX_FRAMES && queue.bytes <= OUTBOX_BYTES);
            prop_assert!(queue.dropped >= left_out);
            left_out = queue.dropped;
        }
        if over {
            prop_assert!(queue.frames.is_empty());
        } else {
            let before = batch.len();
            queue.take(usize::MAX, &mut batch);
            taken.extend(batch.iter().skip(before).cloned());
            let kept = |frames: &[Arc<Frame>]| -> Vec<*const Frame> {
                frames.iter().filter(|f| !f.class.is_passing()).map(Arc::as_ptr).collect()
            };
            prop_assert_eq!(kept(&taken), kept(&pushed), "everything that must not be left out, in order");
            for frame in batch.drain(..) {
                queue.written(&frame);
            }
            prop_assert_eq!((queue.waiting, queue.bytes, queue.answer_bytes, queue.passing), (0, 0, 0, 0));
            let missing: BTreeSet<_> = pushed
                .iter()
                .filter(|f| !taken.iter().any(|t| Arc::ptr_eq(t, f)))
                .filter_map(|f| match f.class { Class::Presence(room) => Some(room), _ => None })
                .collect();
            known_lost.extend(queue.take_lost());
            prop_assert!(missing.is_subset(&known_lost), "a room whose presence was left out is remembered");
        }
    }
}

#[test]
fn typing_and_presence_make_way() {
    let mut queue = Queue::default();
    for n in 0..OUTBOX_FRAMES {
        let class = if n % 2 == 0 { Class::Typing } else { Class::Presence(room(1)) };
        assert_eq!(queue.push(frame(class, 1)), Pushed::Queued);
    }
    assert_eq!(queue.push(frame(Class::Durable, 1)), Pushed::Queued);
    assert_eq!((queue.waiting, queue.dropped), (1, OUTBOX_FRAMES as u64));
    assert_eq!(queue.take_lost(), BTreeSet::from([room(1)]));
}

#[test]
fn a_full_queue_of_messages_ends_the_session() {
    let outbox = Outbox::new(SessionKey(1), IpAddr::from([127, 0, 0, 1]));
    for _ in 0..OUTBOX_FRAMES {
        assert!(outbox.push(frame(Class::Durable, 1)));
    }
    assert!(outbox.look().end.is_none());
    assert!(!outbox.push(frame(Class::Durable, 1)));
    assert_eq!(outbox.look().end, Some(Close::SlowConsumer));
    outbox.end(Close::Removed);
    assert_eq!(outbox.look().end, Some(Close::SlowConsumer), "the first reason counts");
}

#[test]
fn a_retired_session_enters_nothing() {
    let outbox = Outbox::new(SessionKey(1), IpAddr::from([127, 0, 0, 1]));
    assert!(outbox.enter(room(1)) && outbox.enter(room(2)));
    assert!(outbox.leave(room(1)));
    assert!(!outbox.leave(room(2)));
    assert!(outbox.enter(room(3)));
    assert_eq!(outbox.retire(), BTreeSet::from([room(3)]));
    assert!(!outbox.enter(room(4)) && outbox.is_retired() && !outbox.push(frame(Class::Durable, 1)));
}
