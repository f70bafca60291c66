//! The policy on random batches.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn user(n: u8) -> UserId {
    UserId(Uuid::from_u128(u128::from(n)))
}

fn channel(n: u8) -> ChannelId {
    ChannelId(Uuid::from_u128(1000 + u128::from(n)))
}

fn facts(heads: &[(u8, u64)]) -> Facts {
    let mut facts = Facts::default();
    for (n, head) in heads {
        facts.learn_head(channel(*n), *head);
    }
    for n in 0..4 {
        facts.learn_name(user(n), format!("user {n}"));
    }
    facts.learn_last_row(41);
    facts
}

fn write(ch: u8, by: u8, key: &str, text: &str, reply_to: Option<u64>) -> LogWrite {
    LogWrite {
        channel: channel(ch),
        by: user(by),
        at: Timestamp::from_millis(0),
        change: Change::Send {
            id: MessageId::fresh(),
            key: IdempotencyKey::parse(key).unwrap(),
            text: MessageText::parse(text, 2000).unwrap(),
            reply_to,
            mentions: Vec::new(),
            mentions_all: false,
        },
    }
}

fn plan(plan: &mut Plan, facts: &mut Facts, found: &Found, write: &LogWrite) -> Result<Planned, StoreError> {
    let Change::Send { id, key, text, reply_to, mentions, mentions_all } = &write.change else { panic!() };
    let (reply_to, mentions_all) = (*reply_to, *mentions_all);
    plan.send(facts, found, write, &Sending { id: *id, key, text, reply_to, mentions, mentions_all })
}

proptest! {
    #[test]
    fn seqs_are_gapless_and_keys_count_once(sends in prop::collection::vec((0u8..3, 0u8..4, 0u8..6, 0u8..2), 0..200)) {
        let mut facts = facts(&[(0, 0), (1, 7), (2, 100)]);
        let (mut batch, found) = (Plan::default(), Found::default());
        let mut first: HashMap<(u8, u8, u8), (u8, MessageId)> = HashMap::new();
        let mut events = Vec::new();
        for (ch, by, key, text) in sends {
            let write = write(ch, by, &format!("k{key}"), &format!("t{text}"), None);
            match (plan(&mut batch, &mut facts, &found, &write), first.get(&(ch, by, key))) {
                (Ok(Planned::Logged(event)), None) => {
                    let LogBody::MessageNew(message) = &event.body else { panic!() };
                    first.insert((ch, by, key), (text, message.id));
                    events.push(event);
                }
                (Ok(Planned::Duplicate(id)), Some((before, of))) => prop_assert!(id == *of && text == *before),
                (Err(StoreError::Conflict("key")), Some((before, _))) => prop_assert_ne!(text, *before),
                (other, before) => prop_assert!(false, "{other:?} after {before:?}"),
            }
        }
        let rows = batch.take_rows();
        for (ch, head) in [(0, 0), (1, 7), (2, 100)] {
            let seqs: Vec<u64> = events.iter().filter(|event| event.ch == channel(ch)).map(|event| event.seq).collect();
            let expected: Vec<u64> = (head + 1..).take(seqs.len()).collect();
            prop_assert_eq!(&seqs, &expected);
            prop_assert_eq!(facts.head(channel(ch)), Some(head + seqs.len() as u64));
            let stored = rows.entries.iter().filter(|entry| entry.channel == channel(ch)).map(|entry| entry.seq);
            prop_assert_eq!(stored.collect::<Vec<_>>(), expected);
        }
        let numbers: Vec<i64> = rows.messages.iter().map(|message| message.row).collect();
        prop_assert_eq!(numbers, (42..).take(events.len()).collect::<Vec<i64>>());
    }
}

#[test]
fn a_fingerprint_tells_every_part_of_a_body_apart() {
    let id = MessageId::fresh();
    let bodies = [("a", None), ("a", Some(0)), ("a", Some(1)), ("b", None), ("", Some(1))];
    let prints: HashSet<Fingerprint> = bodies.iter().map(|(text, reply)| fingerprint(id, text, *reply)).collect();
    assert_eq!(prints.len(), bodies.len());
    assert_ne!(fingerprint(id, "a", None), fingerprint(MessageId::fresh(), "a", None), "salted");
}

#[test]
fn a_reply_may_answer_a_message_of_its_own_batch() {
    let (mut facts, found, mut batch) = (facts(&[(0, 3), (1, 0)]), Found::default(), Plan::default());
    assert!(plan(&mut batch, &mut facts, &found, &write(0, 0, "a", "one", None)).is_ok());
    assert!(plan(&mut batch, &mut facts, &found, &write(0, 1, "b", "two", Some(4))).is_ok());
    let strays = [write(0, 1, "c", "x", Some(3)), write(1, 1, "d", "x", Some(4)), write(0, 1, "e", "x", Some(6))];
    for stray in strays {
        assert!(matches!(plan(&mut batch, &mut facts, &found, &stray), Err(StoreError::Missing)));
    }
    assert_eq!(facts.head(channel(0)), Some(5), "a refused write took a seq");
}

#[test]
fn what_is_not_there_is_missing() {
    let (mut facts, found, mut batch) = (facts(&[(0, 0)]), Found::default(), Plan::default());
    for stray in [write(9, 0, "a", "x", None), write(0, 9, "a", "x", None)] {
        assert!(matches!(plan(&mut batch, &mut facts, &found, &stray), Err(StoreError::Missing)));
    }
    assert!(batch.take_rows().entries.is_empty());
}

#[test]
fn only_what_is_not_known_is_looked_up() {
    let writes = [write(0, 0, "a", "x", Some(2)), write(5, 0, "b", "x", Some(2)), write(5, 9, "b", "x", None)];
    let wanted = Wanted::by(&writes, &facts(&[(0, 0)]));
    assert_eq!((wanted.channels, wanted.users), (HashSet::from([channel(5)]), HashSet::from([user(9)])));
    assert_eq!((wanted.keys.len(), wanted.replies.len()), (3, 2));
}

#[test]
fn stored_kinds_read_back() {
    for number in 0..8 {
        assert_eq!(Kind::of(number).map(|kind| kind as i64), Some(number));
    }
    assert_eq!(Kind::of(8), None);
}
