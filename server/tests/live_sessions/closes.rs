//! Every way a session ends.

use std::time::Duration;

use charge::{
    domain::limits::{CLIENT_FRAME_BYTES, SESSIONS_PER_USER},
    live::{Entrance, RoomNews},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::world::{Closed, World, now, sign_in};

fn closed(code: u16, reason: &str) -> Closed {
    Closed { code, reason: reason.into() }
}

#[tokio::test]
async fn a_bad_credential_in_the_upgrade_is_4500() {
    let world = World::new().await;
    let client = world.client_with(Entrance::All, Some(Err(())), 4096);
    assert_eq!(client.closed().await, closed(4500, "bad credential"));
    assert_eq!(world.metrics.session_closes.with_label_values(&["4500"]).get(), 1);
    assert_eq!(world.metrics.sessions.get(), 0);
}

#[tokio::test]
async fn only_a_good_auth_opens() {
    let world = World::new().await;
    let mut expired = world.ada.credential;
    expired.expires_at = now().plus_seconds(-1);
    let expired = world.tokens.mint_access(expired, now().plus_seconds(-60));
    let auth = |token: &str| json!({ "id": 1, "op": "auth", "d": { "token": token } });
    let firsts = [
        auth("nonsense"),
        auth(&expired),
        json!({ "id": 1, "op": "auth" }),
        json!({ "id": 1, "op": "sub", "d": [] }),
        json!({ "id": 1, "op": "fly" }),
    ];
    for first in firsts {
        let mut client = world.client(Entrance::All, None);
        assert_eq!(client.next().await["ev"], "hello");
        client.send(first.clone()).await;
        assert_eq!(client.closed().await.code, 4500, "{first}");
    }
    let mut client = world.client(Entrance::All, None);
    client.next().await;
    client.send(json!({ "op": "pong" })).await;
    client.send(auth(&world.token(&world.ada))).await;
    assert_eq!(client.answer(1).await["ok"]["user"]["username"], "ada");
}

#[tokio::test]
async fn a_revoked_sign_in_opens_nothing() {
    let world = World::new().await;
    world.store.revoke_auth_session(world.ada.credential.auth_session).await.unwrap();
    assert_eq!(world.client(Entrance::All, Some(&world.ada)).closed().await.code, 4500);
    let mut client = world.client(Entrance::All, None);
    client.send(json!({ "id": 1, "op": "auth", "d": { "token": world.token(&world.ada) } })).await;
    assert_eq!(client.closed().await.code, 4500);
}

#[tokio::test]
async fn logout_ends_its_sessions_and_no_others() {
    let world = World::new().await;
    let mut elsewhere = world.ada.clone();
    elsewhere.credential = sign_in(&world.store, world.ada.id).await;
    let (here, mut there) = (world.connect(&world.ada).await, world.connect(&elsewhere).await);
    world.live.end_auth_sessions(&[world.ada.credential.auth_session]);
    assert_eq!(here.closed().await, closed(4500, "bad credential"));
    there.ok("pong", None, Value::Null).await;
}

#[tokio::test]
async fn a_renewal_moves_the_session_to_the_new_sign_in() {
    let world = World::new().await;
    let mut renewed = world.ada.clone();
    renewed.credential = sign_in(&world.store, world.ada.id).await;
    let mut client = world.connect(&world.ada).await;
    let ok = client.ok("auth", None, json!({ "token": world.token(&renewed) })).await;
    assert_eq!(ok["user"]["id"], json!(world.ada.id));
    world.live.end_auth_sessions(&[world.ada.credential.auth_session]);
    client.ok("pong", None, Value::Null).await;
    world.live.end_auth_sessions(&[renewed.credential.auth_session]);
    assert_eq!(client.closed().await.code, 4500);
}

#[tokio::test]
async fn a_renewal_as_somebody_else_is_4500() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    for token in [world.token(&mio), "nonsense".into()] {
        let mut client = world.connect(&world.ada).await;
        client.command("auth", None, json!({ "token": token })).await;
        assert_eq!(client.closed().await.code, 4500);
    }
}

#[tokio::test]
async fn what_is_no_frame_is_4501() {
    let world = World::new().await;
    let bad = [
        (Message::text("{"), "not a JSON object with an \"op\""),
        (Message::text("[1]"), "not a JSON object with an \"op\""),
        (Message::binary(vec![1, 2, 3]), "binary frame"),
        (Message::text(" ".repeat(CLIENT_FRAME_BYTES + 1)), "frame larger than 32768 bytes"),
        (Message::text(" ".repeat(CLIENT_FRAME_BYTES * 30)), "frame larger than 32768 bytes"),
    ];
    for (frame, reason) in bad {
        for person in [Some(&world.ada), None] {
            let mut client = world.client(Entrance::All, person);
            assert_eq!(client.next().await["ev"], "hello");
            client.send_raw(frame.clone()).await;
            assert_eq!(client.closed().await, closed(4501, reason));
        }
    }
    let mut client = world.connect(&world.ada).await;
    client.send(json!({ "id": 1, "op": "typing", "ch": world.text, "d": "x".repeat(CLIENT_FRAME_BYTES - 200) })).await;
    assert!(client.answer(1).await["ok"].is_object(), "the largest frame passes");
}

#[tokio::test]
async fn a_fragmented_message_is_bounded_too() {
    let world = World::new().await;
    let client = world.client(Entrance::All, Some(&world.ada));
    let mut pipe = client.into_pipe();
    let (mut from, mut to) = tokio::io::split(&mut pipe);
    let reading = async {
        let mut all = Vec::new();
        from.read_to_end(&mut all).await.unwrap();
        all
    };
    let writing = async {
        // Text without FIN, then continuations without end, masked with zeros.
        for n in 0..40u8 {
            let mut frame = vec![u8::from(n == 0), 0x80 | 126, 0x0f, 0xff, 0, 0, 0, 0];
            frame.resize(8 + 0x0fff, b' ');
            if to.write_all(&frame).await.is_err() {
                return;
            }
        }
        to.shutdown().await.unwrap();
    };
    let (all, ()) = tokio::join!(reading, writing);
    let reason = b"frame larger than 32768 bytes";
    assert!(all.windows(reason.len()).any(|window| window == reason));
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_4501() {
    let world = World::new().await;
    let mut pipe = world.client(Entrance::All, Some(&world.ada)).into_pipe();
    pipe.write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]).await.unwrap();
    let mut all = Vec::new();
    pipe.read_to_end(&mut all).await.unwrap();
    let frame = b"\x88\x0b\x11\x95not UTF-8";
    assert!(all.windows(frame.len()).any(|window| window == frame), "{all:?}");
}

#[tokio::test]
async fn no_auth_in_time_is_4502() {
    let world = World::new().await;
    tokio::time::pause();
    let mut client = world.client(Entrance::All, None);
    assert_eq!(client.next().await["ev"], "hello");
    let before = tokio::time::Instant::now();
    assert_eq!(client.closed().await, closed(4502, "auth timeout"));
    assert!(before.elapsed() >= Duration::from_secs(10) && before.elapsed() < Duration::from_secs(11));
}

#[tokio::test]
async fn silence_is_4003_and_any_traffic_is_not() {
    let world = World::new().await;
    let mut client = world.connect(&world.ada).await;
    client.settle().await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    for n in 1..=3u32 {
        assert_eq!(client.event("ping").await, json!({ "ev": "ping" }));
        let due = Duration::from_secs(u64::from(n) * 25);
        assert!(start.elapsed() <= due && start.elapsed() + Duration::from_secs(5) > due, "every 25 s");
        match n {
            1 => client.send(json!({ "op": "pong" })).await,
            2 => client.send_raw(Message::Ping(vec![1].into())).await,
            _ => client.send(json!({ "id": 9, "op": "fly" })).await,
        }
    }
    let last = tokio::time::Instant::now();
    assert_eq!(client.closed().await, closed(4003, "no pong"));
    assert_eq!(last.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn an_expired_token_is_4005_unless_renewed() {
    let world = World::new().await;
    let mut short = world.ada.clone();
    short.credential.expires_at = now().plus_millis(600);
    let (mut renewed, lazy) = (world.connect(&short).await, world.connect(&short).await);
    renewed.ok("auth", None, json!({ "token": world.token(&world.ada) })).await;
    assert_eq!(lazy.closed().await, closed(4005, "token expired"));
    renewed.ok("pong", None, Value::Null).await;
}

#[tokio::test]
async fn one_session_too_many_is_4006() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS_PER_USER {
        sessions.push(world.connect(&world.ada).await);
    }
    assert_eq!(world.client(Entrance::All, Some(&world.ada)).closed().await, closed(4006, "too many sessions"));
    let mut by_frame = world.client(Entrance::All, None);
    by_frame.send(json!({ "id": 1, "op": "auth", "d": { "token": world.token(&world.ada) } })).await;
    assert_eq!(by_frame.closed().await.code, 4006);
    world.connect(&mio).await;
    let mut gone = sessions.pop().unwrap();
    gone.send_raw(Message::Close(None)).await;
    gone.closed().await;
    world.connect(&world.ada).await;
    for session in &mut sessions {
        session.ok("pong", None, Value::Null).await;
    }
}

#[tokio::test]
async fn who_is_kicked_leaves_by_4503() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (mut ada, mut all) = (world.follow(&world.ada).await, world.follow(&mio).await);
    let (text, signal) = (world.text_door(&mio, None), world.client(Entrance::Signal("den".into()), Some(&mio)));
    ada.say(world.text, "1", "before").await;
    all.event("message.new").await;
    world.kick(&mio).await;
    ada.say(world.text, "2", "after").await;
    for client in [all, text, signal] {
        let (frames, end) = client.rest().await;
        assert_eq!(end, closed(4503, "banned or removed"));
        assert!(!frames.iter().any(|frame| frame["d"]["text"] == "after"), "{frames:?}");
        let removed = frames.iter().find(|frame| frame["ev"] == "room.removed").unwrap();
        assert_eq!(removed["d"], json!({ "room": world.room.id, "reason": "kicked" }));
    }
    let left = ada.event("member.left").await;
    assert_eq!(left["d"]["user"], json!(mio.id));
    assert_eq!(world.client(Entrance::All, Some(&mio)).next().await["ev"], "hello", "an account without a room stays");
}

#[tokio::test]
async fn who_has_another_room_stays() {
    let world = World::new().await;
    let mio = world.member("mio").await;
    let (other, text) = world.another_room("attic").await;
    world.join(&other, &mio).await;
    let mut all = world.follow(&mio).await;
    world.kick(&mio).await;
    assert_eq!(all.event("room.removed").await["d"]["room"], json!(world.room.id));
    assert_eq!(all.err("send", Some(world.text), json!({ "key": "k", "text": "hi" })).await, "not_found");
    assert_eq!(all.ok("sub", None, json!([{ "ch": world.text }])).await[0]["err"]["code"], "not_found");
    all.say(text, "k", "still here").await;
    world.live.tell(other.id, RoomNews::MemberLeft(mio.id, "left")).await;
    assert_eq!(all.closed().await.code, 4503);
}

#[tokio::test]
async fn a_deleted_room_closes_its_doors() {
    let world = World::new().await;
    let (all, text) = (world.connect(&world.ada).await, world.text_door(&world.ada, None));
    world.store.delete_room(world.room.id).await.unwrap();
    world.live.tell(world.room.id, RoomNews::RoomRemoved).await;
    let (frames, end) = all.rest().await;
    assert_eq!(end.code, 4503);
    assert!(frames.iter().any(|frame| frame["ev"] == "room.removed" && frame["d"]["reason"] == "deleted"));
    assert_eq!(text.closed().await.code, 4503);
    world.until("the room's task ends", |metrics| metrics.rooms.get() == 0).await;
}

#[tokio::test]
async fn goodbyes_are_answered() {
    let world = World::new().await;
    for code in [1000u16, 1001] {
        let mut client = world.connect(&world.ada).await;
        let frame = CloseFrame { code: code.into(), reason: "bye".into() };
        client.send_raw(Message::Close(Some(frame))).await;
        assert_eq!(client.closed().await, closed(code, "bye"));
    }
    let client = world.connect(&world.ada).await;
    drop(client);
    world
        .until("an end without goodbye", |metrics| metrics.session_closes.with_label_values(&["1006"]).get() == 1)
        .await;
    assert_eq!(world.metrics.session_closes.with_label_values(&["1001"]).get(), 1);
    world.until("nobody is left", |metrics| metrics.sessions.get() == 0).await;
}

#[tokio::test]
async fn a_drain_tells_when_to_come_back_and_answers_what_was_asked() {
    let world = World::new().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(world.follow(&world.ada).await);
    }
    clients[0].command("send", Some(world.text), json!({ "key": "k", "text": "last words" })).await;
    let live = world.live.clone();
    let drained = tokio::spawn(async move { live.drain(Duration::from_millis(200)).await });
    let mut times = Vec::new();
    for (n, client) in clients.into_iter().enumerate() {
        let (frames, end) = client.rest().await;
        assert_eq!(end, closed(4001, "shutdown"));
        let going = frames.iter().find(|frame| frame["ev"] == "going_away").unwrap();
        times.push(going["d"]["after_ms"].as_u64().unwrap());
        assert!(n > 0 || frames.iter().any(|frame| frame["ok"]["seq"] == 1), "what was asked is answered: {frames:?}");
    }
    drained.await.unwrap();
    times.sort_unstable();
    assert_eq!(times, [0, 40, 80, 120, 160], "spread evenly");
    assert_eq!(world.client(Entrance::All, Some(&world.ada)).closed().await.code, 4001, "nobody new");
}
