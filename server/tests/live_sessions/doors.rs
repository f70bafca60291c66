//! The two narrow doors and the sign-in by first frame.

use charge::{
    domain::{ChannelId, wire::SubTarget},
    live::{Entrance, RoomNews},
};
use serde_json::json;

use crate::world::{Person, World};

fn text(ch: ChannelId, epoch: Option<&str>, after: Option<u64>) -> Entrance {
    Entrance::Text(SubTarget { ch, epoch: epoch.map(str::to_owned), after })
}

#[tokio::test]
async fn the_text_door_is_subscribed_right_after_hello() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    for n in 1..=3 {
        ada.say(world.text, &n.to_string(), "hi").await;
    }
    let mut door = world.text_door(&world.ada, Some(1));
    let hello = door.next().await;
    assert_eq!(hello["d"]["user"]["username"], "ada");
    let subscribed = door.next().await;
    assert_eq!(subscribed["ev"], "subscribed");
    let channel = &subscribed["d"][0];
    assert_eq!((&channel["head"], &channel["recovered"]), (&json!(3), &json!(true)));
    assert_eq!(
        channel["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect::<Vec<_>>(),
        [2, 3]
    );
    ada.say(world.text, "4", "live").await;
    assert_eq!(door.event("message.new").await["seq"], 4);
    assert_eq!(door.event("presence.state").await["d"]["room"], json!(world.room.id));
    assert_eq!(door.say(world.text, "5", "from here").await["seq"], 5);
}

#[tokio::test]
async fn the_text_door_leads_to_its_channel_only() {
    let world = World::new().await;
    let other = world.another_channel("other").await.id;
    let mut door = world.text_door(&world.ada, None);
    assert_eq!(door.err("send", Some(other), json!({ "key": "k", "text": "x" })).await, "not_found");
    assert_eq!(door.ok("sub", None, json!([{ "ch": other }])).await[0]["err"]["code"], "not_found");
    assert_eq!(door.err("read", Some(other), json!({ "upto": 0 })).await, "not_found");
    door.ok("sub", None, json!([{ "ch": world.text }])).await;
}

#[tokio::test]
async fn the_text_door_after_a_first_frame() {
    let world = World::new().await;
    let mut door = world.client(text(world.text, None, None), None);
    assert_eq!(door.next().await["ev"], "hello");
    door.send(json!({ "id": 7, "op": "auth", "d": { "token": world.token(&world.ada) } })).await;
    assert_eq!(door.next().await["id"], 7);
    assert_eq!(door.next().await["ev"], "subscribed");
}

#[tokio::test]
async fn doors_that_do_not_open_are_4506_whatever_is_behind_them() {
    let world = World::new().await;
    let eve = world.stranger("eve").await;
    let doors: [(&str, Entrance, &Person); 7] = [
        ("foreign channel", text(world.text, None, None), &eve),
        ("missing channel", text(ChannelId::fresh(), None, None), &eve),
        ("voice is no text", text(world.voice, None, None), &world.ada),
        ("missing channel, a member", text(ChannelId::fresh(), None, Some(3)), &world.ada),
        ("foreign room", Entrance::Signal("den".into()), &eve),
        ("missing room", Entrance::Signal("nowhere".into()), &eve),
        ("no slug at all", Entrance::Signal("../Den".into()), &world.ada),
    ];
    for (what, door, person) in doors {
        let client = world.client(door, Some(person));
        let (frames, end) = client.rest().await;
        assert_eq!((end.code, end.reason.as_str()), (4506, "forbidden"), "{what}");
        assert!(frames.is_empty(), "nothing is said: {what}");
    }
    assert_eq!(world.metrics.rooms.get(), 0, "strangers start no room");
}

#[tokio::test]
async fn the_signal_door_tells_of_presence_and_no_text() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut door = world.client(Entrance::Signal("den".into()), Some(&world.ada));
    assert_eq!(door.next().await["ev"], "hello");
    let state = door.event("presence.state").await;
    assert_eq!(state["d"]["online"], json!([{ "user": world.ada.id, "status": "online" }]));
    let mut other = world.follow(&mio).await;
    other.say(world.text, "k", "hi").await;
    world.another_channel("other").await;
    other.event("channel.new").await;
    assert_eq!(door.event("presence").await["d"]["joined"], json!([mio.id]));
    assert_eq!(door.err("send", Some(world.text), json!({ "key": "k", "text": "x" })).await, "not_found");
    assert_eq!(door.ok("sub", None, json!([{ "ch": world.text }])).await[0]["err"]["code"], "not_found");
    let rest = door.settle().await;
    assert!(rest.iter().all(|frame| frame["ev"].as_str().is_none_or(|ev| ev.starts_with("presence"))), "{rest:?}");
}

#[tokio::test]
async fn a_deleted_channel_closes_its_door_and_no_other() {
    let world = World::new().await;
    let other = world.another_channel("other").await;
    let mut all = world.follow(&world.ada).await;
    all.ok("sub", None, json!([{ "ch": other.id }])).await;
    let (mut gone, mut stays) =
        (world.client(text(other.id, None, None), Some(&world.ada)), world.text_door(&world.ada, None));
    for door in [&mut gone, &mut stays] {
        assert_eq!(door.next().await["ev"], "hello");
        door.event("subscribed").await;
    }
    world.store.delete_channel(world.room.id, other.letter).await.unwrap();
    world.live.tell(world.room.id, RoomNews::ChannelGone(other.clone())).await;
    let (frames, end) = gone.rest().await;
    assert_eq!(end.code, 4503);
    assert!(frames.iter().any(|frame| frame["ev"] == "channel.gone"), "{frames:?}");
    let told = all.event("channel.gone").await;
    assert_eq!(told["d"], json!({ "room": world.room.id, "id": other.id, "letter": "c" }));
    assert_eq!(all.err("send", Some(other.id), json!({ "key": "k", "text": "x" })).await, "not_found");
    stays.say(world.text, "k", "still open").await;
    assert!(!stays.settle().await.iter().any(|frame| frame["ev"] == "channel.gone"));
}
