//! Registering, signing in, renewing, signing out: in the body and in the cookie, and their limits.

use charge::{domain::rate::Rate, http::Registration};
use serde_json::{Value, json};

use crate::world::{Answer, World};

async fn refresh(world: &World, token: &Value) -> Answer {
    world.post("/api/auth/refresh", None, json!({"refresh_token": token})).await
}

#[tokio::test]
async fn an_answer_has_what_the_contract_says() {
    let world = World::start().await;
    let body = json!({"username": "Ada", "password": "a password", "display_name": "Ada O.", "unknown": 1});
    let answer = world.post("/api/auth/register", None, body).await.expect(201).json;
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(1800)));
    assert_eq!(answer["user"]["username"], "ada");
    assert_eq!(answer["user"]["display_name"], "Ada O.");
    assert!(answer["refresh_token"].as_str().unwrap().starts_with("r1."));
    assert_eq!(answer.get("room"), None);
    let login = json!({"username": "aDA", "password": "a password"});
    world.post("/api/auth/login", None, login).await.expect(200);
}

#[tokio::test]
async fn wrong_names_and_passwords_look_the_same() {
    let world = World::start().await;
    world.register("ada").await;
    let login = async |name: &str, password: &str| {
        world.post("/api/auth/login", None, json!({"username": name, "password": password})).await.expect(401)
    };
    let wrong_password = login("ada", "not the password").await;
    assert_eq!(wrong_password.code(), "unauthenticated");
    assert_eq!(wrong_password.header("www-authenticate"), "Bearer");
    for (name, password) in
        [("eve", "not the password"), ("x", "y"), ("ada", ""), ("", ""), ("ada\0", "not the password")]
    {
        assert_eq!(login(name, password).await.json, wrong_password.json);
    }
}

#[tokio::test]
async fn forms_learn_of_all_their_mistakes() {
    let world = World::start().await;
    world.register("ada").await;
    let body = json!({"username": "é", "password": "short", "display_name": "\u{200b}"});
    let refused = world.post("/api/auth/register", None, body).await.expect(422);
    assert_eq!(refused.fields(), ["username", "password", "display_name"]);
    let taken = json!({"username": "ADA", "password": "long enough"});
    let refused = world.post("/api/auth/register", None, taken).await.expect(409);
    assert_eq!((refused.code(), refused.fields()), ("conflict", vec!["username"]));
    let missing = world.post("/api/auth/register", None, json!({"username": "eve"})).await.expect(422);
    assert_eq!(missing.fields(), ["password"]);
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let first = json!(ada.refresh);
    let second = refresh(&world, &first).await.expect(200).json["refresh_token"].clone();
    let third = refresh(&world, &second).await.expect(200).json;
    assert_ne!(first, second);
    world.get("/api/me", third["access_token"].as_str()).await.expect(200);
    assert_eq!(third["user"]["username"], "ada");
    // Two generations back: somebody has a copy, and the whole sign-in ends, access tokens included.
    assert_eq!(refresh(&world, &first).await.expect(401).code(), "unauthenticated");
    refresh(&world, &third["refresh_token"]).await.expect(401);
    world.get("/api/me", third["access_token"].as_str()).await.expect(401);
    world.login(&ada).await;
}

#[tokio::test]
async fn a_repeat_within_the_grace_time_gets_the_same_successor() {
    let world = World::start().await;
    let first = json!(world.register("ada").await.refresh);
    let second = refresh(&world, &first).await.expect(200).json["refresh_token"].clone();
    for _ in 0..2 {
        assert_eq!(refresh(&world, &first).await.expect(200).json["refresh_token"], second);
    }
    refresh(&world, &second).await.expect(200);
    refresh(&world, &first).await.expect(401);
}

#[tokio::test]
async fn a_late_repeat_ends_the_sign_in() {
    let world = World::start().await;
    let first = json!(world.register("ada").await.refresh);
    let second = refresh(&world, &first).await.expect(200).json["refresh_token"].clone();
    world.advance(11_000);
    refresh(&world, &first).await.expect(401);
    refresh(&world, &second).await.expect(401);
}

#[tokio::test]
async fn tokens_end_by_themselves() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.advance(29 * 60 * 1000);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
    world.advance(61 * 1000);
    assert_eq!(world.get("/api/me", Some(&ada.token)).await.expect(401).code(), "unauthenticated");
    let renewed = refresh(&world, &json!(ada.refresh)).await.expect(200).json;
    world.advance(29 * 86_400_000);
    let renewed = refresh(&world, &renewed["refresh_token"]).await.expect(200).json;
    world.advance(31 * 86_400_000);
    refresh(&world, &renewed["refresh_token"]).await.expect(401);
}

#[tokio::test]
async fn logout_ends_everything_of_that_sign_in_at_once() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let other = world.login(&ada).await;
    world.post("/api/auth/logout", None, json!({"refresh_token": ada.refresh})).await.expect(204);
    world.get("/api/me", Some(&ada.token)).await.expect(401);
    refresh(&world, &json!(ada.refresh)).await.expect(401);
    world.get("/api/me", Some(&other.token)).await.expect(200);
    world.call("POST", "/api/auth/logout", Some(&other.token), None, &[]).await.expect(204);
    world.get("/api/me", Some(&other.token)).await.expect(401);
    world.post("/api/auth/logout", None, json!({"refresh_token": "r1.nonsense"})).await.expect(204);
    world.post("/api/auth/logout", None, json!({})).await.expect(204);
}

#[tokio::test]
async fn the_cookie_way() {
    let world = World::start().await;
    let body = json!({"username": "ada", "password": "a password", "cookie": true});
    let answer = world.post("/api/auth/register", None, body).await.expect(201);
    assert_eq!(answer.json.get("refresh_token"), None);
    let cookie = answer.header("set-cookie");
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Path=/api/auth", "Max-Age=2592000", "HttpOnly", "SameSite=Strict"]);
    let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("charge_refresh=r1."));

    let call = async |path: &str, cookie: &str, origin: &str| {
        let headers = [("cookie", cookie), ("origin", origin)];
        world.call("POST", path, None, Some(json!({"cookie": true})), &headers).await
    };
    let own = format!("http://{}", world.authority);
    call("/api/auth/refresh", &pair(&cookie), "https://evil.example").await.expect(403);
    call("/api/auth/logout", &pair(&cookie), "null").await.expect(403);
    let renewed = call("/api/auth/refresh", &format!("theme=dark; {}", pair(&cookie)), &own).await.expect(200);
    assert_eq!(renewed.json.get("refresh_token"), None);
    let next = renewed.header("set-cookie");
    assert_ne!(pair(&next), pair(&cookie));
    let bare = world.call("POST", "/api/auth/refresh", None, None, &[("cookie", &pair(&next))]).await.expect(200);
    let last = bare.header("set-cookie");
    let ended = call("/api/auth/logout", &pair(&last), &own).await.expect(204);
    assert!(ended.header("set-cookie").starts_with("charge_refresh=; Path=/api/auth; Max-Age=0"));
    let refused = call("/api/auth/refresh", &pair(&last), &own).await.expect(401);
    assert!(refused.header("set-cookie").contains("Max-Age=0"), "a dead cookie is taken away");
    call("/api/auth/refresh", "x=y", &own).await.expect(401);
}

#[tokio::test]
async fn over_https_the_cookie_is_secure() {
    let world = World::with(|options| options.public_url = "https://chat.example".parse().unwrap()).await;
    let body = json!({"username": "ada", "password": "a password", "cookie": true});
    let cookie = world.post("/api/auth/register", None, body).await.expect(201).header("set-cookie");
    assert!(cookie.starts_with("__Secure-charge_refresh=r1.") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn attempts_are_limited() {
    let per_minute = |burst| Rate { burst, period_ms: 60_000 };
    let world = World::with(|options| {
        options.attempts = per_minute(10);
        options.attempts_per_address = per_minute(60);
        options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ada = world.register("ada").await;
    let login = async |name: &str, from: &str| {
        let body = json!({"username": name, "password": "not the password"});
        world.call("POST", "/api/auth/login", None, Some(body), &[("x-forwarded-for", from)]).await
    };
    for _ in 0..10 {
        login("ada", "203.0.113.1").await.expect(401);
    }
    let hashes = world.app.metrics.password_hashes.get();
    let refused = login("ADA", "203.0.113.1").await.expect(429);
    assert_eq!((refused.code(), refused.header("retry-after").as_str()), ("rate_limited", "6"));
    assert_eq!(world.app.metrics.password_hashes.get(), hashes, "refused before hashing");
    login("ben", "203.0.113.1").await.expect(401);
    login("ada", "203.0.113.2").await.expect(401);
    world.advance(6_000);
    login("ada", "203.0.113.1").await.expect(401);
    login("ada", "203.0.113.1").await.expect(429);

    let mut statuses = Vec::new();
    for i in 0..70 {
        let body = json!({"refresh_token": format!("r1.{i}")});
        let headers = [("x-forwarded-for", "203.0.113.9")];
        statuses.push(world.call("POST", "/api/auth/refresh", None, Some(body), &headers).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    for i in 0..60 {
        let body = json!({"invite": format!("{i:022}"), "display_name": "Dee"});
        let headers = [("x-forwarded-for", "203.0.113.10")];
        world.call("POST", "/api/auth/guest", None, Some(body), &headers).await.expect(404);
    }
    login("zoe", "203.0.113.10").await.expect(429);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
}

#[tokio::test]
async fn who_may_register() {
    for (registration, name) in [(Registration::Closed, "closed"), (Registration::Invite, "invite")] {
        let world = World::with(|options| options.registration = registration).await;
        assert_eq!(world.get("/api/config/client", None).await.expect(200).json["registration"], name);
        let register = json!({"username": "ada", "password": "a password"});
        world.post("/api/auth/register", None, register).await.expect(403);
        let register = json!({"username": "ada", "password": "a password", "invite": "0123456789012345678901"});
        world.post("/api/auth/register", None, register).await.expect(403);
    }
}

#[tokio::test]
async fn an_invite_opens_registration() {
    use charge::{
        domain::{InviteToken, Role, RoomId, RoomTitle, Slug, UserId, Username},
        store::{InviteRecord, NewRoom, NewUser},
    };
    let world = World::with(|options| options.registration = Registration::Invite).await;
    let now = world.now();
    let (owner, room) = (UserId::fresh(), RoomId::fresh());
    let username = Username::parse("owner").unwrap();
    let display_name = charge::domain::DisplayName::parse("Owner").unwrap();
    let user = NewUser { id: owner, username, display_name, password_hash: None, guest: false, created_at: now };
    world.store.create_user(user).await.unwrap();
    let (slug, title) = (Slug::parse("tea").unwrap(), RoomTitle::parse("Tea").unwrap());
    world.store.create_room(NewRoom { id: room, slug, title, owner, created_at: now }).await.unwrap();
    let token = "0123456789012345678901";
    let invite = InviteRecord {
        token: InviteToken::parse(token).unwrap(),
        room,
        created_by: owner,
        role: Role::Member,
        uses: 0,
        max_uses: Some(1),
        expires_at: None,
        created_at: now,
    };
    world.store.create_invite(invite).await.unwrap();
    let register = |name: &str| json!({"username": name, "password": "a password", "invite": token});
    let ada = world.post("/api/auth/register", None, register("ada")).await.expect(201).json;
    let accept = format!("/api/invites/{token}/accept");
    world.post(&accept, ada["access_token"].as_str(), json!({})).await.expect(200);
    assert_eq!(world.post("/api/auth/register", None, register("ben")).await.expect(410).code(), "invite_used");
}

#[tokio::test]
async fn the_setup_link_opens_registration_to_its_holder() {
    use aws_lc_rs::digest::{SHA256, digest};
    let world = World::with(|options| options.registration = Registration::Closed).await;
    let hex: String = digest(&SHA256, b"the token").as_ref().iter().map(|b| format!("{b:02x}")).collect();
    world.store.set_setting(charge::http::SETUP_TOKEN_HASH, Some(&hex)).await.unwrap();
    let register = |name: &str, setup: &str| json!({"username": name, "password": "a password", "setup": setup});
    world.post("/api/auth/register", None, register("ada", "another")).await.expect(403);
    world.post("/api/auth/register", None, register("ada", &hex)).await.expect(403);
    let ada = world.post("/api/auth/register", None, register("ada", "the token")).await.expect(201).json;
    world.post("/api/setup", ada["access_token"].as_str(), json!({"token": "the token"})).await.expect(200);
    world.post("/api/auth/register", None, register("ben", "the token")).await.expect(403);
}
