//! A real server over its life: written to, killed, started again, drained, told to read its keys again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod process;

use std::{fs, path::Path};

use futures_util::{SinkExt as _, StreamExt as _};
use process::{PATIENCE, Server};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// Somebody with an account, over REST.
struct Person {
    client: reqwest::Client,
    token: String,
}

impl Person {
    async fn register(server: &Server, name: &str) -> Self {
        let client = reqwest::Client::new();
        let body = json!({"username": name, "password": "correct horse battery"});
        let answer = client.post(server.url("/api/auth/register")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let answer: Value = answer.json().await.unwrap();
        Self { client, token: answer["access_token"].as_str().unwrap().to_owned() }
    }

    async fn post(&self, server: &Server, path: &str, body: Value) -> (StatusCode, Value) {
        let sent = self.client.post(server.url(path)).bearer_auth(&self.token).json(&body).send().await.unwrap();
        (sent.status(), sent.json().await.unwrap_or_default())
    }

    async fn get(&self, server: &Server, path: &str) -> Value {
        let answer = self.client.get(server.url(path)).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// A room; its text channel's id.
    async fn room(&self, server: &Server) -> String {
        let (status, room) = self.post(server, "/api/rooms", json!({"title": "The Den"})).await;
        assert_eq!(status, StatusCode::CREATED);
        let channels = room["channels"].as_array().unwrap();
        channels.iter().find(|channel| channel["letter"] == "a").unwrap()["id"].as_str().unwrap().to_owned()
    }

    async fn socket(&self, server: &Server) -> Socket {
        let mut request = format!("ws://{}/ws", server.address).into_client_request().unwrap();
        let protocols = format!("charge.v1, bearer.{}", self.token);
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let mut socket = Socket(socket);
        socket.until(|frame| frame["ev"] == "hello").await;
        socket
    }
}

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time");
        next.expect("an open socket").expect("a whole frame")
    }

    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if wanted(&frame) {
                    return frame;
                }
            }
        }
    }

    async fn send(&mut self, id: u64, channel: &str, key: &str, text: &str) {
        let frame = json!({"id": id, "op": "send", "ch": channel, "d": {"key": key, "text": text}});
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The code it is closed with.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(Some(close)) = self.next().await {
                return close.code.into();
            }
        }
    }
}

fn texts(history: &Value) -> Vec<String> {
    let messages = history["messages"].as_array().unwrap();
    messages.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

/// What a power cut must not change: the same variables, the same folder.
fn start(dir: &Path) -> Server {
    Server::start(dir, &[("RATE_LIMIT_MESSAGES_PER_10S", "0")])
}

#[tokio::test]
async fn what_was_acknowledged_survives_sigkill_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let ada = Person::register(&server, "ada").await;
    let channel = ada.room(&server).await;
    let mut socket = ada.socket(&server).await;
    for n in 0..40u64 {
        socket.send(n + 1, &channel, &format!("key-{n}"), &format!("message {n}")).await;
    }
    // Killed with answers under way: what has none may be there or not.
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 25 {
        let answer = socket.until(|frame| frame["ok"]["seq"].is_u64()).await;
        acknowledged.push((answer["ok"]["seq"].as_u64().unwrap(), answer["ok"]["message"]["text"].clone()));
    }
    server.kill();

    let server = start(dir.path());
    let path = format!("/api/channels/{channel}/history?limit=100");
    let after_kill = ada.get(&server, &path).await;
    let stored = after_kill["messages"].as_array().unwrap();
    for (at, message) in stored.iter().enumerate() {
        assert_eq!(message["seq"], json!(at + 1), "gapless");
        assert_eq!(message["text"], json!(format!("message {at}")), "in order, once");
    }
    for (seq, text) in &acknowledged {
        assert_eq!(&stored[usize::try_from(*seq).unwrap() - 1]["text"], text);
    }

    // Sent again with the same keys: nothing is doubled.
    let mut socket = ada.socket(&server).await;
    for n in 0..40u64 {
        socket.send(n + 1, &channel, &format!("key-{n}"), &format!("message {n}")).await;
        socket.until(|frame| frame["id"] == json!(n + 1) && frame["ok"].is_object()).await;
    }
    let whole = ada.get(&server, &path).await;
    assert_eq!(texts(&whole), (0..40).map(|n| format!("message {n}")).collect::<Vec<_>>());
    assert_eq!(whole["epoch"], after_kill["epoch"], "a restart is no restore");

    server.kill();
    let server = start(dir.path());
    assert_eq!(ada.get(&server, &path).await, whole);
}

#[tokio::test]
async fn the_setup_link_is_spent_once_and_then_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = start(dir.path());
    let stale = first.setup_token.clone().unwrap();
    first.kill();

    let server = start(dir.path());
    let token = server.setup_token.clone().unwrap();
    assert_ne!(token, stale);
    let (ada, mio) = (Person::register(&server, "ada").await, Person::register(&server, "mio").await);
    let setup = |token: &str| json!({ "token": token });
    assert_eq!(mio.post(&server, "/api/setup", setup(&stale)).await.0, StatusCode::FORBIDDEN, "a later start voids it");
    assert_eq!(ada.post(&server, "/api/setup", setup(&token)).await.0, StatusCode::OK);
    assert_eq!(mio.post(&server, "/api/setup", setup(&token)).await.0, StatusCode::FORBIDDEN, "it works once");
    server.kill();

    let server = start(dir.path());
    assert_eq!(server.setup_token, None, "there is an admin");
    let users = process::out(&process::run(dir.path(), &[], &["admin", "users"]));
    let kind = |name: &str| users.lines().find(|line| line.starts_with(name)).unwrap().contains("admin");
    assert!(kind("ada") && !kind("mio"), "{users}");
}

#[tokio::test]
async fn sigterm_sends_everybody_away_and_exits_with_0() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &[("DRAIN_SECONDS", "1")]);
    let ada = Person::register(&server, "ada").await;
    let mut sockets = [ada.socket(&server).await, ada.socket(&server).await];
    server.signal(Signal::TERM);
    for socket in &mut sockets {
        let away = socket.until(|frame| frame["ev"] == "going_away").await;
        assert!(away["d"]["after_ms"].is_u64(), "{away}");
        assert_eq!(socket.closed().await, 4001);
    }
    assert_eq!(server.ended().code(), Some(0));
    assert!(TcpStream::connect(server.address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_second_signal_quits_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &[("DRAIN_SECONDS", "600")]);
    let ada = Person::register(&server, "ada").await;
    // Enough of them that somebody's turn in ten minutes has not come when the second signal does.
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(ada.socket(&server).await);
    }
    server.signal(Signal::TERM);
    server.wait_for_log("draining");
    server.signal(Signal::INT);
    assert_eq!(server.ended().code(), Some(0));
    server.wait_for_log("stopped at once");
}

#[tokio::test]
async fn sighup_reads_the_keyring_of_the_local_file_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(".env.local");
    let servers = "WEBRTC_TURN_SERVERS=turn:turn.example.org\n";
    fs::write(&file, format!("{servers}TURN_SECRET=k1:first-secret\n")).unwrap();
    let server = start(dir.path());
    let ada = Person::register(&server, "ada").await;
    let username = async || {
        let config = ada.get(&server, "/api/config/webrtc").await;
        config["turn"]["username"].as_str().unwrap().to_owned()
    };
    assert!(username().await.contains(":k1."));
    fs::write(&file, format!("{servers}TURN_SECRET=k2:second-secret,k1:first-secret\n")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("TURN keyring read again");
    assert!(username().await.contains(":k2."));
    fs::write(&file, format!("{servers}TURN_SECRET=k3:,\n")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("TURN keyring stays as it is");
    assert!(username().await.contains(":k2."));
    assert!(!server.said().contains("second-secret"));
}

#[tokio::test]
async fn sighup_is_refused_where_the_environment_decides() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("TURN_SECRET", "k1:first-secret")]);
    server.signal(Signal::HUP);
    server.wait_for_log("came from the environment");
    assert_eq!(reqwest::get(server.url("/healthz")).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn two_servers_in_one_process_start_and_drain() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for dir in &dirs {
        let data = dir.path().join("data");
        let line = ["charge", "--listen=127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
        let (config, _) = charge::config::parse(line.map(Into::into), &charge::config::Variables::default()).unwrap();
        let running = charge::app::start(&config).await.unwrap();
        let url = format!("http://{}/readyz", running.address);
        assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::OK);
        assert!(running.setup_link.as_ref().unwrap().starts_with(&running.public_url.to_string()));
        running.drain(std::time::Duration::ZERO).await;
        assert!(reqwest::get(&url).await.is_err());
    }
}
