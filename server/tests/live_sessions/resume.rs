//! `sub` with a position: the gap is filled exactly, or not at all.

use charge::domain::limits::SUB_REPLAY_EVENTS;
use serde_json::{Value, json};

use crate::world::{Client, World};

async fn fill(world: &World, client: &mut Client, count: u64) {
    let mut asked = Vec::new();
    for n in 0..count {
        let d = json!({ "key": format!("fill{n}"), "text": format!("text {n}") });
        asked.push(client.command("send", Some(world.text), d).await);
        if asked.len() == 16 || n + 1 == count {
            for id in asked.drain(..) {
                assert!(client.answer(id).await["ok"]["seq"].is_u64());
            }
        }
    }
}

fn seqs(events: &Value) -> Vec<u64> {
    events.as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn every_position_is_filled_exactly() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    fill(&world, &mut ada, 20).await;
    for after in 0..=20 {
        let ok = ada.ok("sub", None, json!([{ "ch": world.text, "epoch": world.store.epoch(), "after": after }])).await;
        assert_eq!((&ok[0]["head"], &ok[0]["recovered"]), (&json!(20), &json!(true)));
        assert_eq!(seqs(&ok[0]["events"]), (after + 1..=20).collect::<Vec<_>>());
    }
    let live = ada.ok("sub", None, json!([{ "ch": world.text }])).await;
    assert_eq!(
        live,
        json!([{ "ch": world.text, "epoch": world.store.epoch(), "head": 20, "recovered": true, "events": [] }])
    );
}

#[tokio::test]
async fn replayed_events_are_the_live_frames() {
    let world = World::new().await;
    let mut ada = world.follow(&world.ada).await;
    let message = ada.say(world.text, "k", "hi").await["message"]["id"].clone();
    let d = json!({ "message": message, "emoji": "👍" });
    for op in ["react", "pin", "unpin", "unreact"] {
        ada.ok(op, Some(world.text), d.clone()).await;
    }
    let mut live = Vec::new();
    while live.len() < 5 {
        live.push(ada.find(|frame| frame["ch"] == json!(world.text)).await);
    }
    let ok = ada.ok("sub", None, json!([{ "ch": world.text, "after": 0 }])).await;
    assert_eq!(ok[0]["events"], json!(live));
}

#[tokio::test]
async fn a_gap_too_long_is_not_filled_at_all() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    let most = u64::from(SUB_REPLAY_EVENTS);
    fill(&world, &mut ada, most + 1).await;
    let ok = ada.ok("sub", None, json!([{ "ch": world.text, "after": 1 }])).await;
    assert_eq!(seqs(&ok[0]["events"]).len() as u64, most);
    let ok = ada.ok("sub", None, json!([{ "ch": world.text, "after": 0 }])).await;
    assert_eq!((&ok[0]["recovered"], &ok[0]["events"], &ok[0]["head"]), (&json!(false), &json!([]), &json!(most + 1)));
    // It follows all the same.
    ada.say(world.text, "more", "more").await;
    assert_eq!(ada.event("message.new").await["seq"], most + 2);
}

#[tokio::test]
async fn a_position_from_another_log_is_not_filled() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    fill(&world, &mut ada, 3).await;
    for target in [
        json!({ "ch": world.text, "after": 4 }),
        json!({ "ch": world.text, "after": u64::MAX }),
        json!({ "ch": world.text, "epoch": "another", "after": 3 }),
        json!({ "ch": world.text, "epoch": "another" }),
    ] {
        let ok = ada.ok("sub", None, json!([target])).await;
        assert_eq!(
            (&ok[0]["recovered"], &ok[0]["events"], &ok[0]["head"]),
            (&json!(false), &json!([]), &json!(3)),
            "{target}"
        );
    }
}

#[tokio::test]
async fn long_texts_do_not_make_an_answer_without_bound() {
    let world = World::new().await;
    let mut ada = world.connect(&world.ada).await;
    let text = "🦊".repeat(2000);
    for n in 0..200 {
        ada.say(world.text, &n.to_string(), &text).await;
    }
    let ok = ada.ok("sub", None, json!([{ "ch": world.text, "after": 0 }])).await;
    assert_eq!((&ok[0]["recovered"], &ok[0]["events"]), (&json!(false), &json!([])));
    let ok = ada.ok("sub", None, json!([{ "ch": world.text, "after": 100 }])).await;
    assert_eq!(seqs(&ok[0]["events"]).len(), 100);
    // What comes after the one that did not fit is left to `/sync`, unread, and followed all the same.
    let other = world.another_channel("other").await;
    ada.say(other.id, "k", "short").await;
    let (long, short) = (json!({ "ch": world.text, "after": 0 }), json!({ "ch": other.id, "after": 0 }));
    let ok = ada.ok("sub", None, json!([long, short])).await;
    assert_eq!((&ok[1]["recovered"], &ok[1]["events"], &ok[1]["head"]), (&json!(false), &json!([]), &json!(1)));
    let ok = ada.ok("sub", None, json!([short])).await;
    assert_eq!((&ok[0]["recovered"], seqs(&ok[0]["events"]).len()), (&json!(true), 1));
}

#[tokio::test]
async fn whoever_comes_back_in_the_middle_misses_nothing() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut ada = world.connect(&world.ada).await;
    let writer = {
        let (live, user, text) = (world.live.clone(), world.ada.id, world.text);
        tokio::spawn(async move {
            for n in 0..400 {
                let body = serde_json::from_value(json!({ "key": n.to_string(), "text": "x" })).unwrap();
                live.send(user, text, body).await.unwrap();
            }
        })
    };
    let mut have: Vec<u64> = Vec::new();
    while have.len() < 400 {
        let mut session = world.connect(&mio).await;
        let after = have.last().copied().unwrap_or(0);
        let id = session.command("sub", None, json!([{ "ch": world.text, "after": after }])).await;
        // Frames of the channel come after the answer, whatever the writer does meanwhile.
        let mut answered = false;
        let goal = (have.len() + 90).min(400);
        while have.len() < goal {
            let frame = session.next().await;
            if frame["id"] == id {
                answered = true;
                assert_eq!(frame["ok"][0]["recovered"], true);
                have.extend(seqs(&frame["ok"][0]["events"]));
            } else if frame["ev"] == "message.new" {
                assert!(answered, "an entry before the answer that says where it starts");
                have.push(frame["seq"].as_u64().unwrap());
            }
        }
        drop(session);
    }
    writer.await.unwrap();
    assert_eq!(have, (1..=400).collect::<Vec<u64>>(), "each once, in order");
    ada.ok("pong", None, Value::Null).await;
}
