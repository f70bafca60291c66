//! Many at once, too much at once, and those who do not read.

use std::collections::BTreeMap;

use charge::live::Entrance;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Client, PATIENCE, World};

/// The texts of the channel's messages in the order heard, checking that no seq is missing or repeated.
async fn hear(client: &mut Client, count: u64) -> Vec<String> {
    let mut texts = Vec::new();
    for seq in 1..=count {
        let frame = client.event("message.new").await;
        assert_eq!(frame["seq"], seq, "gapless and in order");
        texts.push(frame["d"]["text"].as_str().unwrap().to_owned());
    }
    texts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_write_at_once_hear_the_same_in_the_same_order() {
    const SENDERS: usize = 50;
    const EACH: usize = 20;
    let world = World::new().await;
    let mut tasks = Vec::new();
    for n in 0..SENDERS {
        let person = world.member(&format!("person{n}")).await;
        tasks.push((n, world.follow(&person).await));
    }
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|(n, mut client)| {
            let text = world.text;
            tokio::spawn(async move {
                let mut asked = Vec::new();
                for k in 0..EACH {
                    let d = json!({ "key": k.to_string(), "text": format!("{n}:{k}") });
                    asked.push(client.command("send", Some(text), d).await);
                }
                let heard = hear(&mut client, (SENDERS * EACH) as u64).await;
                let mut seqs = Vec::new();
                for id in asked {
                    seqs.push(client.answer(id).await["ok"]["seq"].as_u64().unwrap());
                }
                assert!(seqs.is_sorted(), "stored in the order sent");
                heard
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "everybody hears the same");
    let mut next: BTreeMap<&str, usize> = BTreeMap::new();
    for text in &all[0] {
        let (who, k) = text.split_once(':').unwrap();
        let expected = next.entry(who).or_default();
        assert_eq!(k.parse::<usize>().unwrap(), *expected, "each one's in the order sent");
        *expected += 1;
    }
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_the_others_hear_everything() {
    let world = World::new().await;
    let (mio, noa) = (world.member("mio").await, world.member("noa").await);
    let mut stalled = world.client_with(Entrance::All, Some(Ok((mio.credential, mio.user.clone()))), 4096);
    stalled.next().await;
    stalled.ok("sub", None, json!([{ "ch": world.text }])).await;
    let (mut ada, mut noa) = (world.follow(&world.ada).await, world.follow(&noa).await);
    for n in 0..600 {
        ada.say(world.text, &n.to_string(), "x").await;
    }
    assert_eq!(hear(&mut ada, 600).await.len(), 600);
    assert_eq!(hear(&mut noa, 600).await.len(), 600);
    let (frames, end) = stalled.rest().await;
    assert_eq!((end.code, end.reason.as_str()), (4002, "slow consumer"));
    let seqs: Vec<u64> = frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "what it got has no hole");
    assert!(seqs.len() < 300, "bounded: {}", seqs.len());
    assert_eq!(world.metrics.session_closes.with_label_values(&["4002"]).get(), 1);
}

#[tokio::test]
async fn who_reads_again_in_time_gets_the_whole_presence() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut stalled = world.client_with(Entrance::All, Some(Ok((mio.credential, mio.user.clone()))), 2048);
    stalled.next().await;
    stalled.ok("sub", None, json!([{ "ch": world.text }])).await;
    stalled.settle().await;
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(world.member(&format!("person{n}")).await);
    }
    let mut ada = world.follow(&world.ada).await;
    ada.settle().await;
    // Nearly fill the queue with what may not be left out, then more presence than fits.
    for n in 0..245 {
        ada.say(world.text, &n.to_string(), "x").await;
    }
    for person in &people {
        let guest = world.connect(person).await;
        ada.event("presence").await;
        drop(guest);
        ada.event("presence").await;
    }
    // Everybody but ada and mio has gone; the last word is a whole state that says so.
    let mut online = [world.ada.id.to_string(), mio.id.to_string()];
    online.sort();
    let state = stalled
        .find(|frame| {
            let Some(people) = frame["d"]["online"].as_array() else { return false };
            let mut ids: Vec<_> = people.iter().map(|o| o["user"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids == online
        })
        .await;
    assert_eq!(state["ev"], "presence.state");
    let heard = hear(&mut stalled, 245).await;
    assert_eq!(heard.len(), 245, "nothing of the log was left out");
    drop(stalled);
    world.until("what was left out is counted", |metrics| metrics.dropped.get() > 0).await;
}

#[tokio::test]
async fn ten_thousand_commands_at_once_wait_in_the_senders_own_socket() {
    let world = World::new().await;
    let mut flood = world.client_with(Entrance::All, Some(Ok((world.ada.credential, world.ada.user.clone()))), 4096);
    flood.next().await;
    flood.settle().await;
    let mut other = world.connect(&world.ada).await;
    let counted = world.metrics.commands.with_label_values(&["read"]);
    // Written without reading a single answer: the server stops taking more.
    let (mut sink, mut stream) = flood.split();
    let text = world.text;
    let writer = tokio::spawn(async move {
        use futures_util::SinkExt;
        for id in 0..10_000u64 {
            let frame = json!({ "id": id, "op": "read", "ch": text, "d": { "upto": 0 } });
            sink.send(Message::text(frame.to_string())).await.unwrap();
        }
        sink
    });
    let mut last = 0;
    loop {
        for _ in 0..20 {
            other.ok("pong", None, Value::Null).await;
        }
        if counted.get() == last && last > 0 {
            break;
        }
        last = counted.get();
    }
    assert!(last < 200, "the server took {last} commands whose answers nobody reads");
    // Read on: everything is answered, in order.
    use futures_util::StreamExt;
    let mut expected = 0u64;
    while expected < 10_000 {
        let frame = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        let Message::Text(frame) = frame else { continue };
        let frame: Value = serde_json::from_str(&frame).unwrap();
        if let Some(id) = frame["id"].as_u64() {
            assert_eq!((id, &frame["ok"]["upto"]), (expected, &json!(0)));
            expected += 1;
        }
    }
    drop(writer.await.unwrap());
    assert_eq!(counted.get(), 10_000);
}

#[tokio::test]
async fn a_flood_of_pings_to_a_client_that_does_not_read_is_bounded() {
    use futures_util::SinkExt;
    /// Many times what the pipes and buffers between the two hold.
    const PINGS: usize = 5_000;
    /// So many turns without progress are a standstill.
    const TURNS: usize = 1_000;
    let world = World::new().await;
    let mut flood = world.client_with(Entrance::All, Some(Ok((world.ada.credential, world.ada.user.clone()))), 1024);
    flood.next().await;
    flood.settle().await;
    let (mut sink, stream) = flood.split();
    let mut sent = 0;
    'sending: while sent < PINGS {
        sink.feed(Message::Ping(vec![b'x'; 125].into())).await.unwrap();
        let mut turns = 0;
        // One thread runs everything here: each turn lets the session do all it can.
        while futures_util::poll!(sink.flush()).map(Result::unwrap).is_pending() {
            turns += 1;
            if turns == TURNS {
                break 'sending;
            }
            tokio::task::yield_now().await;
        }
        sent += 1;
    }
    // It blocks: the server answers only as fast as the answers are read.
    assert!(sent < PINGS, "the server took {sent} pings whose answers nobody reads");
    drop(stream);
}
