//! What REST changed reaches those who are there.

use std::time::Duration;

use charge::{
    domain::{
        ChannelName, DisplayName, IdempotencyKey, Role, RoomTitle,
        limits::ROOM_IDLE,
        wire::{ErrorCode, Send},
    },
    live::RoomNews,
    store::{ChannelChange, RoomChange, UserChange},
};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_new_member_is_told_and_attached() {
    let world = World::new().await;
    let mio = world.stranger("mio").await;
    let (mut ada, mut mio_client) = (world.connect(&world.ada).await, world.connect(&mio).await);
    world.join(&world.room, &mio).await;
    let joined = ada.event("member.joined").await;
    assert_eq!(
        joined["d"],
        json!({ "room": world.room.id, "user": mio.id, "name": "mio the person", "username": "mio", "role": "member" })
    );
    let state = mio_client.event("presence.state").await;
    assert_eq!(state["d"]["room"], json!(world.room.id));
    mio_client.ok("sub", None, json!([{ "ch": world.text }])).await;
    ada.say(world.text, "k", "welcome").await;
    assert_eq!(mio_client.event("message.new").await["d"]["text"], "welcome");
}

#[tokio::test]
async fn the_first_member_online_wakes_the_room() {
    let world = World::new().await;
    let mio = world.stranger("mio").await;
    let mut mio_client = world.connect(&mio).await;
    assert_eq!(world.metrics.rooms.get(), 0);
    world.join(&world.room, &mio).await;
    assert_eq!(
        mio_client.event("presence.state").await["d"]["online"],
        json!([{ "user": mio.id, "status": "online" }])
    );
}

#[tokio::test]
async fn a_renamed_room_is_shown_with_each_readers_own_counts() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut mio) = (world.follow(&world.ada).await, world.connect(&mio).await);
    ada.say(world.text, "1", "hi @mio").await;
    let change = RoomChange { title: Some(RoomTitle::parse("The Attic").unwrap()), topic: None };
    let room = world.store.update_room(world.room.id, change).await.unwrap();
    world.live.tell(world.room.id, RoomNews::RoomChanged(room)).await;
    let (for_ada, for_mio) = (ada.event("room.changed").await, mio.event("room.changed").await);
    assert_eq!((&for_ada["d"]["title"], &for_mio["d"]["title"]), (&json!("The Attic"), &json!("The Attic")));
    assert_eq!((&for_ada["d"]["role"], &for_mio["d"]["role"]), (&json!("owner"), &json!("member")));
    assert_eq!(for_ada["d"]["channels"][0]["unread"], 0);
    assert_eq!(
        (&for_mio["d"]["channels"][0]["unread"], &for_mio["d"]["channels"][0]["mentions"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(for_mio["d"]["channels"][1]["kind"], "voice");
}

#[tokio::test]
async fn channels_come_change_and_go() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    let channel = world.another_channel("plans").await;
    let new = ada.event("channel.new").await;
    assert_eq!((&new["d"]["id"], &new["d"]["letter"]), (&json!(channel.id), &json!("c")));
    ada.ok("sub", None, json!([{ "ch": channel.id }])).await;
    ada.say(channel.id, "k", "hi").await;
    assert_eq!(ada.event("message.new").await["ch"], json!(channel.id));
    let change = ChannelChange { name: Some(ChannelName::parse("dreams").unwrap()), ..ChannelChange::default() };
    let changed = world.store.update_channel(channel.id, change).await.unwrap();
    world.live.tell(world.room.id, RoomNews::ChannelChanged(changed)).await;
    let changed = ada.event("channel.changed").await;
    assert_eq!((&changed["d"]["name"], &changed["d"]["head"]), (&json!("dreams"), &json!(1)));
    ada.say(channel.id, "k2", "still subscribed").await;
    assert_eq!(ada.event("message.new").await["seq"], 2);
}

#[tokio::test]
async fn what_was_written_before_a_room_knew_its_channel_is_not_lost() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    // The store has the channel and a message in it before the room hears of either.
    let name = ChannelName::parse("early").unwrap();
    let kind = charge::domain::wire::ChannelKind::Text;
    let channel = world.store.create_channel(world.room.id, &name, kind, None, crate::world::now()).await.unwrap();
    let body = serde_json::from_value(json!({ "key": "k", "text": "first" })).unwrap();
    let refused = world.live.send(world.ada.id, channel.id, body).await;
    assert_eq!(refused.unwrap_err().code.as_str(), "not_found", "the running room does not know it yet");
    let write = charge::store::LogWrite {
        channel: channel.id,
        by: world.ada.id,
        at: crate::world::now(),
        change: charge::store::Change::Send {
            id: charge::domain::MessageId::fresh(),
            key: charge::domain::IdempotencyKey::parse("k").unwrap(),
            text: charge::domain::MessageText::parse("first", 100).unwrap(),
            reply_to: None,
            mentions: Vec::new(),
            mentions_all: false,
        },
    };
    world.store.append(write).await.unwrap();
    world.live.tell(world.room.id, RoomNews::ChannelNew(channel.clone())).await;
    ada.find(|frame| frame["ev"] == "unread" && frame["d"]["head"] == 1).await;
    let subscribed = ada.ok("sub", None, json!([{ "ch": channel.id, "after": 0 }])).await;
    assert_eq!(subscribed[0]["events"][0]["d"]["text"], "first");
}

#[tokio::test]
async fn roles_and_names_change_for_everybody() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut ada = world.connect(&world.ada).await;
    world.set_role(&mio, Role::Admin).await;
    let changed = ada.event("member.changed").await;
    assert_eq!((&changed["d"]["user"], &changed["d"]["role"]), (&json!(mio.id), &json!("admin")));
    let change = UserChange { display_name: Some(DisplayName::parse("Mio M.").unwrap()), settings: None };
    world.store.update_user(mio.id, change).await.unwrap();
    world.live.user_changed(mio.id).await;
    assert_eq!(ada.event("member.changed").await["d"]["name"], "Mio M.");
}

#[tokio::test]
async fn late_news_let_nobody_back_in() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut ada = world.connect(&world.ada).await;
    world.kick(&mio).await;
    assert_eq!(ada.event("member.left").await["d"]["user"], json!(mio.id));
    // What was on its way when they were removed.
    world.live.tell(world.room.id, RoomNews::MemberChanged(mio.id)).await;
    world.live.tell(world.room.id, RoomNews::MemberJoined(mio.id)).await;
    let send = Send { key: IdempotencyKey::parse("k").unwrap(), text: "still here".into(), reply_to: None };
    assert_eq!(world.live.send(mio.id, world.text, send).await.unwrap_err().code, ErrorCode::NotFound);
    assert!(ada.settle().await.iter().all(|frame| frame["ev"] != "member.joined" && frame["ev"] != "member.changed"));
    // The other way round: who is back before their leaving is told is in.
    world.join(&world.room, &mio).await;
    world.live.tell(world.room.id, RoomNews::MemberLeft(mio.id, "left")).await;
    let send = Send { key: IdempotencyKey::parse("k").unwrap(), text: "back".into(), reply_to: None };
    world.live.send(mio.id, world.text, send).await.unwrap();
}

#[tokio::test]
async fn idle_rooms_end_and_start_again() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    ada.say(world.text, "k", "hi").await;
    drop(ada);
    world.until("the session ends", |metrics| metrics.sessions.get() == 0).await;
    tokio::time::pause();
    for _ in 0..ROOM_IDLE.as_secs() * 2 {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    tokio::time::resume();
    world.until("the room ends", |metrics| metrics.rooms.get() == 0).await;
    let mut again = world.connect(&world.ada).await;
    let subscribed = again.ok("sub", None, json!([{ "ch": world.text, "after": 0 }])).await;
    assert_eq!((&subscribed[0]["head"], &subscribed[0]["recovered"]), (&json!(1), &json!(true)));
    again.say(world.text, "k2", "back").await;
    assert_eq!(again.event("message.new").await["seq"], 2);
}
