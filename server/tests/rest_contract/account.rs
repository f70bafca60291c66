//! The signed-in user: profile, settings, password, sign-ins, the end of the account, and the first admin.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

use crate::world::{Person, World};

#[tokio::test]
async fn profile_and_settings() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let token = Some(ada.token.as_str());
    let me = world.get("/api/me", token).await.expect(200).json;
    let expected =
        json!({"id": ada.id, "username": "ada", "display_name": "ada", "guest": false, "admin": false, "settings": {}});
    assert_eq!(me, expected);
    let settings = json!({"theme": "dark", "nested": {"n": [1, 2]}});
    let change = json!({"display_name": "Ada O.", "settings": settings});
    let me = world.patch("/api/me", token, change).await.expect(200).json;
    assert_eq!((&me["display_name"], &me["settings"]), (&json!("Ada O."), &settings));
    let me = world.patch("/api/me", token, json!({"settings": {"x": 1}})).await.expect(200).json;
    assert_eq!(
        (&me["display_name"], &me["settings"]),
        (&json!("Ada O."), &json!({"x": 1})),
        "settings are replaced whole"
    );
    let large = json!({"settings": {"x": "y".repeat(16 * 1024)}});
    assert_eq!(world.patch("/api/me", token, large).await.expect(422).fields(), ["settings"]);
    assert_eq!(world.patch("/api/me", token, json!({"settings": []})).await.expect(422).fields(), ["settings"]);
    assert_eq!(
        world.patch("/api/me", token, json!({"display_name": "\u{202e}x"})).await.expect(422).fields(),
        ["display_name"]
    );
    world.patch("/api/me", token, json!({})).await.expect(200);
    assert_eq!(world.patch("/api/me", token, json!({"username": "eve"})).await.expect(422).fields(), ["username"]);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let other = world.login(&ada).await;
    let change = |old: &str, new: &str| json!({"password": {"old": old, "new": new}});
    let wrong =
        world.patch("/api/me", Some(&ada.token), change("not the password", "a new password")).await.expect(403);
    assert_eq!(wrong.code(), "forbidden");
    let short = world.patch("/api/me", Some(&ada.token), change(&ada.password, "short")).await.expect(422);
    assert_eq!(short.fields(), ["password.new"]);
    world.patch("/api/me", Some(&ada.token), json!({"password": "a new password"})).await.expect(422);
    world.get("/api/me", Some(&other.token)).await.expect(200);

    world.patch("/api/me", Some(&ada.token), change(&ada.password, "a new password")).await.expect(200);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
    world.get("/api/me", Some(&other.token)).await.expect(401);
    world.post("/api/auth/refresh", None, json!({"refresh_token": other.refresh})).await.expect(401);
    world.post("/api/auth/login", None, json!({"username": "ada", "password": ada.password})).await.expect(401);
    world.post("/api/auth/login", None, json!({"username": "ada", "password": "a new password"})).await.expect(200);
}

#[tokio::test]
async fn sign_ins_are_listed_and_ended() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let body = json!({"username": "ada", "password": ada.password});
    let agent = [("user-agent", "A phone, with a name longer than anybody needs")];
    let phone = world.call("POST", "/api/auth/login", None, Some(body), &agent).await.expect(200);
    let phone = phone.json["access_token"].as_str().unwrap().to_owned();
    let third = world.login(&ada).await;
    let list = world.get("/api/me/sessions", Some(&ada.token)).await.expect(200).json;
    let sessions = list["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let of_phone =
        sessions.iter().find(|session| session["agent"].as_str().is_some_and(|a| a.starts_with("A phone"))).unwrap();
    assert_eq!(of_phone["address"], "127.0.0.1");
    assert!(of_phone["created_at"].is_string() && of_phone["seen_at"].is_string());

    let path = format!("/api/me/sessions/{}", of_phone["id"].as_str().unwrap());
    let eve = world.register("eve").await;
    world.delete(&path, Some(&eve.token)).await.expect(404);
    world.get("/api/me", Some(&phone)).await.expect(200);
    world.delete(&path, Some(&ada.token)).await.expect(204);
    world.get("/api/me", Some(&phone)).await.expect(401);
    world.delete("/api/me/sessions", Some(&ada.token)).await.expect(204);
    world.get("/api/me", Some(&third.token)).await.expect(401);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
    let list = world.get("/api/me/sessions", Some(&ada.token)).await.expect(200).json;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_deleted_account_leaves_its_messages() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Tea").await;
    let ben = world.member(&ada, "tea", "ben", "member").await;
    let channel = room["channels"][0]["id"].as_str().unwrap();
    let send = json!({"key": "k", "text": "I was here"});
    world.post(&format!("/api/channels/{channel}/messages"), Some(&ada.token), send).await.expect(201);

    let remove = async |password: &str| {
        world.call("DELETE", "/api/me", Some(&ada.token), Some(json!({"password": password})), &[]).await
    };
    assert_eq!(world.delete("/api/me", Some(&ada.token)).await.expect(422).fields(), ["password"]);
    remove("not the password").await.expect(403);
    remove(&ada.password).await.expect(409);
    world
        .patch(&format!("/api/rooms/tea/members/{}", ben.id), Some(&ada.token), json!({"role": "owner"}))
        .await
        .expect(200);
    remove(&ada.password).await.expect(204);

    world.get("/api/me", Some(&ada.token)).await.expect(401);
    world.post("/api/auth/login", None, json!({"username": "ada", "password": ada.password})).await.expect(401);
    let history = world.get(&format!("/api/channels/{channel}/history"), Some(&ben.token)).await.expect(200).json;
    assert_eq!(history["messages"][0]["text"], "I was here");
    assert_eq!(history["messages"][0]["author"]["name"], "deleted user");
    world.register("ada").await;

    let guest = world.guest(&world.invite(&ben, "tea", json!({})).await, "Dee").await;
    world.delete("/api/me", Some(&guest.token)).await.expect(204);
    world.get("/api/me", Some(&guest.token)).await.expect(401);
}

#[tokio::test]
async fn the_setup_link_works_once() {
    let world = World::start().await;
    let hex: String = digest(&SHA256, b"the token").as_ref().iter().map(|b| format!("{b:02x}")).collect();
    world.store.set_setting(charge::http::SETUP_TOKEN_HASH, Some(&hex)).await.unwrap();
    let ada = world.register("ada").await;
    let ben = world.register("ben").await;
    world.room(&ada, "Tea").await;
    let guest = world.guest(&world.invite(&ada, "tea", json!({})).await, "Dee").await;
    world.post("/api/setup", None, json!({"token": "the token"})).await.expect(401);
    world.post("/api/setup", Some(&guest.token), json!({"token": "the token"})).await.expect(403);
    for wrong in ["", "another", &hex, &"x".repeat(10_000)] {
        world.post("/api/setup", Some(&ada.token), json!({"token": wrong})).await.expect(403);
    }
    assert_eq!(
        world.post("/api/setup", Some(&ada.token), json!({"token": "the token"})).await.expect(200).json["admin"],
        true
    );
    assert_eq!(world.get("/api/me", Some(&ada.token)).await.expect(200).json["admin"], true);
    world.post("/api/setup", Some(&ben.token), json!({"token": "the token"})).await.expect(403);
    assert_eq!(world.get("/api/me", Some(&ben.token)).await.expect(200).json["admin"], false);
}

#[tokio::test]
async fn a_guest_takes_a_name_that_is_free() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.room(&ada, "Tea").await;
    let guest = world.guest(&world.invite(&ada, "tea", json!({})).await, "Dee").await;
    assert!(guest.username.starts_with("guest-"));
    let upgrade = async |body| world.patch("/api/me", Some(&guest.token), body).await;
    assert_eq!(upgrade(json!({"username": "ADA", "password": "long enough"})).await.expect(409).fields(), ["username"]);
    assert_eq!(
        upgrade(json!({"username": "x", "password": "short"})).await.expect(422).fields(),
        ["username", "password"]
    );
    assert_eq!(upgrade(json!({"password": "long enough"})).await.expect(422).fields(), ["username"]);
    assert_eq!(upgrade(json!({"username": "dee"})).await.expect(422).fields(), ["password"]);
    upgrade(json!({"password": {"old": "", "new": "long enough"}})).await.expect(422);
    upgrade(json!({"username": "dee", "password": "long enough"})).await.expect(200);
    upgrade(json!({"username": "dee2", "password": "long enough"})).await.expect(422);
}

#[tokio::test]
async fn changes_are_limited_for_each_user_and_messages_are_not_among_them() {
    let burst = charge::domain::limits::WRITES_PER_10S;
    let world = World::with(|options| options.writes.burst = burst).await;
    let (ada, mio) = (world.register("ada").await, world.register("mio").await);
    let room = world.room(&ada, "Den").await;
    let rename =
        async |person: &Person| world.patch("/api/me", Some(&person.token), json!({"display_name": "Somebody"})).await;
    // The room was the first change.
    for _ in 1..burst {
        rename(&ada).await.expect(200);
    }
    let refused = rename(&ada).await.expect(429);
    assert_eq!((refused.code(), refused.header("retry-after").as_str()), ("rate_limited", "1"));
    rename(&mio).await.expect(200);
    world.get("/api/me", Some(&ada.token)).await.expect(200);
    let channel = room["channels"][0]["id"].as_str().unwrap();
    let path = format!("/api/channels/{channel}/messages");
    world.post(&path, Some(&ada.token), json!({"key": "k", "text": "still heard"})).await.expect(201);
    world.advance(1_000);
    rename(&ada).await.expect(200);
}
