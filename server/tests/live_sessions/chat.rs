//! People who write to each other.

use serde_json::{Value, json};

use crate::world::World;
use charge::domain::{Role, wire::Send};

#[tokio::test]
async fn two_people_chat() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut mio) = (world.follow(&world.ada).await, world.follow(&mio).await);
    let sent = ada.say(world.text, "k1", "hi mio").await;
    assert_eq!((&sent["seq"], &sent["duplicate"]), (&json!(1), &json!(false)));
    let heard = mio.event("message.new").await;
    assert_eq!(heard["d"], sent["message"], "the event carries the message as it was answered");
    assert_eq!((&heard["seq"], &heard["ch"]), (&json!(1), &json!(world.text)));
    assert_eq!(ada.event("message.new").await, heard, "the sender hears it too, the very same");
    mio.ok("send", Some(world.text), json!({ "key": "k1", "text": "hi @ada", "reply_to": 1 })).await;
    let answer = ada.event("message.new").await;
    assert_eq!(answer["d"]["reply_to"], 1);
    assert_eq!(answer["d"]["mentions"], json!([world.ada.id]));
}

#[tokio::test]
async fn ok_comes_before_the_message_itself_and_its_seq_is_in_the_head() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    for n in 1..=200u64 {
        let id = ada.command("send", Some(world.text), json!({ "key": n.to_string(), "text": "x" })).await;
        let first = ada.find(|frame| frame["id"] == id || frame["seq"] == n).await;
        assert_eq!(first["ok"]["seq"], n, "{first}");
        // Not every time: a session may only `sub` so often.
        if n % 10 == 0 {
            let followed = ada.ok("sub", None, json!([{ "ch": world.text, "after": n }])).await;
            assert_eq!((&followed[0]["recovered"], &followed[0]["head"]), (&json!(true), &json!(n)));
        }
    }
}

#[tokio::test]
async fn a_message_lives_through_all_its_changes() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut reader) = (world.follow(&world.ada).await, world.follow(&mio).await);
    let sent = ada.say(world.text, "k", "frist").await;
    let message = &sent["message"]["id"];
    let on = |extra: Value| {
        let mut d = json!({ "message": message });
        d.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        d
    };
    let steps = [
        ("edit", json!({ "text": "first" }), "message.edit"),
        ("react", json!({ "emoji": "👍" }), "reaction.add"),
        ("unreact", json!({ "emoji": "👍" }), "reaction.remove"),
        ("pin", json!({}), "pin.add"),
        ("unpin", json!({}), "pin.remove"),
        ("delete", json!({}), "message.delete"),
    ];
    for (seq, (op, extra, event)) in (2..).zip(steps) {
        let ok = ada.ok(op, Some(world.text), on(extra)).await;
        assert_eq!(ok, json!({ "seq": seq }), "{op}");
        let heard = reader.event(event).await;
        assert_eq!((&heard["seq"], &heard["d"]["message"]), (&json!(seq), message), "{op}");
    }
    // The same key and body again: the message as it is now.
    let again = ada.say(world.text, "k", "frist").await;
    assert_eq!(
        (&again["seq"], &again["duplicate"], &again["message"]["deleted"]),
        (&json!(1), &json!(true), &json!(true))
    );
    assert_eq!(ada.err("react", Some(world.text), on(json!({ "emoji": "👍" }))).await, "not_found");
}

#[tokio::test]
async fn moderators_may_what_authors_may() {
    let world = World::new().await;
    let (mio, noa) = (world.member("mio").await, world.member("noa").await);
    let (mut ada, mut mio_client) = (world.connect(&world.ada).await, world.connect(&mio).await);
    let mut noa = world.connect(&noa).await;
    let sent = noa.say(world.text, "k", "mine").await;
    let d = json!({ "message": sent["message"]["id"], "text": "theirs" });
    for op in ["edit", "delete", "pin"] {
        assert_eq!(mio_client.err(op, Some(world.text), d.clone()).await, "forbidden", "{op}");
    }
    world.set_role(&mio, Role::Admin).await;
    assert_eq!(mio_client.err("edit", Some(world.text), d.clone()).await, "forbidden", "nobody edits others' words");
    mio_client.ok("pin", Some(world.text), d.clone()).await;
    ada.ok("delete", Some(world.text), d.clone()).await;
}

#[tokio::test]
async fn rest_and_websocket_share_keys_and_order() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    let body: Send = serde_json::from_value(json!({ "key": "k", "text": "hi" })).unwrap();
    let sent = world.live.send(world.ada.id, world.text, body.clone()).await.unwrap();
    assert_eq!(ada.event("message.new").await["d"]["id"], json!(sent.message.id));
    assert_eq!(ada.say(world.text, "k", "hi").await["duplicate"], true);
    let other: Send = serde_json::from_value(json!({ "key": "k", "text": "ho" })).unwrap();
    assert_eq!(world.live.send(world.ada.id, world.text, other).await.unwrap_err().code.as_str(), "conflict");
    let stranger = world.stranger("eve").await;
    assert_eq!(world.live.send(stranger.id, world.text, body).await.unwrap_err().code.as_str(), "not_found");
}

#[tokio::test]
async fn rest_sends_into_a_room_without_a_task() {
    let world = World::new().await;
    assert_eq!(world.metrics.rooms.get(), 0);
    let body: Send = serde_json::from_value(json!({ "key": "k", "text": "hi" })).unwrap();
    assert_eq!(world.live.send(world.ada.id, world.text, body).await.unwrap().seq, 1);
}

#[tokio::test]
async fn typing_reaches_the_others_now_and_then() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut other, mut mio_client) =
        (world.follow(&world.ada).await, world.follow(&world.ada).await, world.follow(&mio).await);
    let mut bystander = world.connect(&mio).await;
    ada.send(json!({ "op": "typing", "ch": world.text })).await;
    for _ in 0..5 {
        ada.ok("typing", Some(world.text), Value::Null).await;
    }
    assert_eq!(
        mio_client.event("typing").await,
        json!({ "ev": "typing", "ch": world.text, "d": { "user": world.ada.id } })
    );
    for client in [&mut ada, &mut other, &mut mio_client, &mut bystander] {
        let more = client.settle().await;
        assert!(!more.iter().any(|frame| frame["ev"] == "typing"), "once, and only to the others who follow: {more:?}");
    }
}

#[tokio::test]
async fn reading_on_one_device_is_told_to_the_others() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut here) = (world.connect(&world.ada).await, world.follow(&mio).await);
    let (mut there, mut door) = (world.follow(&mio).await, world.text_door(&mio, None));
    for key in ["1", "2", "3"] {
        ada.say(world.text, key, "hi @mio").await;
    }
    let read = here.ok("read", Some(world.text), json!({ "upto": 2 })).await;
    assert_eq!(read, json!({ "upto": 2, "unread": 1, "mentions": 1 }));
    let expected = json!({ "ch": world.text, "upto": 2, "unread": 1, "mentions": 1 });
    assert_eq!(there.event("read").await["d"], expected);
    assert_eq!(door.event("read").await["d"], expected);
    assert_eq!(here.ok("read", Some(world.text), json!({ "upto": 1 })).await["upto"], 2, "never back");
    let mine = here.settle().await;
    assert!(!mine.iter().any(|frame| frame["ev"] == "read"), "not to the one that read: {mine:?}");
    assert!(!ada.settle().await.iter().any(|frame| frame["ev"] == "read"), "not to others");
}

#[tokio::test]
async fn who_does_not_follow_is_told_that_there_is_news() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut bystander) = (world.follow(&world.ada).await, world.connect(&mio).await);
    ada.say(world.text, "1", "hi @mio").await;
    let told = bystander.event("unread").await;
    assert_eq!(told["d"], json!({ "ch": world.text, "head": 1, "unread": 1, "mentions": 1 }));
    ada.say(world.text, "2", "again").await;
    ada.say(world.text, "3", "and again").await;
    let told = bystander.find(|frame| frame["ev"] == "unread" && frame["d"]["head"] == 3).await;
    assert_eq!(told["d"], json!({ "ch": world.text, "head": 3, "unread": 3, "mentions": 1 }));
    assert!(!ada.settle().await.iter().any(|frame| frame["ev"] == "unread"), "who follows hears the thing itself");
}

#[tokio::test]
async fn who_stops_following_hears_no_more() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    assert_eq!(ada.ok("unsub", None, json!([world.text])).await, json!({}));
    ada.say(world.text, "1", "hi").await;
    ada.event("unread").await;
    assert!(!ada.settle().await.iter().any(|frame| frame["ev"] == "message.new"));
}
