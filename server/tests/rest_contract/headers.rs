//! What every answer carries, and which pages of other origins may read it.

use serde_json::json;

use crate::world::World;

const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self' {}; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[tokio::test]
async fn every_answer_is_guarded() {
    let world = World::start().await;
    let own = format!("ws://{}", world.authority);
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("GET", "/api/me"),
        ("GET", "/api/config/client"),
        ("POST", "/api/auth/login"),
        ("PUT", "/api/me"),
        ("OPTIONS", "/api/me"),
        ("GET", "/health"),
        ("GET", "/static/app.js"),
        ("GET", "/static/nothing.js"),
        ("GET", "/openapi.json"),
        ("GET", "/ws"),
    ] {
        let answer = world.call(method, path, None, None, &[]).await;
        let is = |name: &str, value: &str| assert_eq!(answer.header(name), value, "{method} {path}: {name}");
        is("content-security-policy", &POLICY.replace("{}", &own));
        is("x-content-type-options", "nosniff");
        is("referrer-policy", "no-referrer");
        is("cross-origin-opener-policy", "same-origin");
        is("cross-origin-resource-policy", "same-origin");
        is("strict-transport-security", "");
        is("access-control-allow-origin", "");
        assert!(answer.header("permissions-policy").contains("microphone=(self)"), "{path}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
        assert_eq!(answer.header("x-request-id").len(), 32, "{path}");
        if path.starts_with("/api") {
            is("cache-control", "no-store");
        }
    }
}

#[tokio::test]
async fn over_https_it_stays_https() {
    let world = World::with(|options| options.public_url = "https://chat.example".parse().unwrap()).await;
    let answer = world.get("/", None).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
    assert_eq!(answer.header("content-security-policy"), POLICY.replace("{}", "wss://chat.example"));
}

#[tokio::test]
async fn only_the_reference_page_may_style_itself() {
    let world = World::start().await;
    let policy = world.get("/docs", None).await.expect(200).header("content-security-policy");
    assert!(policy.contains("style-src 'self' 'unsafe-inline'") && policy.contains("script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe-eval"));
}

#[tokio::test]
async fn request_ids_are_taken_over_when_harmless() {
    let world = World::start().await;
    let with =
        async |id: &str| world.call("GET", "/health", None, None, &[("x-request-id", id)]).await.header("x-request-id");
    assert_eq!(with("req-1.2_3").await, "req-1.2_3");
    for odd in ["", "a b", "x\"y", "é", &"x".repeat(65), "a;b"] {
        let id = with(odd).await;
        assert!(id != odd && id.len() == 32, "{odd:?}: {id}");
    }
}

#[tokio::test]
async fn cors_is_an_exact_list_and_an_anchored_pattern() {
    let world = World::with(|options| {
        options.cors_origins = vec!["https://intranet.example".parse().unwrap()];
        options.cors_allow_origin_regex = r"https://[a-z]+\.pages\.example".parse().unwrap();
    })
    .await;
    let cases = [
        ("https://intranet.example", true),
        ("https://one.pages.example", true),
        ("http://intranet.example", false),
        ("https://intranet.example.evil", false),
        ("https://evil.example/https://intranet.example", false),
        ("https://one.pages.example.evil", false),
        ("https://evil-one.pages.example", false),
        ("https://intranet.example:8443", false),
        ("null", false),
        ("*", false),
        ("", false),
    ];
    for (origin, allowed) in cases {
        let headers = [("origin", origin)];
        let plain = world.call("GET", "/api/config/client", None, None, &headers).await.expect(200);
        let expected = if allowed { origin } else { "" };
        assert_eq!(plain.header("access-control-allow-origin"), expected, "{origin}");
        assert_eq!(plain.header("access-control-allow-credentials"), if allowed { "true" } else { "" });
        assert!(plain.header("vary").to_ascii_lowercase().contains("origin"));

        let ask = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization"),
        ];
        let preflight = world.call("OPTIONS", "/api/me", None, None, &ask).await.expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), expected, "{origin}");
        assert_eq!(preflight.header("access-control-allow-methods").contains("PATCH"), allowed, "{origin}");
        assert_eq!(preflight.header("access-control-allow-headers").contains("authorization"), allowed, "{origin}");
    }
    let refused = world.call("GET", "/api/me", None, None, &[("origin", "https://intranet.example")]).await.expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), "https://intranet.example", "problems are readable too");
}

#[tokio::test]
async fn without_configuration_no_other_origin_may_read() {
    let world = World::start().await;
    let own = format!("http://{}", world.authority);
    for origin in ["https://evil.example", "null", own.as_str()] {
        let answer = world.call("GET", "/api/config/client", None, None, &[("origin", origin)]).await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn metrics_are_for_this_machine() {
    let world = World::with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    world.get("/api/me", None).await.expect(401);
    let text = world.get("/metrics", None).await.expect(200).text;
    assert!(text.contains(r#"charge_http_requests_total{method="GET",route="/api/me",status="401"} 1"#), "{text}");
    for (name, value) in [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1"), ("x-real-ip", "::1")] {
        world.call("GET", "/metrics", None, None, &[(name, value)]).await.expect(403);
    }
}

#[tokio::test]
async fn health_and_readiness() {
    let world = World::start().await;
    for path in ["/health", "/healthz"] {
        assert_eq!(world.get(path, None).await.expect(200).json, json!({"status": "ok"}));
    }
    let ready = world.get("/readyz", None).await.expect(200).json;
    assert_eq!(ready["ready"], true);
    assert!(ready["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true && check["name"].is_string()));
    world.store.close().await;
    world.advance(2_000);
    let broken = world.get("/readyz", None).await.expect(503).json;
    assert_eq!((&broken["ready"], &broken["checks"][0]["ok"]), (&json!(false), &json!(false)));
    world.get("/health", None).await.expect(200);

    let world = World::start().await;
    world.app.start_draining();
    assert_eq!(world.get("/readyz", None).await.expect(503).json["checks"][1]["detail"], "draining");
}

#[tokio::test]
async fn a_broken_database_is_told_without_its_reasons() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.store.close().await;
    for path in ["/api/me", "/api/rooms"] {
        let answer = world.get(path, Some(&ada.token)).await.expect(503);
        assert_eq!((answer.code(), answer.header("retry-after").as_str()), ("unavailable", "1"));
        let detail = answer.text.to_ascii_lowercase();
        assert!(!detail.contains("sqlite") && !detail.contains("pool") && !detail.contains("closed"), "{detail}");
    }
    let verbose = World::with(|options| options.debug = true).await;
    let ada = verbose.register("ada").await;
    verbose.store.close().await;
    let answer = verbose.get("/api/me", Some(&ada.token)).await.expect(503);
    assert!(answer.json["detail"].as_str().unwrap().contains('('), "DEBUG shows the cause: {}", answer.text);
}

#[tokio::test]
async fn what_clients_must_know() {
    let world = World::start().await;
    let config = world.get("/api/config/client", None).await.expect(200).json;
    let expected = json!({"name": "Charge", "registration": "open", "message_max_length": 2000, "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(config, expected);
    let ada = world.register("ada").await;
    let webrtc = world.get("/api/config/webrtc", Some(&ada.token)).await.expect(200).json;
    let expected = json!({"iceServers": [], "media": {"slots": 6}, "turn": {"servers": [], "fallbackServers": [],
        "username": null, "credential": null, "ttl": 0, "expiresAt": null}});
    assert_eq!(webrtc, expected);
}

#[tokio::test]
async fn relays_come_with_a_credential_of_the_user() {
    use std::time::Duration;
    let relays = charge::http::RelayOptions {
        servers: turn_probe::parse_servers("stun:stun.example,turn:turn.example?transport=tcp").unwrap(),
        fallback: turn_probe::parse_servers("turns:turn.example:443").unwrap(),
        fixed: None,
        keyring: Some("k1:0123456789abcdef0123456789abcdef".parse().unwrap()),
        ttl: Duration::from_secs(600),
    };
    let ring = relays.keyring.clone().unwrap();
    let world = World::with_relays(relays, |_| {}).await;
    let ada = world.register("ada").await;
    let webrtc = world.get("/api/config/webrtc", Some(&ada.token)).await.expect(200).json;
    assert_eq!(webrtc["iceServers"].as_array().unwrap().len(), 3);
    assert_eq!(webrtc["iceServers"][0], json!({"urls": ["stun:stun.example"]}));
    assert_eq!(webrtc["turn"]["servers"][0]["urls"], json!(["turn:turn.example?transport=tcp"]));
    assert_eq!(webrtc["turn"]["fallbackServers"][0]["urls"], json!(["turns:turn.example:443"]));
    assert_eq!(webrtc["turn"]["ttl"], 600);
    let (username, credential) =
        (webrtc["turn"]["username"].as_str().unwrap(), webrtc["turn"]["credential"].as_str().unwrap());
    let now = u64::try_from(world.now().as_seconds()).unwrap();
    assert_eq!(ring.verify(username, credential, now).unwrap().user, ada.id);
    assert_eq!(webrtc["iceServers"][2]["credential"], credential);
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.break_clock(true);
    let answer = world.get("/api/me", Some(&ada.token)).await.expect(500);
    assert_eq!((answer.code(), answer.header("content-type").as_str()), ("internal", "application/problem+json"));
    assert!(!answer.text.contains("clock") && !answer.header("content-security-policy").is_empty());
    world.break_clock(false);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
}

#[tokio::test]
async fn a_request_names_one_host() {
    let world = World::start().await;
    let status = async |hosts: &str, version: &str| {
        let request = format!("GET /health HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        world.send_raw(&request).await.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("", "1.1").await, "400");
    assert_eq!(status("host: a\r\nhost: b\r\n", "1.1").await, "400");
    assert_eq!(status("host: a\r\n", "1.1").await, "200");
    assert_eq!(status("", "1.0").await, "200");
}
