//! Every code of `err`.

use charge::{
    domain::{ChannelId, MessageId, limits::SUBS_PER_10S},
    live::LiveOptions,
};
use serde_json::{Value, json};

use crate::world::{World, options};

#[tokio::test]
async fn what_is_malformed_is_validation() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    let text = Some(world.text);
    let bad = [
        ("send", text, json!({ "key": "k", "text": " \n" })),
        ("send", text, json!({ "key": "k", "text": "x".repeat(2001) })),
        ("send", text, json!({ "key": "", "text": "x" })),
        ("send", text, json!({ "key": "é", "text": "x" })),
        ("send", text, json!({ "key": "k", "text": "x", "reply_to": 0 })),
        ("send", text, json!({ "key": "k", "text": "x", "reply_to": 7 })),
        ("send", text, json!({ "key": "k" })),
        ("send", None, json!({ "key": "k", "text": "x" })),
        ("send", Some(world.voice), json!({ "key": "k", "text": "x" })),
        ("edit", text, json!({ "message": MessageId::fresh(), "text": "" })),
        ("react", text, json!({ "message": MessageId::fresh(), "emoji": "two words" })),
        ("read", text, json!({ "upto": -1 })),
        ("sub", None, json!({ "ch": world.text })),
        ("auth", None, json!({})),
    ];
    for (op, channel, d) in bad {
        assert_eq!(ada.err(op, channel, d.clone()).await, "validation", "{op} {d}");
    }
    ada.say(world.text, "k", &"é".repeat(2000)).await;
}

#[tokio::test]
async fn what_is_not_there_or_not_yours_is_not_found() {
    let world = World::new().await;
    let (mio, eve) = (world.member("mio").await, world.stranger("eve").await);
    let mut ada = world.connect(&world.ada).await;
    let sent = ada.say(world.text, "k", "mine").await;
    let message = &sent["message"]["id"];
    let (other_room, other_text) = world.another_room("attic").await;
    assert_ne!(other_room.id, world.room.id);
    let mut mio = world.connect(&mio).await;
    let mut eve = world.connect(&eve).await;
    let missing = ChannelId::fresh();
    let any = json!({ "key": "k", "text": "x", "message": message, "emoji": "👍", "upto": 1 });
    for op in ["send", "edit", "delete", "pin", "unpin", "react", "unreact", "read", "typing"] {
        assert_eq!(eve.err(op, Some(world.text), any.clone()).await, "not_found", "a stranger: {op}");
        assert_eq!(eve.err(op, Some(missing), any.clone()).await, "not_found", "a stranger, nothing there: {op}");
        assert_eq!(mio.err(op, Some(other_text), any.clone()).await, "not_found", "another room: {op}");
    }
    assert_eq!(eve.err("send", None, json!({ "key": "k", "text": "x" })).await, "validation");
    for (ch, who) in [(json!(world.text), "foreign"), (json!(missing), "missing")] {
        let refused = eve.ok("sub", None, json!([{ "ch": ch, "after": 0 }])).await;
        assert_eq!(
            refused,
            json!([{ "ch": ch, "err": {
            "code": "not_found", "message": "no such thing, or not for you" } }]),
            "{who}"
        );
    }
    // A message of another channel is not this channel's.
    let mut ada2 = world.connect(&world.ada).await;
    for op in ["edit", "delete", "pin", "react"] {
        assert_eq!(ada2.err(op, Some(other_text), any.clone()).await, "not_found", "{op}");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_not_found_too() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    ada.send(json!({ "id": 1, "op": "typing", "ch": "nonsense" })).await;
    assert_eq!(ada.answer(1).await["err"]["code"], "not_found");
}

#[tokio::test]
async fn an_unknown_op_is_unknown_op() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    assert_eq!(ada.err("fly", None, Value::Null).await, "unknown_op");
    assert_eq!(world.metrics.refusals.with_label_values(&["unknown_op"]).get(), 1);
}

#[tokio::test]
async fn a_key_with_another_body_is_conflict() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    ada.say(world.text, "k", "one").await;
    assert_eq!(ada.err("send", Some(world.text), json!({ "key": "k", "text": "two" })).await, "conflict");
}

#[tokio::test]
async fn too_much_at_once_is_rate_limited() {
    let world = World::with(LiveOptions { messages_per_10s: 5, ..options() }).await;
    let other = world.another_channel("other").await.id;
    let (mut ada, mut twin) = (world.connect(&world.ada).await, world.connect(&world.ada).await);
    for n in 0..5 {
        ada.say(world.text, &n.to_string(), "hi").await;
    }
    for client in [&mut ada, &mut twin] {
        let refused = client.ask("send", Some(world.text), json!({ "key": "k", "text": "hi" })).await;
        assert_eq!(refused["err"]["code"], "rate_limited");
        let wait = refused["err"]["retry_ms"].as_u64().unwrap();
        assert!((1..=2000).contains(&wait), "{wait}");
    }
    let rest = serde_json::from_value(json!({ "key": "k", "text": "hi" })).unwrap();
    let refused = world.live.send(world.ada.id, world.text, rest).await.unwrap_err();
    assert!(refused.retry_ms.is_some(), "one bucket for all of a person's sessions and REST");
    ada.say(other, "k", "hi").await;
}

#[tokio::test]
async fn voice_is_unavailable_in_this_version() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    let voice = Some(world.voice);
    for (op, d) in [
        ("voice.join", json!({})),
        ("voice.offer", json!({ "sdp": "v=0" })),
        ("voice.ice", json!({ "candidate": "" })),
        ("voice.signal", json!({ "to": "p" })),
        ("voice.state", json!({ "muted": true })),
        ("voice.moderate", json!({ "peer": "p", "action": "mute" })),
        ("voice.leave", Value::Null),
    ] {
        assert_eq!(ada.err(op, voice, d).await, "unavailable", "{op}");
    }
}

#[tokio::test]
async fn a_store_that_is_closed_is_unavailable_and_nothing_is_claimed() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    world.store.close().await;
    for n in 0..3 {
        assert_eq!(
            ada.err("send", Some(world.text), json!({ "key": n.to_string(), "text": "x" })).await,
            "unavailable"
        );
    }
    assert_eq!(ada.err("read", Some(world.text), json!({ "upto": 1 })).await, "unavailable");
    assert!(!ada.settle().await.iter().any(|frame| frame["ev"] == "message.new"));
}

#[tokio::test]
async fn a_command_without_id_is_done_without_an_answer() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    for n in 0..100 {
        ada.send(json!({ "op": "send", "ch": world.text, "d": { "key": n.to_string(), "text": "x" } })).await;
        ada.send(json!({ "op": "fly" })).await;
    }
    let frames = ada.settle().await;
    assert!(frames.iter().all(|frame| frame.get("id").is_none()), "{frames:?}");
    while ada.event("message.new").await["seq"] != 100 {}
}

#[tokio::test]
async fn sub_costs_reads_and_is_limited() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    let mut done = 0;
    // Some come back while this runs; not ten times as many.
    let refused = loop {
        let answer = ada.ask("sub", None, json!([{ "ch": world.text, "after": 0 }])).await;
        if answer.get("err").is_some() {
            break answer;
        }
        done += 1;
        assert!(done < 10 * SUBS_PER_10S, "never refused");
    };
    assert!(done >= SUBS_PER_10S);
    assert_eq!(refused["err"]["code"], "rate_limited");
    assert!(refused["err"]["retry_ms"].as_u64().unwrap() > 0);
    // It still hears what it followed before.
    ada.say(world.text, "k", "hi").await;
    ada.event("message.new").await;
}
