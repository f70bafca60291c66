//! The channel log: order, idempotency, projection, publication.

use std::collections::BTreeMap;

use charge::{
    domain::{
        ChannelId, DisplayName, MessageId, UserId,
        limits::WRITE_QUEUE,
        wire::{LogBody, LogEvent, Reaction},
    },
    metrics::Metrics,
    store::{Appended, Change, HistoryRange, Store, StoreError, UserChange},
};

use crate::world::{World, edit, logged, react, said, send};

async fn log(store: &Store, channel: ChannelId) -> Vec<LogEvent> {
    store.log_after(channel, 0, 100_000).await.unwrap()
}

pub(crate) async fn a_message_is_logged_and_answered(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    assert_eq!(world.store.head(channel).await.unwrap(), 0);
    let write = world.sending(channel, ada.id, "k1", "hello\nworld ✓");
    let at = write.at;
    let event = logged(world.store.append(write).await.unwrap());
    let LogBody::MessageNew(message) = &event.body else { panic!("{event:?}") };
    assert_eq!((event.ch, event.seq, message.seq, message.channel), (channel, 1, 1, channel));
    assert_eq!((message.text.as_str(), message.created_at), ("hello\nworld ✓", at));
    assert_eq!((message.author.id, message.author.name.as_str()), (ada.id, "ada the person"));
    assert!(!message.deleted && message.edited_at.is_none() && message.reply_to.is_none() && !message.pinned);
    assert_eq!(world.store.head(channel).await.unwrap(), 1);
    assert_eq!(log(&world.store, channel).await.as_slice(), std::slice::from_ref(&event));
    assert_eq!(world.store.message(message.id, ada.id).await.unwrap().as_ref(), Some(message));
    let whole = HistoryRange { before: None, after: None, limit: 10 };
    let page = world.store.history(channel, ada.id, whole).await.unwrap();
    assert_eq!(page.messages.as_slice(), std::slice::from_ref(message));
    assert_eq!(world.store.message(MessageId::fresh(), ada.id).await.unwrap(), None);
    assert!(world.metrics.commit_seconds.get_sample_count() > 0);
    assert_eq!(world.metrics.write_queue.get(), 0);
    assert_eq!(world.finish().await, [event]);
}

pub(crate) async fn a_key_is_used_once(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (_, channel) = world.room(ada.id, "attic").await;
    let (_, other) = world.room(ada.id, "cellar").await;
    let first = world.say(channel, ada.id, "to answer").await;
    let write = |text, reply_to| world.write(channel, ada.id, send("key", text, reply_to));
    let message = said(world.store.append(write("hello", Some(first.seq))).await.unwrap());
    match world.store.append(write("hello", Some(first.seq))).await.unwrap() {
        Appended::Duplicate(again) => assert_eq!(again, message),
        other => panic!("{other:?}"),
    }
    for (text, reply_to) in [("hullo", Some(first.seq)), ("hello", None), ("hello", Some(message.seq))] {
        let refused = world.store.append(write(text, reply_to)).await;
        assert!(matches!(refused, Err(StoreError::Conflict("key"))), "{refused:?}");
    }
    assert_eq!(world.store.head(channel).await.unwrap(), 2);
    // The same key of another sender, and in another channel, is another key.
    assert_eq!(said(world.store.append(world.sending(channel, mio.id, "key", "x")).await.unwrap()).seq, 3);
    assert_eq!(said(world.store.append(world.sending(other, ada.id, "key", "y")).await.unwrap()).seq, 1);
    assert_eq!(world.finish().await.len(), 4);
}

pub(crate) async fn a_key_outlives_edit_and_deletion(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let message = said(world.store.append(world.sending(channel, ada.id, "key", "first")).await.unwrap());
    world.change(channel, ada.id, edit(message.id, "second")).await.unwrap();
    world.change(channel, ada.id, react(message.id, "🎉", true)).await.unwrap();
    let again = async |text| world.store.append(world.sending(channel, ada.id, "key", text)).await;
    let Appended::Duplicate(now) = again("first").await.unwrap() else { panic!() };
    assert_eq!((now.id, now.text.as_str()), (message.id, "second"));
    assert_eq!(now.reactions, [Reaction { emoji: "🎉".to_owned(), count: 1, me: true }]);
    assert!(matches!(again("second").await, Err(StoreError::Conflict("key"))));
    world.change(channel, ada.id, Change::Delete { message: message.id }).await.unwrap();
    let world = world.reopen().await;
    let again = async |text| world.store.append(world.sending(channel, ada.id, "key", text)).await;
    let Appended::Duplicate(now) = again("first").await.unwrap() else { panic!() };
    assert!(now.deleted && now.text.is_empty() && now.seq == message.seq);
    assert!(matches!(again("other").await, Err(StoreError::Conflict("key"))));
}

pub(crate) async fn racing_keys_become_one_message(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    for round in 0..5 {
        let mut callers = Vec::new();
        for n in 0..40 {
            // Two bodies race for one key.
            let write = world.sending(channel, ada.id, &format!("key-{round}"), if n % 4 == 0 { "b" } else { "a" });
            let store = world.store.clone();
            callers.push(tokio::spawn(async move { store.append(write).await }));
        }
        let (mut new, mut same, mut conflicts) = (Vec::new(), Vec::new(), 0);
        for caller in callers {
            match caller.await.unwrap() {
                Ok(Appended::Logged(event)) => new.push(said(Appended::Logged(event))),
                Ok(Appended::Duplicate(message)) => same.push(message),
                Err(StoreError::Conflict("key")) => conflicts += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(new.len(), 1);
        assert!(same.iter().all(|message| *message == new[0]));
        assert_eq!(conflicts, if new[0].text == "a" { 10 } else { 30 });
        assert_eq!(world.store.head(channel).await.unwrap(), round + 1);
    }
}

pub(crate) async fn replies_need_a_message(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let (_, other) = world.room(ada.id, "cellar").await;
    let message = world.say(channel, ada.id, "one").await;
    world.change(channel, ada.id, react(message.id, "👍", true)).await.unwrap();
    let reply =
        async |channel, seq| world.change(channel, ada.id, send(&UserId::fresh().to_string(), "re", Some(seq))).await;
    assert_eq!(said(reply(channel, 1).await.unwrap()).reply_to, Some(1));
    for (channel, seq) in [(channel, 0), (channel, 2), (channel, 99), (channel, u64::MAX), (other, 1)] {
        assert!(matches!(reply(channel, seq).await, Err(StoreError::Missing)), "{seq}");
    }
    assert_eq!(world.store.head(channel).await.unwrap(), 3);
    let stranger = world.store.append(world.sending(channel, UserId::fresh(), "k", "x")).await;
    assert!(matches!(stranger, Err(StoreError::Missing)));
    let nowhere = world.store.append(world.sending(ChannelId::fresh(), ada.id, "k", "x")).await;
    assert!(matches!(nowhere, Err(StoreError::Missing)));
}

pub(crate) async fn mentions_name_members(world: World) {
    let (ada, mio, out) = (world.user("ada").await, world.user("mio").await, world.user("outsider").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    world.join(room.id, ada.id, mio.id).await;
    let change = match send("key", "@mio @ada @outsider @nobody", None) {
        Change::Send { id, key, text, .. } => Change::Send {
            id,
            key,
            text,
            reply_to: None,
            mentions: ["mio", "ada", "outsider", "nobody", "mio"].map(str::to_owned).to_vec(),
            mentions_all: false,
        },
        other => other,
    };
    let message = said(world.change(channel, ada.id, change).await.unwrap());
    let mut expected = vec![ada.id, mio.id];
    expected.sort();
    assert_eq!(message.mentions, expected);
    assert!(!message.mentions.contains(&out.id));
    assert_eq!(world.store.message(message.id, mio.id).await.unwrap(), Some(message.clone()));
    assert_eq!(said(Appended::Logged(log(&world.store, channel).await[0].clone())), message);
}

pub(crate) async fn an_edit_is_seen_everywhere(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let (_, other) = world.room(ada.id, "cellar").await;
    let message = world.say(channel, ada.id, "first").await;
    let write = world.write(channel, ada.id, edit(message.id, "second"));
    let at = write.at;
    let event = logged(world.store.append(write).await.unwrap());
    let expected = LogBody::MessageEdit { message: message.id, text: "second".to_owned(), edited_at: at, by: ada.id };
    assert_eq!((event.seq, &event.body), (2, &expected));
    let now = world.store.message(message.id, ada.id).await.unwrap().unwrap();
    assert_eq!((now.text.as_str(), now.edited_at, now.created_at), ("second", Some(at), message.created_at));
    // The log tells the text as it is now, and then the edit again: the same end for everyone.
    assert_eq!(
        log(&world.store, channel).await,
        [LogEvent { ch: channel, seq: 1, body: LogBody::MessageNew(now) }, event]
    );
    let same = world.change(channel, ada.id, edit(message.id, "second")).await.unwrap();
    assert!(matches!(same, Appended::Unchanged(2)));
    for (channel, id) in [(channel, MessageId::fresh()), (other, message.id)] {
        assert!(matches!(world.change(channel, ada.id, edit(id, "x")).await, Err(StoreError::Missing)));
    }
    assert_eq!(world.store.head(other).await.unwrap(), 0);
}

pub(crate) async fn a_deletion_leaves_no_text(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    world.join(room.id, ada.id, mio.id).await;
    let message = world.say(channel, ada.id, "secret one").await;
    world.change(channel, ada.id, edit(message.id, "secret two")).await.unwrap();
    world.change(channel, mio.id, react(message.id, "👀", true)).await.unwrap();
    world.change(channel, ada.id, Change::Pin { message: message.id, add: true }).await.unwrap();
    let event = logged(world.change(channel, mio.id, Change::Delete { message: message.id }).await.unwrap());
    assert_eq!(event.body, LogBody::MessageDelete { message: message.id, by: mio.id });
    let now = world.store.message(message.id, mio.id).await.unwrap().unwrap();
    assert!(now.deleted && now.text.is_empty() && now.reactions.is_empty() && !now.pinned && now.edited_at.is_none());
    let told = format!("{:?}", log(&world.store, channel).await);
    assert!(!told.contains("secret"), "{told}");
    assert_eq!(log(&world.store, channel).await.len(), 5);
    let again = world.change(channel, ada.id, Change::Delete { message: message.id }).await.unwrap();
    assert!(matches!(again, Appended::Unchanged(5)));
    for change in [edit(message.id, "x"), react(message.id, "👍", true), Change::Pin { message: message.id, add: true }]
    {
        assert!(matches!(world.change(channel, ada.id, change).await, Err(StoreError::Missing)));
    }
    let unknown = Change::Delete { message: MessageId::fresh() };
    assert!(matches!(world.change(channel, ada.id, unknown).await, Err(StoreError::Missing)));
}

pub(crate) async fn reactions_count_people(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (_, channel) = world.room(ada.id, "attic").await;
    let message = world.say(channel, ada.id, "hello").await;
    let do_react = async |by, emoji, add| world.change(channel, by, react(message.id, emoji, add)).await.unwrap();
    let event = logged(do_react(mio.id, "🎉", true).await);
    let body = LogBody::ReactionAdd { message: message.id, emoji: "🎉".to_owned(), user: mio.id };
    assert_eq!((event.seq, event.body), (2, body));
    assert!(matches!(do_react(mio.id, "🎉", true).await, Appended::Unchanged(2)));
    do_react(ada.id, "👍", true).await;
    do_react(ada.id, "🎉", true).await;
    let seen = async |user| world.store.message(message.id, user).await.unwrap().unwrap().reactions;
    let reaction = |emoji: &str, count, me| Reaction { emoji: emoji.to_owned(), count, me };
    assert_eq!(seen(ada.id).await, [reaction("🎉", 2, true), reaction("👍", 1, true)], "in order of first use");
    assert_eq!(seen(mio.id).await, [reaction("🎉", 2, true), reaction("👍", 1, false)]);
    let event = logged(do_react(mio.id, "🎉", false).await);
    let body = LogBody::ReactionRemove { message: message.id, emoji: "🎉".to_owned(), user: mio.id };
    assert_eq!((event.seq, event.body), (5, body));
    assert!(matches!(do_react(mio.id, "🎉", false).await, Appended::Unchanged(5)));
    assert_eq!(seen(mio.id).await, [reaction("👍", 1, false), reaction("🎉", 1, false)]);
    let LogBody::MessageNew(new) = &log(&world.store, channel).await[0].body else { panic!() };
    assert!(new.reactions.is_empty(), "their own entries follow");
}

pub(crate) async fn pins_come_and_go(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let message = world.say(channel, ada.id, "hello").await;
    let pin = async |add| world.change(channel, ada.id, Change::Pin { message: message.id, add }).await.unwrap();
    let pinned = async || world.store.message(message.id, ada.id).await.unwrap().unwrap().pinned;
    assert!(matches!(pin(false).await, Appended::Unchanged(1)));
    assert_eq!(logged(pin(true).await).body, LogBody::PinAdd { message: message.id, by: ada.id });
    assert!(pinned().await);
    assert!(matches!(pin(true).await, Appended::Unchanged(2)));
    let LogBody::MessageNew(new) = &log(&world.store, channel).await[0].body else { panic!() };
    assert!(!new.pinned, "its own entry follows");
    assert_eq!(logged(pin(false).await).body, LogBody::PinRemove { message: message.id, by: ada.id });
    assert!(!pinned().await);
}

pub(crate) async fn names_follow_a_rename(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    assert_eq!(world.say(channel, ada.id, "one").await.author.name, "ada the person");
    let name = Some(DisplayName::parse("Ada Lovelace").unwrap());
    world.store.update_user(ada.id, UserChange { display_name: name, settings: None }).await.unwrap();
    assert_eq!(world.say(channel, ada.id, "two").await.author.name, "Ada Lovelace");
    for event in log(&world.store, channel).await {
        assert_eq!(said(Appended::Logged(event)).author.name, "Ada Lovelace");
    }
}

pub(crate) async fn a_bad_write_fails_alone(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let before = world.say(channel, ada.id, "before").await;
    let mut callers = Vec::new();
    for n in 0..60 {
        let key = format!("key-{n}");
        let change = match n % 6 {
            0 => send(&key, "re", Some(999)),
            1 => edit(MessageId::fresh(), "x"),
            // A message id that is in use breaks a rule of the database itself.
            2 => match send(&key, "x", None) {
                Change::Send { key, text, reply_to, mentions, mentions_all, .. } => {
                    Change::Send { id: before.id, key, text, reply_to, mentions, mentions_all }
                }
                other => other,
            },
            _ => send(&key, "good", None),
        };
        let (store, write) = (world.store.clone(), world.write(channel, ada.id, change));
        callers.push(tokio::spawn(async move { store.append(write).await }));
    }
    let mut seqs = Vec::new();
    for (n, caller) in callers.into_iter().enumerate() {
        match (n % 6, caller.await.unwrap()) {
            (0 | 1, Err(StoreError::Missing)) | (2, Err(StoreError::Conflict(_))) => {}
            (3.., Ok(appended)) => seqs.push(said(appended).seq),
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=31).collect::<Vec<u64>>());
    assert_eq!(log(&world.store, channel).await.len(), 31);
}

pub(crate) async fn a_thousand_senders_see_one_order(world: World) {
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(world.user(&format!("user-{n}")).await.id);
    }
    let mut channels = Vec::new();
    for (n, owner) in people.iter().enumerate().take(5) {
        channels.push(world.room(*owner, &format!("room-{n}")).await.1);
    }
    let mut callers = Vec::new();
    for n in 0..1000 {
        let write = world.sending(channels[n % 5], people[n % 10], &format!("key-{n}"), &format!("message {n}"));
        let store = world.store.clone();
        callers.push(tokio::spawn(async move {
            let event = logged(store.append(write).await.unwrap());
            let LogBody::MessageNew(message) = &event.body else { panic!() };
            assert_eq!(message.text, format!("message {n}"), "somebody else's answer");
            event
        }));
    }
    let mut answers: BTreeMap<ChannelId, Vec<LogEvent>> = BTreeMap::new();
    for caller in callers {
        let event = caller.await.unwrap();
        answers.entry(event.ch).or_default().push(event);
    }
    let mut logs = BTreeMap::new();
    for (channel, answered) in &mut answers {
        answered.sort_by_key(|event| event.seq);
        let stored = log(&world.store, *channel).await;
        assert_eq!(&stored, answered);
        assert_eq!(stored.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
        logs.insert(*channel, stored);
    }
    let mut published: BTreeMap<ChannelId, Vec<LogEvent>> = BTreeMap::new();
    for event in world.finish().await {
        published.entry(event.ch).or_default().push(event);
    }
    assert_eq!(published, logs, "published in order and exactly once");
}

pub(crate) async fn a_caller_that_leaves_costs_nothing(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    for n in 0..50 {
        let write = world.sending(channel, ada.id, &format!("key-{n}"), "hello");
        let store = world.store.clone();
        let caller = tokio::spawn(async move { store.append(write).await });
        tokio::task::yield_now().await;
        caller.abort();
        let _ = caller.await;
    }
    world.say(channel, ada.id, "last").await;
    let stored = log(&world.store, channel).await;
    assert_eq!(stored.len() as u64, world.store.head(channel).await.unwrap(), "gapless");
    assert_eq!(world.finish().await, stored);
}

pub(crate) async fn nobody_has_to_listen(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    world.store.close().await;
    let (store, committed) = Store::open(&world.options, &Metrics::new().unwrap()).await.unwrap();
    drop(committed);
    for n in 0..5 {
        let write = world.sending(channel, ada.id, &format!("key-{n}"), "hello");
        assert_eq!(logged(store.append(write).await.unwrap()).seq, n + 1);
    }
    store.close().await;
}

pub(crate) async fn closing_does_not_wait_for_a_listener(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    world.store.close().await;
    let (store, _never_read) = Store::open(&world.options, &Metrics::new().unwrap()).await.unwrap();
    let writes: Vec<_> = (0..400).map(|n| world.sending(channel, ada.id, &format!("key-{n}"), "hello")).collect();
    let sender = tokio::spawn({
        let store = store.clone();
        async move {
            let mut stored = 0;
            for write in writes {
                match store.append(write).await {
                    Ok(_) => stored += 1,
                    Err(StoreError::Unavailable(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            stored
        }
    });
    // By then the listener's queue is well on its way to being full.
    while store.head(channel).await.unwrap() < 250 {
        tokio::task::yield_now().await;
    }
    store.close().await;
    let stored = sender.await.unwrap();
    let (store, _committed) = Store::open(&world.options, &Metrics::new().unwrap()).await.unwrap();
    assert_eq!(store.head(channel).await.unwrap(), stored);
}

pub(crate) async fn a_closed_store_refuses(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    world.say(channel, ada.id, "one").await;
    world.store.close().await;
    world.store.close().await;
    let refused = world.store.append(world.sending(channel, ada.id, "k", "x")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(matches!(world.store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(world.store.user(ada.id).await, Err(StoreError::Unavailable(_))));
}

pub(crate) async fn what_was_answered_survives_reopening(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let mut callers = Vec::new();
    for n in 0..100 {
        let (store, write) = (world.store.clone(), world.sending(channel, ada.id, &format!("key-{n}"), "hello"));
        callers.push(tokio::spawn(async move { logged(store.append(write).await.unwrap()) }));
    }
    let mut answered = Vec::new();
    for caller in callers {
        answered.push(caller.await.unwrap());
    }
    answered.sort_by_key(|event| event.seq);
    let world = world.reopen().await;
    assert_eq!(log(&world.store, channel).await, answered);
    assert_eq!(world.say(channel, ada.id, "more").await.seq, 101);
}

pub(crate) async fn a_full_queue_refuses_at_once(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let callers: Vec<_> = (0..WRITE_QUEUE * 3)
        .map(|n| {
            let (store, write) = (world.store.clone(), world.sending(channel, ada.id, &format!("key-{n}"), "x"));
            async move { store.append(write).await }
        })
        .collect();
    let (mut stored, mut refused) = (0, 0);
    for answer in futures_util::future::join_all(callers).await {
        match answer {
            Ok(_) => stored += 1,
            Err(StoreError::Overloaded) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0, "the queue has no end");
    assert_eq!(world.store.head(channel).await.unwrap(), stored);
    assert_eq!(world.metrics.write_queue.get(), 0);
    world.say(channel, ada.id, "after").await;
}
