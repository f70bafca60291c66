//! What nobody should send: each gets its status and its words, and never a 5xx.

use serde_json::{Value, json};

use crate::world::World;

/// Texts that have broken programs before.
const HOSTILE: [&str; 22] = [
    "",
    " ",
    "\0",
    "\u{feff}",
    "\u{202e}dlrow",
    "\u{200b}",
    "<script>alert(1)</script>",
    "'; DROP TABLE users; --",
    "\" OR 1=1 --",
    "%00",
    "%s%n",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "admin\n",
    "a\r\nset-cookie: x=y",
    "NaN",
    "null",
    "-1",
    "99999999999999999999999",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "ｆｕｌｌｗｉｄｔｈ",
];

#[tokio::test]
async fn hostile_values_are_refused_or_kept_as_text() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Tea").await;
    let channel = room["channels"][0]["id"].as_str().unwrap();
    let token = Some(ada.token.as_str());
    let long = "x".repeat(10_000);
    for value in HOSTILE.into_iter().chain([long.as_str()]) {
        let bodies: [(&str, String, Value); 11] = [
            ("POST", "/api/auth/register".into(), json!({"username": value, "password": "long enough"})),
            (
                "POST",
                "/api/auth/register".into(),
                json!({"username": "fresh", "password": value, "display_name": value}),
            ),
            ("POST", "/api/auth/login".into(), json!({"username": value, "password": value})),
            ("POST", "/api/auth/guest".into(), json!({"invite": value, "display_name": value})),
            ("POST", "/api/auth/refresh".into(), json!({"refresh_token": value})),
            ("PATCH", "/api/me".into(), json!({"display_name": value})),
            ("PATCH", "/api/me".into(), json!({"settings": {value: value}})),
            ("POST", "/api/rooms".into(), json!({"title": value, "slug": value})),
            ("PATCH", "/api/rooms/tea".into(), json!({"title": value, "topic": value})),
            ("POST", "/api/rooms/tea/channels".into(), json!({"name": value, "kind": value})),
            ("POST", format!("/api/channels/{channel}/messages"), json!({"key": value, "text": value})),
        ];
        for (method, path, body) in bodies {
            let answer = world.call(method, &path, token, Some(body.clone()), &[]).await;
            assert!(answer.status < 500, "{method} {path} {body}: {} {}", answer.status, answer.text);
            if answer.status >= 400 {
                assert!(!answer.code().is_empty() && !answer.json["detail"].as_str().unwrap().is_empty());
            }
        }
    }
    let text = "<script>alert(1)</script>";
    let body = json!({"key": "html", "text": text});
    let sent = world.post(&format!("/api/channels/{channel}/messages"), token, body).await.expect(201);
    assert_eq!(sent.json["message"]["text"], text, "text is text");
    assert_eq!(sent.header("content-type"), "application/json");
}

#[tokio::test]
async fn hostile_bodies_cost_only_their_sender() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let cases: [(&str, u16); 12] = [
        ("", 400),
        ("{", 400),
        ("nonsense", 400),
        ("{\"username\":\"\\ud800\",\"password\":\"x\"}", 400),
        ("{\"username\":\"ada\",\"password\":\"x\"} {}", 400),
        ("[]", 422),
        ("3", 422),
        ("null", 422),
        ("{\"username\":{},\"password\":\"x\"}", 422),
        ("{\"username\":\"ada\",\"password\":1e999}", 400),
        ("{\"username\":\"ada\",\"username\":\"eve\",\"password\":\"x\"}", 422),
        (&deep, 422),
    ];
    for (body, status) in cases {
        let request = format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = world.send_raw(&request).await;
        let shown: String = body.chars().take(60).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}: {answer}");
        assert!(answer.contains("application/problem+json"), "{shown}");
    }
    // Every field of this one may be left out, and still a list is no object.
    for body in [json!([]), json!([null, null]), json!("x"), json!(null)] {
        assert_eq!(world.patch("/api/me", Some(&ada.token), body).await.expect(422).fields(), ["body"]);
    }
    world.get("/api/me", Some(&ada.token)).await.expect(200);
}

#[tokio::test]
async fn bodies_have_a_size_and_a_type() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let large = json!({"username": "x".repeat(70_000), "password": "x"});
    let refused = world.post("/api/auth/login", None, large).await.expect(413);
    assert_eq!(refused.code(), "too_large");
    let chunked = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{}0\r\n\r\n",
        format!("1000\r\n{}\r\n", "x".repeat(0x1000)).repeat(17)
    );
    assert!(world.send_raw(&chunked).await.starts_with("HTTP/1.1 413 "));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let headers = [("content-type", kind)];
        let refused = world.call("POST", "/api/rooms", Some(&ada.token), Some(json!({"title": "x"})), &[]).await;
        assert_eq!(refused.status, 201);
        let request = format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: x\r\n{}: {}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}",
            headers[0].0, headers[0].1
        );
        assert!(world.send_raw(&request).await.starts_with("HTTP/1.1 415 "), "{kind}");
    }
}

#[tokio::test]
async fn queries_are_checked() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Tea").await;
    let channel = room["channels"][0]["id"].as_str().unwrap();
    let token = Some(ada.token.as_str());
    let status = async |path: String| world.get(&path, token).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=", "limit"),
        ("limit=5&limit=5", "limit"),
        ("before=-1", "before"),
        ("after=x", "after"),
        ("after=18446744073709551615", "after"),
    ] {
        let refused = status(format!("/api/channels/{channel}/history?{query}")).await.expect(422);
        assert_eq!((refused.code(), refused.fields()), ("validation", vec![field]), "{query}");
    }
    for query in ["limit=1", "limit=100", "", "before=0", "after=9223372036854775807", "unknown=1"] {
        status(format!("/api/channels/{channel}/history?{query}")).await.expect(200);
    }
    let both = status(format!("/api/channels/{channel}/history?limit=0&before=x")).await.expect(422);
    assert_eq!(both.fields(), ["limit", "before"]);
    for query in ["limit=0", "limit=501", "after=-1"] {
        status(format!("/api/channels/{channel}/sync?{query}")).await.expect(422);
    }
    for query in ["limit=0", "limit=201", "after=x"] {
        status(format!("/api/rooms/tea/members?{query}")).await.expect(422);
    }
    status("/api/rooms/tea/members?after=0197a7a0-0000-7000-8000-000000000001".into()).await.expect(200);
}

#[tokio::test]
async fn configured_limits_of_history_hold() {
    let world = World::with(|options| (options.history_default, options.history_max) = (2, 3)).await;
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Tea").await;
    let channel = room["channels"][0]["id"].as_str().unwrap();
    for i in 0..5 {
        let body = json!({"key": format!("k{i}"), "text": "x"});
        world.post(&format!("/api/channels/{channel}/messages"), Some(&ada.token), body).await.expect(201);
    }
    let page =
        async |query: &str| world.get(&format!("/api/channels/{channel}/history?{query}"), Some(&ada.token)).await;
    assert_eq!(page("").await.expect(200).json["messages"].as_array().unwrap().len(), 2);
    assert_eq!(page("limit=3").await.expect(200).json["messages"].as_array().unwrap().len(), 3);
    page("limit=4").await.expect(422);
}

#[tokio::test]
async fn addresses_that_lead_nowhere() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let token = Some(ada.token.as_str());
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/rooms/",
        "/api/rooms/tea/nothing",
        "/API/rooms",
        "//api/rooms",
        "/static",
        "/static/",
        "/static/../Cargo.toml",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/.env",
        "/r",
        "/i",
        "/api/rooms/%00",
        "/api/rooms/%ff%fe",
        "/api/invites/x",
        "/api/channels/x/history",
        "/api/rooms/tea/channels/aa",
    ] {
        let answer = world.get(path, token).await;
        assert!(matches!(answer.status, 400 | 404 | 405), "{path}: {}", answer.status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    let long = format!("/api/rooms/{}", "x".repeat(8000));
    assert_eq!(world.get(&long, token).await.status, 404);
}

#[tokio::test]
async fn methods_are_told() {
    let world = World::start().await;
    let set = |value: String| {
        let mut methods: Vec<String> = value.split(',').map(|method| method.trim().to_owned()).collect();
        methods.sort();
        methods
    };
    let refused = world.call("PUT", "/api/rooms", None, None, &[]).await.expect(405);
    assert_eq!(refused.code(), "method_not_allowed");
    assert_eq!(set(refused.header("allow")), ["GET", "HEAD", "POST"]);
    assert_eq!(set(world.call("GET", "/api/auth/login", None, None, &[]).await.expect(405).header("allow")), ["POST"]);
    let options = world.call("OPTIONS", "/api/me", None, None, &[]).await.expect(204);
    assert_eq!(set(options.header("allow")), ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH"]);
    world.call("OPTIONS", "/nowhere", None, None, &[]).await.expect(404);
    world.call("BREW", "/api/rooms", None, None, &[]).await.expect(405);
    let head = world.call("HEAD", "/health", None, None, &[]).await.expect(200);
    assert_eq!((head.text.as_str(), head.header("content-length").as_str()), ("", "15"));
    world.call("HEAD", "/api/me", None, None, &[]).await.expect(401);
}
