//! Who is online, and that nobody stays who has gone.

use std::{collections::BTreeSet, time::Duration};

use charge::{domain::wire::event::PresenceState, live::Entrance};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Client, Person, World};

/// What a client believes, from `presence.state` and the diffs after it.
fn fold(believed: &mut Option<BTreeSet<String>>, frame: &Value) {
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    match frame["ev"].as_str() {
        Some("presence.state") => {
            let online = frame["d"]["online"].as_array().unwrap();
            *believed = Some(online.iter().map(|o| o["user"].as_str().unwrap().to_owned()).collect());
        }
        Some("presence") => {
            let believed = believed.as_mut().expect("a state comes before diffs");
            believed.extend(ids(&frame["d"]["joined"]));
            for left in ids(&frame["d"]["left"]) {
                believed.remove(&left);
            }
        }
        _ => {}
    }
}

/// Reads until the client believes that exactly these are online.
async fn sees(client: &mut Client, believed: &mut Option<BTreeSet<String>>, online: &[&Person]) {
    let expected: BTreeSet<String> = online.iter().map(|person| person.id.to_string()).collect();
    while believed.as_ref() != Some(&expected) {
        let frame = client.find(|frame| frame["ev"] == "presence.state" || frame["ev"] == "presence").await;
        fold(believed, &frame);
    }
}

#[tokio::test]
async fn people_come_and_go_by_every_way() {
    let world = World::new().await;
    let (mio, noa) = (world.member("mio").await, world.member("noa").await);
    let mut ada = world.connect(&world.ada).await;
    let mut seen = None;
    sees(&mut ada, &mut seen, &[&world.ada]).await;
    let mut first = world.connect(&mio).await;
    let second = world.text_door(&mio, None);
    sees(&mut ada, &mut seen, &[&world.ada, &mio]).await;
    let third = world.client(Entrance::Signal("den".into()), Some(&noa));
    sees(&mut ada, &mut seen, &[&world.ada, &mio, &noa]).await;
    // One of two sessions ends: still here. The other: gone.
    first.send_raw(Message::Close(None)).await;
    first.closed().await;
    assert!(!ada.settle().await.iter().any(|frame| frame["ev"] == "presence"));
    drop(second);
    sees(&mut ada, &mut seen, &[&world.ada, &noa]).await;
    world.live.end_auth_sessions(&[noa.credential.auth_session]);
    third.closed().await;
    sees(&mut ada, &mut seen, &[&world.ada]).await;
    let back = world.connect(&mio).await;
    sees(&mut ada, &mut seen, &[&world.ada, &mio]).await;
    world.kick(&mio).await;
    back.closed().await;
    sees(&mut ada, &mut seen, &[&world.ada]).await;
    let PresenceState::Names { online, .. } = world.live.presence(world.room.id).await else { panic!() };
    assert_eq!(online.iter().map(|online| online.user).collect::<Vec<_>>(), [world.ada.id]);
}

#[tokio::test]
async fn who_falls_silent_is_no_ghost() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut ada = world.connect(&world.ada).await;
    let silent = world.connect(&mio).await;
    let mut seen = None;
    sees(&mut ada, &mut seen, &[&world.ada, &mio]).await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    // Ada answers pings, mio does not.
    let expected: BTreeSet<String> = BTreeSet::from([world.ada.id.to_string()]);
    while seen.as_ref() != Some(&expected) {
        let frame = ada.find(|frame| frame["ev"] == "ping" || frame["ev"] == "presence").await;
        ada.send(json!({ "op": "pong" })).await;
        fold(&mut seen, &frame);
    }
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
    assert_eq!(silent.closed().await.code, 4003);
}

#[tokio::test]
async fn everybody_agrees_after_many_came_and_went() {
    let world = World::new().await;
    let mut people = Vec::new();
    for n in 0..30 {
        people.push(world.member(&format!("person{n}")).await);
    }
    let mut ada = world.connect(&world.ada).await;
    let mut sessions = Vec::new();
    for round in 0..5 {
        for (n, person) in people.iter().enumerate() {
            if (n + round) % 3 != 0 {
                sessions.push((n, world.connect(person).await));
            }
        }
        // Those of an odd round go again, some with a goodbye.
        sessions.retain(|(n, _)| (n + round) % 2 == 0);
    }
    let here: BTreeSet<usize> = sessions.iter().map(|(n, _)| *n).collect();
    let mut online: Vec<&Person> = here.iter().map(|n| &people[*n]).collect();
    online.push(&world.ada);
    let mut seen = None;
    sees(&mut ada, &mut seen, &online).await;
    for (_, client) in &mut sessions {
        let mut seen = None;
        sees(client, &mut seen, &online).await;
    }
    drop(sessions);
    sees(&mut ada, &mut seen, &[&world.ada]).await;
}

#[tokio::test]
async fn above_a_hundred_the_number_is_told() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for n in 0..101 {
        sessions.push(world.connect(&world.member(&format!("person{n}")).await).await);
    }
    let mut ada = world.connect(&world.ada).await;
    let state = ada.find(|frame| frame["ev"] == "presence.state" && frame["d"]["count"] == 102).await;
    assert_eq!(state["d"], json!({ "room": world.room.id, "count": 102 }));
    sessions.truncate(50);
    let state = ada.find(|frame| frame["ev"] == "presence.state" && frame["d"]["online"].is_array()).await;
    let mut seen = None;
    fold(&mut seen, &state);
    while seen.as_ref().is_none_or(|seen| seen.len() != 51) {
        let frame = ada.find(|frame| frame["ev"] == "presence.state" || frame["ev"] == "presence").await;
        if frame["d"]["count"].is_null() {
            fold(&mut seen, &frame);
        }
    }
}

#[tokio::test]
async fn nobody_is_online_in_a_room_without_sessions() {
    let world = World::new().await;
    let PresenceState::Names { online, .. } = world.live.presence(world.room.id).await else { panic!() };
    assert!(online.is_empty());
}
