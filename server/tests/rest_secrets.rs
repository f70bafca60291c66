//! What the log says over a whole life of a room: never a token, a password, an invite or a text.
//!
//! A binary of its own: it listens to everything the process logs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

#[path = "rest_contract/world.rs"]
#[allow(dead_code)]
mod world;

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use world::World;

/// Everything written so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let secrets = a_whole_life().await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("/api/auth/login") && logged.contains("request.id"), "nothing was captured:\n{logged}");
    assert!(secrets.len() > 12);
    for secret in secrets {
        assert!(secret.len() >= 8, "too short to look for: {secret:?}");
        assert!(!logged.contains(&secret), "{secret:?} is in the log");
    }
}

/// Goes through every kind of request, good and bad; answers all that must stay secret.
async fn a_whole_life() -> Vec<String> {
    let world = World::start().await;
    let mut secrets = vec![world.secret().to_owned(), "setup-token-of-the-first-start".to_owned()];
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Foxglove").await;
    let invite = world.invite(&ada, "foxglove", json!({})).await;
    let guest = world.guest(&invite, "Léa").await;
    let bad = world.post("/api/auth/login", None, json!({"username":"ada","password":"wrong-password-of-ada"})).await;
    assert_eq!(bad.status, 401);
    let again = world.post("/api/auth/login", None, json!({"username":"ada","password":ada.password})).await;
    let rotated = world.post("/api/auth/refresh", None, json!({"refresh_token":ada.refresh})).await;
    let cookie =
        world.post("/api/auth/login", None, json!({"username":"ada","password":ada.password,"cookie":true})).await;
    let set = cookie.header("set-cookie");
    let by_cookie = set.split(['=', ';']).nth(1).unwrap().to_owned();
    world.send_raw(&format!("POST /api/auth/refresh HTTP/1.1\r\nhost: x\r\ncookie: charge_refresh={by_cookie}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")).await;
    let channel = room["channels"][0]["id"].as_str().unwrap();
    let text = "the-text-of-a-message";
    for key in ["k1", "k1", "k2"] {
        world
            .post(&format!("/api/channels/{channel}/messages"), Some(&guest.token), json!({"key":key,"text":text}))
            .await;
    }
    world.post(&format!("/api/channels/{channel}/messages"), Some(&guest.token), json!({"key":5,"text":text})).await;
    world.get(&format!("/api/channels/{channel}/history?limit=0&token={}", ada.token), Some(&ada.token)).await;
    world.get(&format!("/i/{invite}"), None).await;
    world.get(&format!("/api/invites/{invite}"), None).await;
    world.get(&format!("/api/invitesx/{invite}"), None).await;
    world.post("/api/setup", Some(&ada.token), json!({"token":"setup-token-of-the-first-start"})).await;
    let next = json!({"password":{"old":ada.password,"new":"the-next-password"}});
    assert_eq!(world.patch("/api/me", Some(&ada.token), next).await.status, 200);
    world.upgrade("/ws", &[("sec-websocket-protocol", &format!("charge.v1, bearer.{}", ada.token))]).await;
    world.upgrade("/ws", &[("sec-websocket-protocol", &format!("charge.v1, bearer.{}x", ada.token))]).await;
    world.post("/api/auth/logout", Some(&guest.token), json!({"refresh_token":guest.refresh})).await;
    world.store.close().await;
    assert_eq!(world.post("/api/rooms", Some(&ada.token), json!({"title":"x"})).await.status, 503);

    secrets.extend([ada.password, "wrong-password-of-ada".into(), "the-next-password".into(), text.into(), invite]);
    secrets.extend([ada.token, ada.refresh, guest.token, guest.refresh, by_cookie]);
    for answer in [again, rotated, cookie] {
        let tokens = [&answer.json["access_token"], &answer.json["refresh_token"]];
        secrets.extend(tokens.into_iter().filter_map(Value::as_str).map(str::to_owned));
    }
    secrets
}
