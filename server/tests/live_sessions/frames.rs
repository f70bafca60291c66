//! What the server says, to the letter: one snapshot for each kind of frame.

use std::collections::BTreeMap;

use charge::{
    domain::{ChannelName, Role, RoomTitle, wire::SubTarget},
    live::{Entrance, RoomNews},
    store::{ChannelChange, RoomChange},
};
use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};

use crate::world::World;

/// Ids and times by the order in which they first appear: the same on every run.
struct Redacted {
    ids: BTreeMap<String, String>,
}

impl Redacted {
    /// Some names are known beforehand, so that they read well.
    fn new(world: &World) -> Self {
        let known = [
            (world.ada.id.to_string(), "ada"),
            (world.room.id.to_string(), "den"),
            (world.text.to_string(), "a"),
            (world.voice.to_string(), "b"),
            (world.store.epoch(), "epoch"),
        ];
        Self { ids: known.into_iter().map(|(id, name)| (id, format!("<{name}>"))).collect() }
    }

    fn frame(&mut self, frame: &Value) -> String {
        let text = serde_json::to_string_pretty(frame).unwrap();
        let id = Regex::new(r#""[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}""#).unwrap();
        let time = Regex::new(r#""\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z""#).unwrap();
        let text = time.replace_all(&text, "\"<time>\"").into_owned();
        let mut text = id
            .replace_all(&text, |found: &regex::Captures<'_>| {
                let found = found[0].trim_matches('"').to_owned();
                let next = format!("<id {}>", self.ids.len());
                format!("\"{}\"", self.ids.entry(found).or_insert(next))
            })
            .into_owned();
        for (id, name) in &self.ids {
            text = text.replace(id, name);
        }
        text
    }
}

macro_rules! snapshot {
    ($redacted:ident, $name:literal, $frame:expr) => {
        let frame = $redacted.frame(&$frame);
        assert_snapshot!($name, frame);
    };
}

#[tokio::test]
async fn signing_in() {
    let world = World::new().await;
    let mut redacted = Redacted::new(&world);
    let mut client = world.client(Entrance::All, None);
    snapshot!(redacted, "hello", client.next().await);
    client.send(json!({ "id": 1, "op": "auth", "d": { "token": world.token(&world.ada) } })).await;
    snapshot!(redacted, "auth", client.answer(1).await);
    let mut client = world.client(Entrance::All, Some(&world.ada));
    snapshot!(redacted, "hello_signed_in", client.next().await);
    snapshot!(redacted, "presence_state", client.event("presence.state").await);
}

#[tokio::test]
async fn following() {
    let world = World::new().await;
    let mut redacted = Redacted::new(&world);
    let mut client = world.connect(&world.ada).await;
    client.say(world.text, "k", "hi").await;
    let targets = json!([
        { "ch": world.text, "epoch": world.store.epoch(), "after": 0 },
        { "ch": world.voice },
        { "ch": "0197a7a0-0000-7000-8000-000000000001", "after": 1 },
    ]);
    snapshot!(redacted, "sub", client.ask("sub", None, targets).await);
    snapshot!(
        redacted,
        "sub_not_recovered",
        client.ask("sub", None, json!([{ "ch": world.text, "epoch": "old", "after": 1 }])).await
    );
    snapshot!(redacted, "unsub", client.ask("unsub", None, json!([world.text])).await);
    let target = SubTarget { ch: world.text, epoch: None, after: Some(0) };
    let mut door = world.client(Entrance::Text(target), Some(&world.ada));
    door.next().await;
    snapshot!(redacted, "subscribed", door.next().await);
}

#[tokio::test]
async fn writing() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut redacted = Redacted::new(&world);
    redacted.ids.insert(mio.id.to_string(), "<mio>".into());
    let (mut ada, mut reader) = (world.follow(&world.ada).await, world.follow(&mio).await);
    ada.say(world.text, "1", "first").await;
    let sent = ada.ask("send", Some(world.text), json!({ "key": "2", "text": "hi @mio", "reply_to": 1 })).await;
    snapshot!(redacted, "send", sent);
    snapshot!(redacted, "message_new", reader.find(|frame| frame["seq"] == 2).await);
    snapshot!(
        redacted,
        "send_duplicate",
        ada.ask("send", Some(world.text), json!({ "key": "1", "text": "first" })).await
    );
    snapshot!(
        redacted,
        "send_conflict",
        ada.ask("send", Some(world.text), json!({ "key": "1", "text": "other" })).await
    );
    let on = |more: Value| {
        let mut d = json!({ "message": sent["ok"]["message"]["id"] });
        d.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        d
    };
    snapshot!(redacted, "edit", ada.ask("edit", Some(world.text), on(json!({ "text": "hi there" }))).await);
    snapshot!(redacted, "message_edit", reader.event("message.edit").await);
    ada.ok("react", Some(world.text), on(json!({ "emoji": "🦊" }))).await;
    snapshot!(redacted, "reaction_add", reader.event("reaction.add").await);
    ada.ok("unreact", Some(world.text), on(json!({ "emoji": "🦊" }))).await;
    snapshot!(redacted, "reaction_remove", reader.event("reaction.remove").await);
    ada.ok("pin", Some(world.text), on(json!({}))).await;
    snapshot!(redacted, "pin_add", reader.event("pin.add").await);
    ada.ok("unpin", Some(world.text), on(json!({}))).await;
    snapshot!(redacted, "pin_remove", reader.event("pin.remove").await);
    ada.ok("delete", Some(world.text), on(json!({}))).await;
    snapshot!(redacted, "message_delete", reader.event("message.delete").await);
    ada.ok("typing", Some(world.text), Value::Null).await;
    snapshot!(redacted, "typing", reader.event("typing").await);
}

#[tokio::test]
async fn reading() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut redacted = Redacted::new(&world);
    let (mut ada, mut here, mut there) =
        (world.connect(&world.ada).await, world.connect(&mio).await, world.connect(&mio).await);
    ada.say(world.text, "1", "hi @mio").await;
    snapshot!(redacted, "unread", there.event("unread").await);
    snapshot!(redacted, "read_answer", here.ask("read", Some(world.text), json!({ "upto": 1 })).await);
    snapshot!(redacted, "read", there.event("read").await);
}

#[tokio::test]
async fn rooms() {
    let world = World::new().await;
    let mio = world.stranger("mio").await;
    let mut redacted = Redacted::new(&world);
    redacted.ids.insert(mio.id.to_string(), "<mio>".into());
    let mut ada = world.connect(&world.ada).await;
    world.join(&world.room, &mio).await;
    snapshot!(redacted, "member_joined", ada.event("member.joined").await);
    let mio_client = world.connect(&mio).await;
    snapshot!(redacted, "presence", ada.event("presence").await);
    world.set_role(&mio, Role::Admin).await;
    snapshot!(redacted, "member_changed", ada.event("member.changed").await);
    world.kick(&mio).await;
    snapshot!(redacted, "member_left", ada.event("member.left").await);
    let (frames, _) = mio_client.rest().await;
    let removed = frames.iter().find(|frame| frame["ev"] == "room.removed").unwrap();
    snapshot!(redacted, "room_removed", removed);
    let plans = world.another_channel("plans").await;
    snapshot!(redacted, "channel_new", ada.event("channel.new").await);
    let name = ChannelName::parse("dreams").unwrap();
    let changed = world.store.update_channel(plans.id, ChannelChange { name: Some(name), ..Default::default() }).await;
    world.live.tell(world.room.id, RoomNews::ChannelChanged(changed.unwrap())).await;
    snapshot!(redacted, "channel_changed", ada.event("channel.changed").await);
    world.store.delete_channel(world.room.id, plans.letter).await.unwrap();
    world.live.tell(world.room.id, RoomNews::ChannelGone(plans)).await;
    snapshot!(redacted, "channel_gone", ada.event("channel.gone").await);
    let title = RoomTitle::parse("The Attic").unwrap();
    let room = world.store.update_room(world.room.id, RoomChange { title: Some(title), topic: None }).await.unwrap();
    world.live.tell(world.room.id, RoomNews::RoomChanged(room)).await;
    snapshot!(redacted, "room_changed", ada.event("room.changed").await);
}

#[tokio::test]
async fn refusals_and_farewells() {
    let world = World::with(charge::live::LiveOptions { messages_per_10s: 1, ..crate::world::options() }).await;
    let mut redacted = Redacted::new(&world);
    let mut ada = world.connect(&world.ada).await;
    ada.say(world.text, "1", "hi").await;
    let mut limited = ada.ask("send", Some(world.text), json!({ "key": "2", "text": "hi" })).await;
    assert!(limited["err"]["retry_ms"].take().as_u64().unwrap() <= 10_000);
    snapshot!(redacted, "rate_limited", limited);
    snapshot!(redacted, "not_found", ada.ask("typing", Some(charge::domain::ChannelId::fresh()), Value::Null).await);
    snapshot!(redacted, "unknown_op", ada.ask("fly", None, Value::Null).await);
    snapshot!(redacted, "validation", ada.ask("read", Some(world.text), json!({ "upto": "x" })).await);
    snapshot!(redacted, "voice_unavailable", ada.ask("voice.leave", None, Value::Null).await);
    tokio::time::pause();
    let ping = ada.event("ping").await;
    tokio::time::resume();
    snapshot!(redacted, "ping", ping);
    let live = world.live.clone();
    tokio::spawn(async move { live.drain(std::time::Duration::ZERO).await });
    snapshot!(redacted, "going_away", ada.event("going_away").await);
    assert_eq!(ada.closed().await.code, 4001);
}
