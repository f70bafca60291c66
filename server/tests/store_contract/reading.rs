//! History, read markers, counts.

use charge::{
    domain::{ChannelId, UserId},
    store::{Change, HistoryRange, StoreError, Unread},
};

use crate::world::{World, react, said, send};

pub(crate) async fn history_pages_both_ways(world: World) {
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let mut seqs = Vec::new();
    for n in 0..10 {
        let message = world.say(channel, ada.id, &format!("message {n}")).await;
        seqs.push(message.seq);
        // Entries that are no messages lie between them.
        world.change(channel, ada.id, react(message.id, "👍", true)).await.unwrap();
    }
    let page = async |before, after, limit| {
        let page = world.store.history(channel, ada.id, HistoryRange { before, after, limit }).await.unwrap();
        assert_eq!(page.head, 20);
        (page.messages.iter().map(|message| message.seq).collect::<Vec<_>>(), page.has_more)
    };
    assert_eq!(page(None, None, 3).await, (seqs[7..].to_vec(), true));
    assert_eq!(page(Some(seqs[7]), None, 3).await, (seqs[4..7].to_vec(), true));
    assert_eq!(page(Some(seqs[3]), None, 3).await, (seqs[..3].to_vec(), false));
    assert_eq!(page(Some(seqs[0]), None, 3).await, (vec![], false));
    assert_eq!(page(None, Some(seqs[2]), 3).await, (seqs[3..6].to_vec(), true));
    assert_eq!(page(None, Some(seqs[6]), 3).await, (seqs[7..].to_vec(), false));
    assert_eq!(page(Some(seqs[4]), Some(seqs[0]), 10).await, (seqs[1..4].to_vec(), false));
    assert_eq!(page(Some(u64::MAX), None, 100).await, (seqs.clone(), false));
    assert_eq!(page(None, Some(u64::MAX), 100).await, (vec![], false));
    let whole = HistoryRange { before: None, after: None, limit: 100 };
    let nowhere = world.store.history(ChannelId::fresh(), ada.id, whole).await;
    assert!(matches!(nowhere, Err(StoreError::Missing)));
    assert!(world.store.log_after(channel, u64::MAX, 10).await.unwrap().is_empty());
    let log = world.store.log_after(channel, 5, 4).await.unwrap();
    assert_eq!(log.iter().map(|event| event.seq).collect::<Vec<_>>(), [6, 7, 8, 9]);
}

pub(crate) async fn unread_counts_others_living_messages(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    world.join(room.id, ada.id, mio.id).await;
    let first = world.say(channel, ada.id, "one").await;
    world.say(channel, ada.id, "two").await;
    world.say(channel, mio.id, "mine").await;
    world.change(channel, ada.id, react(first.id, "👍", true)).await.unwrap();
    let counts = async |user: UserId| world.store.unread(channel, user).await.unwrap();
    assert_eq!(counts(mio.id).await, Unread { upto: 0, head: 4, unread: 2, mentions: 0 });
    assert_eq!(counts(ada.id).await, Unread { upto: 0, head: 4, unread: 1, mentions: 0 });
    world.change(channel, ada.id, Change::Delete { message: first.id }).await.unwrap();
    assert_eq!(counts(mio.id).await, Unread { upto: 0, head: 5, unread: 1, mentions: 0 });
    let listed = world.store.channels_for(room.id, mio.id).await.unwrap();
    assert_eq!(listed[0].1, counts(mio.id).await);
    assert_eq!(listed[1].1, Unread::default());
    assert_eq!(
        world.store.mark_read(channel, mio.id, 5).await.unwrap(),
        Unread { upto: 5, head: 5, ..Unread::default() }
    );
}

pub(crate) async fn markers_only_move_forward(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    world.join(room.id, ada.id, mio.id).await;
    for n in 0..5 {
        world.say(channel, ada.id, &n.to_string()).await;
    }
    let mark = async |upto| world.store.mark_read(channel, mio.id, upto).await.unwrap();
    assert_eq!(mark(3).await, Unread { upto: 3, head: 5, unread: 2, mentions: 0 });
    assert_eq!(mark(2).await.upto, 3);
    assert_eq!(mark(u64::MAX).await, Unread { upto: 5, head: 5, unread: 0, mentions: 0 });
    assert_eq!(mark(0).await.upto, 5);
    world.say(channel, ada.id, "more").await;
    let mut callers = Vec::new();
    for n in 0..50 {
        let (store, mio) = (world.store.clone(), mio.id);
        callers.push(tokio::spawn(async move { store.mark_read(channel, mio, n % 7).await.unwrap() }));
    }
    for caller in callers {
        assert!((5..=6).contains(&caller.await.unwrap().upto));
    }
    assert_eq!(world.store.unread(channel, mio.id).await.unwrap().upto, 6);
    let nowhere = world.store.mark_read(ChannelId::fresh(), mio.id, 1).await;
    assert!(matches!(nowhere, Err(StoreError::Missing)));
}

pub(crate) async fn mentions_count_once(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    world.join(room.id, ada.id, mio.id).await;
    let mention = async |by, names: &[&str], all: bool| {
        let Change::Send { id, key, text, .. } = send(&UserId::fresh().to_string(), "look", None) else { panic!() };
        let mentions = names.iter().map(|&name| name.to_owned()).collect();
        let change = Change::Send { id, key, text, reply_to: None, mentions, mentions_all: all };
        said(world.change(channel, by, change).await.unwrap())
    };
    let named = mention(ada.id, &["mio"], false).await;
    mention(ada.id, &["mio"], true).await;
    mention(ada.id, &[], true).await;
    mention(mio.id, &["mio"], true).await;
    world.say(channel, ada.id, "nobody").await;
    let counts = async |user| {
        let counts = world.store.unread(channel, user).await.unwrap();
        (counts.unread, counts.mentions)
    };
    assert_eq!(counts(mio.id).await, (4, 3));
    assert_eq!(counts(ada.id).await, (1, 1));
    world.change(channel, ada.id, Change::Delete { message: named.id }).await.unwrap();
    assert_eq!(counts(mio.id).await, (3, 2));
    let read = world.store.mark_read(channel, mio.id, 2).await.unwrap();
    assert_eq!((read.unread, read.mentions), (2, 1));
}

pub(crate) async fn newcomers_start_at_the_head(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    for n in 0..3 {
        world.say(channel, ada.id, &n.to_string()).await;
    }
    world.join(room.id, ada.id, mio.id).await;
    assert_eq!(world.store.unread(channel, mio.id).await.unwrap(), Unread { upto: 3, head: 3, unread: 0, mentions: 0 });
    world.say(channel, ada.id, "welcome").await;
    assert_eq!(world.store.unread(channel, mio.id).await.unwrap().unread, 1);
    world.store.remove_member(room.id, mio.id).await.unwrap();
    world.say(channel, ada.id, "meanwhile").await;
    world.join(room.id, ada.id, mio.id).await;
    assert_eq!(world.store.unread(channel, mio.id).await.unwrap().unread, 0);
}
