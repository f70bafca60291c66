//! The way into a WebSocket: handshake, Origin, subprotocol, version.

use tokio::io::AsyncReadExt as _;

use crate::world::World;

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
}

#[tokio::test]
async fn a_draining_server_takes_no_sessions() {
    let world = World::start().await;
    world.app.start_draining();
    let (status, head, _) = world.upgrade("/ws", &[]).await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 1"), "{head}");
}
