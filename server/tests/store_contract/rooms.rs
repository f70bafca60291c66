//! Rooms and channels.

use charge::{
    domain::{
        ChannelName, Role, RoomId, RoomTitle, Slug, Topic, UserId,
        wire::{ChannelKind, Topology},
    },
    store::{ChannelChange, RoomChange, StoreError, Unread},
};

use crate::world::{World, letter};

pub(crate) async fn a_room_comes_whole(world: World) {
    let ada = world.user("ada").await;
    let wanted = world.new_room(ada.id, "attic");
    let room = world.store.create_room(wanted.clone()).await.unwrap();
    assert_eq!((room.id, &room.slug, &room.title, &room.topic), (wanted.id, &wanted.slug, &wanted.title, &None));
    assert_eq!(world.store.room(room.id).await.unwrap(), Some(room.clone()));
    assert_eq!(world.store.room_for(&room.slug, ada.id).await.unwrap(), Some((room.clone(), Role::Owner)));
    assert_eq!(world.store.rooms_of(ada.id).await.unwrap(), [(room.clone(), Role::Owner)]);
    assert_eq!(world.store.rooms_owned(ada.id).await.unwrap(), 1);
    let channels = world.store.channels_of(room.id).await.unwrap();
    let seen: Vec<_> = channels.iter().map(|c| (c.letter, c.name.as_str(), c.kind, c.topology, c.head)).collect();
    let expected = [
        (letter("a"), "general", ChannelKind::Text, None, 0),
        (letter("b"), "lounge", ChannelKind::Voice, Some(Topology::Forwarded), 0),
    ];
    assert_eq!(seen, expected);
    for channel in channels {
        assert_eq!(channel.room, room.id);
        assert_eq!(world.store.channel(channel.id).await.unwrap(), Some(channel.clone()));
        assert_eq!(world.store.channel_for(channel.id, ada.id).await.unwrap(), Some((channel, Role::Owner)));
    }
    let member = world.store.member(room.id, ada.id).await.unwrap().unwrap();
    assert_eq!((member.role, member.joined_at, member.username.as_str()), (Role::Owner, wanted.created_at, "ada"));
}

pub(crate) async fn a_slug_is_taken_once(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let again = world.store.create_room(world.new_room(ada.id, "attic")).await;
    assert!(matches!(again, Err(StoreError::Taken("slug"))));
    assert_eq!(world.store.rooms_owned(ada.id).await.unwrap(), 1);
    let by_nobody = world.store.create_room(world.new_room(UserId::fresh(), "cellar")).await;
    assert!(matches!(by_nobody, Err(StoreError::Missing)));
    world.store.delete_room(room.id).await.unwrap();
    world.room(ada.id, "attic").await;
}

pub(crate) async fn strangers_see_nothing(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    assert_eq!(world.store.room_for(&room.slug, mio.id).await.unwrap(), None);
    assert_eq!(world.store.room_for(&Slug::parse("no-such-room").unwrap(), ada.id).await.unwrap(), None);
    assert_eq!(world.store.channel_for(channel, mio.id).await.unwrap(), None);
    assert!(world.store.rooms_of(mio.id).await.unwrap().is_empty());
    assert_eq!(world.store.rooms_owned(mio.id).await.unwrap(), 0);
    assert_eq!(world.store.member(room.id, mio.id).await.unwrap(), None);
}

pub(crate) async fn a_room_changes_in_part(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let topic = Topic::parse("what it is about").unwrap();
    let change = RoomChange { title: None, topic: Some(Some(topic.clone())) };
    let changed = world.store.update_room(room.id, change).await.unwrap();
    assert_eq!((&changed.title, &changed.topic), (&room.title, &Some(topic.clone())));
    let title = RoomTitle::parse("Another").unwrap();
    let change = RoomChange { title: Some(title.clone()), topic: None };
    let changed = world.store.update_room(room.id, change).await.unwrap();
    assert_eq!((&changed.title, &changed.topic), (&title, &Some(topic)));
    let cleared = world.store.update_room(room.id, RoomChange { title: None, topic: Some(None) }).await.unwrap();
    assert_eq!((&cleared.title, &cleared.topic), (&title, &None));
    let nowhere = world.store.update_room(RoomId::fresh(), RoomChange::default()).await;
    assert!(matches!(nowhere, Err(StoreError::Missing)));
}

pub(crate) async fn a_deleted_room_takes_everything_along(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    let (other, other_channel) = world.room(ada.id, "cellar").await;
    world.join(room.id, ada.id, mio.id).await;
    let invite = world.new_invite(room.id, ada.id);
    world.store.create_invite(invite.clone()).await.unwrap();
    let mut messages = Vec::new();
    for n in 0..1200 {
        messages.push(world.sending(channel, ada.id, &format!("key-{n}"), "hello"));
    }
    let writes = messages.into_iter().map(|write| {
        let store = world.store.clone();
        tokio::spawn(async move { store.append(write).await.unwrap() })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    let message = world.say(channel, ada.id, "last").await;
    let kept = world.say(other_channel, ada.id, "kept").await;
    world.store.delete_room(room.id).await.unwrap();
    assert!(matches!(world.store.delete_room(room.id).await, Err(StoreError::Missing)));
    let store = &world.store;
    assert_eq!(store.room(room.id).await.unwrap(), None);
    assert_eq!(store.channel(channel).await.unwrap(), None);
    assert_eq!(store.channel_for(channel, ada.id).await.unwrap(), None);
    assert!(store.channels_of(room.id).await.unwrap().is_empty());
    assert_eq!(store.message(message.id, ada.id).await.unwrap(), None);
    assert_eq!(store.invite(&invite.token).await.unwrap(), None);
    assert_eq!(store.member_count(room.id).await.unwrap(), 0);
    assert!(matches!(store.head(channel).await, Err(StoreError::Missing)));
    assert!(matches!(store.unread(channel, ada.id).await, Err(StoreError::Missing)));
    let late = store.append(world.sending(channel, ada.id, "late", "too late")).await;
    assert!(matches!(late, Err(StoreError::Missing)));
    // What is removed later takes nothing else along, also over a restart.
    let world = world.reopen().await;
    for n in 0..20 {
        world.store.set_setting("n", Some(&n.to_string())).await.unwrap();
    }
    assert_eq!(world.store.message(kept.id, ada.id).await.unwrap().unwrap().text, "kept");
    assert_eq!(world.store.head(other_channel).await.unwrap(), 1);
    assert_eq!(world.store.rooms_of(ada.id).await.unwrap().len(), 1);
    assert_eq!(world.store.room(other.id).await.unwrap().unwrap().id, other.id);
}

pub(crate) async fn letters_run_out_and_come_back(world: World) {
    let ada = world.user("ada").await;
    let (room, text) = world.room(ada.id, "attic").await;
    let name = ChannelName::parse("one more").unwrap();
    let make = || world.store.create_channel(room.id, &name, ChannelKind::Text, None, world.now());
    for expected in 'c'..='z' {
        assert_eq!(make().await.unwrap().letter.as_char(), expected);
    }
    assert!(matches!(make().await, Err(StoreError::Full(_))));
    world.say(text, ada.id, "gone soon").await;
    let gone = world.store.delete_channel(room.id, letter("a")).await.unwrap().unwrap();
    assert_eq!((gone.id, gone.head), (text, 1));
    assert_eq!(world.store.delete_channel(room.id, letter("a")).await.unwrap(), None);
    assert_eq!(world.store.channel(text).await.unwrap(), None);
    let again = make().await.unwrap();
    assert_eq!((again.letter, again.head), (letter("a"), 0));
    assert_ne!(again.id, text);
    let letters: String = world.store.channels_of(room.id).await.unwrap().iter().map(|c| c.letter.as_char()).collect();
    assert_eq!(letters, "abcdefghijklmnopqrstuvwxyz");
    let nowhere = world.store.create_channel(RoomId::fresh(), &name, ChannelKind::Text, None, world.now()).await;
    assert!(matches!(nowhere, Err(StoreError::Missing)));
}

pub(crate) async fn a_channel_changes_in_part(world: World) {
    let ada = world.user("ada").await;
    let (room, text) = world.room(ada.id, "attic").await;
    let name = ChannelName::parse("stage").unwrap();
    let voice = world
        .store
        .create_channel(room.id, &name, ChannelKind::Voice, Some(Topology::Direct), world.now())
        .await
        .unwrap();
    assert_eq!(voice.topology, Some(Topology::Direct));
    let change = ChannelChange { topology: Some(Topology::Forwarded), ..ChannelChange::default() };
    assert_eq!(world.store.update_channel(voice.id, change).await.unwrap().topology, Some(Topology::Forwarded));
    let change = ChannelChange {
        name: Some(ChannelName::parse("talk").unwrap()),
        topic: Some(Some(Topic::parse("things").unwrap())),
        topology: Some(Topology::Direct),
    };
    let changed = world.store.update_channel(text, change).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.topology), ("talk", None), "a text channel has no topology");
    let change = ChannelChange { topic: Some(None), ..ChannelChange::default() };
    let cleared = world.store.update_channel(text, change).await.unwrap();
    assert_eq!((cleared.name.as_str(), cleared.topic), ("talk", None));
    world.say(text, ada.id, "one").await;
    let for_ada = world.store.channels_for(room.id, ada.id).await.unwrap();
    assert_eq!(for_ada[0].0.head, 1);
    assert_eq!(for_ada[0].1, Unread { upto: 0, head: 1, unread: 0, mentions: 0 });
    let missing = world.store.update_channel(charge::domain::ChannelId::fresh(), ChannelChange::default()).await;
    assert!(matches!(missing, Err(StoreError::Missing)));
}
