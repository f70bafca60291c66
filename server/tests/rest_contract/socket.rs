//! The way into a WebSocket: handshake, Origin, subprotocol, version.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::world::{Person, World};

type Socket = WebSocketStream<TcpStream>;

/// A WebSocket with these headers, past the handshake.
async fn connect(world: &World, path: &str, headers: &[(&str, &str)]) -> Socket {
    let (status, head, stream) = world.upgrade(path, headers).await;
    assert_eq!(status, 101, "{head}");
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

/// A session of `person` by subprotocol.
async fn session(world: &World, person: &Person) -> Socket {
    let protocols = format!("charge.v1, bearer.{}", person.token);
    connect(world, "/ws", &[("sec-websocket-protocol", &protocols)]).await
}

/// The next frame of that event; others are passed over.
async fn event(socket: &mut Socket, name: &str) -> Value {
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.unwrap() else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["ev"] == name {
            return frame["d"].clone();
        }
    }
    panic!("closed before {name}");
}

/// Reads to the end; the close code.
async fn close_code(socket: &mut Socket) -> u16 {
    while let Some(message) = socket.next().await {
        if let Ok(Message::Close(Some(frame))) = message {
            return frame.code.into();
        }
    }
    0
}

#[tokio::test]
async fn a_credential_signs_in_or_closes() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let hello = event(&mut session(&world, &ada).await, "hello").await;
    assert_eq!((&hello["v"], &hello["user"]["username"]), (&json!(1), &json!("ada")));
    let bearer = format!("Bearer {}", ada.token);
    let mut by_header = connect(&world, "/ws", &[("authorization", &bearer)]).await;
    assert_eq!(event(&mut by_header, "hello").await["user"]["id"], ada.id);
    let mut without = connect(&world, "/ws", &[]).await;
    assert_eq!(event(&mut without, "hello").await.get("user"), None);
    for bad in [format!("{}x", ada.token), "x.y.z".to_owned(), ada.refresh.clone()] {
        let mut socket =
            connect(&world, "/ws", &[("sec-websocket-protocol", &format!("charge.v1, bearer.{bad}"))]).await;
        assert_eq!(close_code(&mut socket).await, 4500, "{bad}");
    }
    world.post("/api/auth/logout", Some(&ada.token), json!({})).await.expect(204);
    assert_eq!(close_code(&mut session(&world, &ada).await).await, 4500, "signed out is signed out");
}

#[tokio::test]
async fn the_end_of_a_sign_in_ends_its_sessions_and_no_others() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let (phone, tablet, desk) = (world.login(&ada).await, world.login(&ada).await, world.login(&ada).await);
    let mut sockets = Vec::new();
    for person in [&ada, &phone, &tablet, &desk] {
        let mut socket = session(&world, person).await;
        event(&mut socket, "hello").await;
        sockets.push(socket);
    }
    world.post("/api/auth/logout", None, json!({"refresh_token": phone.refresh})).await.expect(204);
    assert_eq!(close_code(&mut sockets[1]).await, 4500);
    let list = world.get("/api/me/sessions", Some(&tablet.token)).await.expect(200).json;
    let current = list["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
    let path = format!("/api/me/sessions/{}", current["id"].as_str().unwrap());
    world.delete(&path, Some(&ada.token)).await.expect(204);
    assert_eq!(close_code(&mut sockets[2]).await, 4500);
    let change = json!({"password": {"old": ada.password, "new": "another password"}});
    world.patch("/api/me", Some(&ada.token), change).await.expect(200);
    assert_eq!(close_code(&mut sockets[3]).await, 4500);
    // The one that changed the password lives on and still hears of things.
    world.room(&ada, "Tea").await;
    world.patch("/api/rooms/tea", Some(&ada.token), json!({"topic": "Leaves"})).await.expect(200);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
    world.delete("/api/me/sessions", Some(&ada.token)).await.expect(204);
    world.post("/api/auth/logout", Some(&ada.token), json!({})).await.expect(204);
    assert_eq!(close_code(&mut sockets[0]).await, 4500);
}

#[tokio::test]
async fn what_rest_changes_is_heard() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Tea").await;
    let ben = world.member(&ada, "tea", "ben", "member").await;
    let mut socket = session(&world, &ben).await;
    event(&mut socket, "presence.state").await;

    world.patch("/api/rooms/tea", Some(&ada.token), json!({"topic": "Leaves"})).await.expect(200);
    assert_eq!(event(&mut socket, "room.changed").await["topic"], "Leaves");
    world.post("/api/rooms/tea/channels", Some(&ada.token), json!({"name": "news", "kind": "text"})).await.expect(201);
    assert_eq!(event(&mut socket, "channel.new").await["letter"], "c");
    world.patch("/api/rooms/tea/channels/c", Some(&ada.token), json!({"name": "old"})).await.expect(200);
    assert_eq!(event(&mut socket, "channel.changed").await["name"], "old");
    world.delete("/api/rooms/tea/channels/c", Some(&ada.token)).await.expect(204);
    assert_eq!(event(&mut socket, "channel.gone").await["letter"], "c");
    let invite = world.invite(&ada, "tea", json!({})).await;
    let guest = world.guest(&invite, "Dee").await;
    assert_eq!(event(&mut socket, "member.joined").await["name"], "Dee");
    world.patch("/api/me", Some(&guest.token), json!({"display_name": "Dee D."})).await.expect(200);
    assert_eq!(event(&mut socket, "member.changed").await["name"], "Dee D.");
    world.patch("/api/me", Some(&guest.token), json!({"username": "dee", "password": "long enough"})).await.expect(200);
    assert_eq!(event(&mut socket, "member.changed").await["role"], "member");
    let body = Some(json!({"password": "long enough"}));
    world.call("DELETE", "/api/me", Some(&guest.token), body, &[]).await.expect(204);
    assert_eq!(event(&mut socket, "member.left").await["user"], guest.id);
    let path = format!("/api/rooms/tea/members/{}", ben.id);
    world.patch(&path, Some(&ada.token), json!({"role": "admin"})).await.expect(200);
    assert_eq!(event(&mut socket, "member.changed").await["role"], "admin");
    world.delete(&path, Some(&ada.token)).await.expect(204);
    let removed = event(&mut socket, "room.removed").await;
    assert_eq!((&removed["room"], &removed["reason"]), (&room["id"], &json!("kicked")));
    assert_eq!(close_code(&mut socket).await, 4503, "no room is left");
}

#[tokio::test]
async fn a_handshake_by_the_book() {
    let world = World::start().await;
    for path in ["/ws", "/ws/text/0197a7a0-0000-7000-8000-000000000001?after=4&epoch=e", "/ws/text/x", "/ws/signal/tea"]
    {
        let (status, head, _stream) = world.upgrade(path, &[]).await;
        assert_eq!(status, 101, "{path}: {head}");
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
        assert!(head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"), "{head}");
        assert!(!head.contains("sec-websocket-protocol") && !head.contains("sec-websocket-extensions"), "{head}");
        assert!(head.contains("x-request-id: "), "{head}");
    }
    let (status, _, _stream) =
        world.upgrade("/ws", &[("connection", "keep-alive, UPGRADE"), ("upgrade", "WebSocket")]).await;
    assert_eq!(status, 101);
}

#[tokio::test]
async fn what_is_no_handshake_is_told_so() {
    let world = World::start().await;
    for (headers, expected) in [
        (vec![("upgrade", "")], 426),
        (vec![("connection", "close")], 426),
        (vec![("upgrade", "h2c")], 426),
        (vec![("sec-websocket-version", "8")], 426),
        (vec![("sec-websocket-version", "")], 426),
        (vec![("sec-websocket-key", "")], 400),
        (vec![("sec-websocket-key", "c2hvcnQ=")], 400),
        (vec![("sec-websocket-key", "not base64 at all!!!!!!")], 400),
    ] {
        let (status, head, _) = world.upgrade("/ws", &headers).await;
        assert_eq!(status, expected, "{headers:?}: {head}");
        assert!(head.contains("application/problem+json"), "{head}");
        assert_eq!(head.contains("sec-websocket-version: 13"), expected == 426, "{head}");
    }
    assert_eq!(world.get("/ws", None).await.expect(426).code(), "upgrade_required");
    world.post("/ws", None, serde_json::json!({})).await.expect(405);
    assert_eq!(world.upgrade("/ws/text/x?after=minus", &[]).await.0, 422);
    assert_eq!(world.upgrade(&format!("/ws/text/x?epoch={}", "e".repeat(65)), &[]).await.0, 422);
    assert_eq!(world.upgrade("/ws/nothing", &[]).await.0, 404);
}

#[tokio::test]
async fn the_origin_is_checked_exactly() {
    let world = World::with(|options| {
        options.public_url = "https://chat.example".parse().unwrap();
        options.cors_origins = vec!["https://intranet.example".parse().unwrap()];
        options.cors_allow_origin_regex = r"https://[a-z]+\.pages\.example".parse().unwrap();
        options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ada = world.register("ada").await;
    let own_host = format!("http://{}", world.authority);
    let own_host_tls = format!("https://{}", world.authority);
    let bearer = format!("charge.v1, bearer.{}", ada.token);
    let cases: Vec<(&str, &str, u16)> = vec![
        ("", "", 101),
        ("https://chat.example", "", 101),
        ("https://intranet.example", "", 101),
        ("https://one.pages.example", "", 101),
        (&own_host, "", 101),
        (&own_host, "https", 403),
        (&own_host_tls, "", 403),
        (&own_host_tls, "https", 101),
        ("http://chat.example", "", 403),
        ("https://chat.example:8443", "", 403),
        ("https://chat.example.evil", "", 403),
        ("https://evil.example", "", 403),
        ("https://one.pages.example.evil", "", 403),
        ("null", "", 403),
        ("https://CHAT.example", "", 403),
        ("file://", "", 403),
    ];
    for (origin, proto, expected) in cases {
        for protocols in ["charge.v1", bearer.as_str()] {
            let headers = [("origin", origin), ("x-forwarded-proto", proto), ("sec-websocket-protocol", protocols)];
            let (status, head, _stream) = world.upgrade("/ws", &headers).await;
            assert_eq!(status, expected, "{origin} {proto}: {head}");
        }
    }
    let twice = [("origin", "https://chat.example"), ("origin", "https://evil.example")];
    assert_eq!(world.upgrade("/ws", &twice).await.0, 403);
}

#[tokio::test]
async fn with_a_public_url_the_address_reached_is_no_origin_of_ours() {
    for (is_set, expected) in [(true, 403), (false, 101)] {
        let world = World::with(|options| {
            options.public_url = "https://chat.example".parse().unwrap();
            options.public_url_is_set = is_set;
        })
        .await;
        let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
        assert_eq!(world.upgrade("/ws", &rebound).await.0, expected, "set: {is_set}");
        assert_eq!(world.upgrade("/ws", &[("origin", "https://chat.example")]).await.0, 101);
    }
}

#[tokio::test]
async fn the_subprotocol_is_agreed_on() {
    let world = World::start().await;
    let token = world.register("ada").await.token;
    let echoed = async |offered: &str| {
        let (status, head, _stream) = world.upgrade("/ws", &[("sec-websocket-protocol", offered)]).await;
        assert_eq!(status, 101, "{offered}: {head}");
        let line = head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "));
        line.map(str::to_owned)
    };
    assert_eq!(echoed("charge.v1").await.as_deref(), Some("charge.v1"));
    assert_eq!(echoed(&format!("charge.v1, bearer.{token}")).await.as_deref(), Some("charge.v1"));
    assert_eq!(echoed("charge.v3,charge.v1").await.as_deref(), Some("charge.v1"));
    assert_eq!(echoed("soap").await, None);
    assert_eq!(echoed(&format!("bearer.{token}")).await, None, "a credential is never sent back");
    assert_eq!(echoed("charge.v2").await.as_deref(), Some("charge.v2"));
}

#[tokio::test]
async fn an_unknown_version_is_closed_with_4505() {
    let world = World::start().await;
    let (status, _, mut stream) = world.upgrade("/ws", &[("sec-websocket-protocol", "charge.v2")]).await;
    assert_eq!(status, 101);
    let mut frame = [0u8; 4];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[0], 0x88, "a close frame");
    assert_eq!(u16::from_be_bytes([frame[2], frame[3]]), 4505);
    assert_eq!(world.app.metrics.session_closes.with_label_values(&["4505"]).get(), 1);
}

#[tokio::test]
async fn a_draining_server_takes_no_sessions() {
    let world = World::start().await;
    world.app.start_draining();
    let (status, head, _) = world.upgrade("/ws", &[]).await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 1"), "{head}");
}
