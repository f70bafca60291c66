//! What only an insider can bring about: a room whose task fails.

use std::net::IpAddr;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Message, protocol::Role as End};

use super::*;
use crate::{
    auth::{JwtAlgorithm, Secret},
    domain::{AuthSessionId, DisplayName, IdempotencyKey, RoomTitle, Slug, Timestamp, Username},
    store::{NewAuthSession, NewRoom, NewUser, StoreOptions},
};

async fn owner_of_a_room(store: &Store, name: &str, now: Timestamp) -> (Credential, User, RoomId) {
    let user = NewUser {
        id: UserId::fresh(),
        username: Username::parse(name).unwrap(),
        display_name: DisplayName::parse(name).unwrap(),
        password_hash: None,
        guest: false,
        created_at: now,
    };
    let user = store.create_user(user).await.unwrap();
    let (slug, title) = (Slug::parse(name).unwrap(), RoomTitle::parse(name).unwrap());
    let room = NewRoom { id: RoomId::fresh(), slug, title, owner: user.id, created_at: now };
    let room = store.create_room(room).await.unwrap();
    let session = NewAuthSession {
        id: AuthSessionId::fresh(),
        user: user.id,
        created_at: now,
        expires_at: now.plus_seconds(3600),
        user_agent: String::new(),
        address: String::new(),
    };
    let credential = Credential { user: user.id, auth_session: session.id, expires_at: session.expires_at };
    store.open_auth_session(session).await.unwrap();
    let user = User { id: user.id, username: user.username, display_name: user.display_name, guest: false };
    (credential, user, room.id)
}

async fn connect(live: &Live, credential: Credential, user: User) -> WebSocketStream<tokio::io::DuplexStream> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let live = live.clone();
    tokio::spawn(async move {
        let socket = WebSocketStream::from_raw_socket(far, End::Server, None).await;
        live.serve(socket, Entrance::All, Some(Ok((credential, user))), IpAddr::from([127, 0, 0, 1])).await;
    });
    let mut client = WebSocketStream::from_raw_socket(near, End::Client, None).await;
    let hello = client.next().await.unwrap().unwrap();
    assert!(hello.to_text().unwrap().contains("hello"));
    client
}

/// The code of the close frame, after whatever comes before it.
async fn close_code(client: &mut WebSocketStream<tokio::io::DuplexStream>) -> u16 {
    loop {
        if let Message::Close(Some(frame)) = client.next().await.unwrap().unwrap() {
            return frame.code.into();
        }
    }
}

#[tokio::test]
async fn a_room_that_fails_costs_its_own_sessions_a_reconnect_and_nobody_else_anything() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new().unwrap();
    let (store, committed) = Store::open(&StoreOptions::in_dir(dir.path()), &metrics).await.unwrap();
    let tokens = Tokens::new(&Secret::new("a secret of at least 32 bytes, for tests"), JwtAlgorithm::Hs256).unwrap();
    let options =
        LiveOptions { receive_timeout: Duration::from_secs(30), messages_per_10s: 0, message_max_length: 2000 };
    let live = Live::start(store.clone(), committed, tokens, options, metrics.clone());
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let (ada, ada_user, den) = owner_of_a_room(&store, "ada", now).await;
    let (mio, mio_user, _) = owner_of_a_room(&store, "mio", now).await;
    let mut unlucky = connect(&live, ada, ada_user.clone()).await;
    let mut lucky = connect(&live, mio, mio_user).await;

    live.0.room(den).send(RoomCommand::Fail).await.unwrap();
    assert_eq!(close_code(&mut unlucky).await, 4004);

    // The room starts again for whoever comes, and writes go on in both.
    let mut again = connect(&live, ada, ada_user).await;
    for user in [ada.user, mio.user] {
        let (room, _) = store.rooms_of(user).await.unwrap().remove(0);
        let channel = store.channels_of(room.id).await.unwrap().remove(0);
        let key = IdempotencyKey::parse("k").unwrap();
        let sent = live.send(user, channel.id, wire::Send { key, text: "hi".into(), reply_to: None }).await.unwrap();
        assert_eq!(sent.seq, 1);
    }
    for client in [&mut again, &mut lucky] {
        while !client.next().await.unwrap().unwrap().to_text().unwrap().contains("unread") {}
    }
    assert_eq!(metrics.rooms.get(), 2);
}

/// Collects log lines.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_hostile_frame_is_logged_once_with_the_reason_and_without_its_bytes() {
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || to.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new().unwrap();
    let (store, committed) = Store::open(&StoreOptions::in_dir(dir.path()), &metrics).await.unwrap();
    let tokens = Tokens::new(&Secret::new("a secret of at least 32 bytes, for tests"), JwtAlgorithm::Hs256).unwrap();
    let options =
        LiveOptions { receive_timeout: Duration::from_secs(30), messages_per_10s: 0, message_max_length: 2000 };
    let live = Live::start(store.clone(), committed, tokens, options, metrics.clone());
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let (ada, ada_user, _) = owner_of_a_room(&store, "ada", now).await;
    let mut client = connect(&live, ada, ada_user).await;
    for frame in [r#"{"id":1,"op":"fly"}"#, r#"{"op":"fly too"}"#, "a confidence"] {
        client.send(Message::text(frame)).await.unwrap();
    }
    assert_eq!(close_code(&mut client).await, 4501);
    while client.next().await.is_some_and(|frame| frame.is_ok()) {}
    while metrics.sessions.get() > 0 {
        tokio::task::yield_now().await;
    }
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let ends: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["message"] == "session ended")
        .collect();
    assert_eq!(ends.len(), 1, "{said}");
    assert_eq!(ends[0]["close.code"], 4501);
    assert_eq!(ends[0]["close.reason"], "not a JSON object with an \"op\"");
    assert_eq!(ends[0]["session.refused"], 2);
    assert!(!said.contains("confidence") && !said.contains("fly"), "{said}");
}
