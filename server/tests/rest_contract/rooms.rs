//! A room's life: made, joined, written in, changed, handed over, left, deleted.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn from_registration_to_history() {
    let world = World::start().await;
    let ada = world.register("Ada.Okafor").await;
    assert_eq!(ada.username, "ada.okafor");
    let room = world.room(&ada, "Foxglove & Friends").await;
    assert_eq!((&room["slug"], &room["role"]), (&json!("foxglove-friends"), &json!("owner")));
    assert_eq!(room["channels"][0]["letter"], "a");
    assert_eq!(room["channels"][0]["name"], "general");
    assert_eq!(room["channels"][0]["kind"], "text");
    assert_eq!(room["channels"][1]["name"], "lounge");
    assert_eq!(room["channels"][1]["topology"], "forwarded");

    let invite = world.post("/api/rooms/foxglove-friends/invites", Some(&ada.token), json!({})).await.expect(201).json;
    let token = invite["token"].as_str().unwrap();
    assert!(token.len() >= 22);
    assert_eq!(invite["url"], format!("http://{}/i/{token}", world.authority));
    assert_eq!((&invite["uses"], &invite["max_uses"], &invite["role"]), (&json!(0), &json!(null), &json!("member")));

    let preview = world.get(&format!("/api/invites/{token}"), None).await.expect(200).json;
    let expected = json!({"room": {"title": "Foxglove & Friends", "slug": "foxglove-friends", "members": 1},
        "inviter": "Ada.Okafor", "talking": [], "registration": "open"});
    assert_eq!(preview, expected);

    let body = json!({"invite": token, "display_name": " Léa  Fontaine "});
    let guest = world.post("/api/auth/guest", None, body).await.expect(201).json;
    assert_eq!(guest["user"]["display_name"], "Léa Fontaine");
    assert_eq!(guest["user"]["guest"], true);
    assert_eq!((&guest["room"]["slug"], &guest["room"]["role"]), (&json!("foxglove-friends"), &json!("guest")));
    let guest_token = guest["access_token"].as_str();

    let channel = room["channels"][0]["id"].as_str().unwrap();
    let path = format!("/api/channels/{channel}/messages");
    let sent = world.post(&path, guest_token, json!({"key": "k1", "text": "Bonjour"})).await.expect(201).json;
    assert_eq!((&sent["seq"], &sent["duplicate"]), (&json!(1), &json!(false)));
    let again = world.post(&path, guest_token, json!({"key": "k1", "text": "Bonjour"})).await.expect(200).json;
    assert_eq!((&again["message"]["id"], &again["duplicate"]), (&sent["message"]["id"], &json!(true)));
    let clash = world.post(&path, guest_token, json!({"key": "k1", "text": "Bonsoir"})).await.expect(409);
    assert_eq!(clash.code(), "conflict");

    let history = world.get(&format!("/api/channels/{channel}/history"), Some(&ada.token)).await.expect(200).json;
    assert_eq!(history["messages"][0]["text"], "Bonjour");
    assert_eq!(history["messages"][0]["author"]["name"], "Léa Fontaine");
    assert_eq!((&history["has_more"], &history["head"]), (&json!(false), &json!(1)));
    let details = world.get("/api/rooms/foxglove-friends", Some(&ada.token)).await.expect(200).json;
    assert_eq!((&details["channels"][0]["head"], &details["channels"][0]["unread"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn pages_of_history_and_of_the_log() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let room = world.room(&ada, "Pages").await;
    let channel = room["channels"][0]["id"].as_str().unwrap();
    for i in 1..=7 {
        let body = json!({"key": format!("k{i}"), "text": format!("message {i}")});
        world.post(&format!("/api/channels/{channel}/messages"), Some(&ada.token), body).await.expect(201);
    }
    let seqs = |json: &serde_json::Value, of: &str| -> Vec<u64> {
        json[of].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect()
    };
    let page = async |query: &str| {
        world.get(&format!("/api/channels/{channel}/history?{query}"), Some(&ada.token)).await.expect(200).json
    };
    let newest = page("limit=3").await;
    assert_eq!((seqs(&newest, "messages"), &newest["has_more"]), (vec![5, 6, 7], &json!(true)));
    let older = page("limit=3&before=5").await;
    assert_eq!((seqs(&older, "messages"), &older["has_more"]), (vec![2, 3, 4], &json!(true)));
    let first = page("limit=3&before=2").await;
    assert_eq!((seqs(&first, "messages"), &first["has_more"]), (vec![1], &json!(false)));
    let newer = page("limit=2&after=5").await;
    assert_eq!((seqs(&newer, "messages"), &newer["has_more"]), (vec![6, 7], &json!(false)));

    let sync = async |query: &str| {
        world.get(&format!("/api/channels/{channel}/sync?{query}"), Some(&ada.token)).await.expect(200).json
    };
    let log = sync("after=2&limit=3").await;
    assert_eq!((seqs(&log, "events"), &log["has_more"], &log["head"]), (vec![3, 4, 5], &json!(true), &json!(7)));
    assert_eq!(log["events"][0]["ev"], "message.new");
    assert_eq!(log["events"][0]["d"]["text"], "message 3");
    let epoch = log["epoch"].as_str().unwrap();
    let rest = sync(&format!("after=5&epoch={epoch}")).await;
    assert_eq!((seqs(&rest, "events"), &rest["has_more"]), (vec![6, 7], &json!(false)));
    let restored = sync("after=2&epoch=another").await;
    assert_eq!((seqs(&restored, "events"), &restored["epoch"]), (vec![], &json!(epoch)));
}

#[tokio::test]
async fn slugs_are_found_or_asked_for() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    assert_eq!(world.room(&ada, "Tea").await["slug"], "tea");
    let second = world.room(&ada, "Tea").await;
    assert!(second["slug"].as_str().unwrap().starts_with("tea-"), "{second}");
    assert!(world.room(&ada, "日本").await["slug"].as_str().unwrap().starts_with("room-"));
    let taken = world.post("/api/rooms", Some(&ada.token), json!({"title": "T", "slug": "tea"})).await.expect(409);
    assert_eq!((taken.code(), taken.fields()), ("conflict", vec!["slug"]));
    let asked =
        world.post("/api/rooms", Some(&ada.token), json!({"title": "T", "slug": "green-tea"})).await.expect(201);
    assert_eq!(asked.json["slug"], "green-tea");
    let rooms = world.get("/api/rooms", Some(&ada.token)).await.expect(200).json;
    assert_eq!(rooms["rooms"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn rooms_and_channels_change() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.room(&ada, "Tea").await;
    let token = Some(ada.token.as_str());
    let changed =
        world.patch("/api/rooms/tea", token, json!({"title": "Green Tea", "topic": "Leaves"})).await.expect(200);
    assert_eq!((&changed.json["title"], &changed.json["topic"]), (&json!("Green Tea"), &json!("Leaves")));
    let kept = world.patch("/api/rooms/tea", token, json!({"title": "Tea"})).await.expect(200).json;
    assert_eq!(kept["topic"], "Leaves");
    let cleared = world.patch("/api/rooms/tea", token, json!({"topic": null})).await.expect(200).json;
    assert_eq!((&cleared["topic"], &cleared["title"]), (&json!(null), &json!("Tea")));

    let made = world.post("/api/rooms/tea/channels", token, json!({"name": "news", "kind": "text"})).await.expect(201);
    assert_eq!((&made.json["letter"], made.json.get("topology")), (&json!("c"), None));
    let direct = json!({"name": "call", "kind": "voice", "topology": "direct"});
    assert_eq!(world.post("/api/rooms/tea/channels", token, direct).await.expect(201).json["topology"], "direct");
    let odd = json!({"name": "news", "kind": "text", "topology": "direct"});
    assert_eq!(world.post("/api/rooms/tea/channels", token, odd).await.expect(422).fields(), ["topology"]);

    let renamed =
        world.patch("/api/rooms/tea/channels/C", token, json!({"name": "old", "topic": "x"})).await.expect(200);
    assert_eq!((&renamed.json["name"], &renamed.json["topic"]), (&json!("old"), &json!("x")));
    world.delete("/api/rooms/tea/channels/c", token).await.expect(204);
    world.delete("/api/rooms/tea/channels/c", token).await.expect(404);
    let again = world.post("/api/rooms/tea/channels", token, json!({"name": "next", "kind": "text"})).await.expect(201);
    assert_eq!(again.json["letter"], "c", "a freed letter is used again");
    for _ in 4..26 {
        world.post("/api/rooms/tea/channels", token, json!({"name": "more", "kind": "text"})).await.expect(201);
    }
    let full = world.post("/api/rooms/tea/channels", token, json!({"name": "more", "kind": "text"})).await.expect(409);
    assert_eq!(full.code(), "full");

    world.delete("/api/rooms/tea", token).await.expect(204);
    world.get("/api/rooms/tea", token).await.expect(404);
}

#[tokio::test]
async fn members_come_change_and_go() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.room(&ada, "Tea").await;
    let ben = world.member(&ada, "tea", "ben", "member").await;
    let cy = world.member(&ada, "tea", "cyd", "admin").await;
    let invite = world.invite(&ada, "tea", json!({"role": "admin"})).await;
    let dee = world.guest(&invite, "Dee").await;
    let path = |person: &crate::world::Person| format!("/api/rooms/tea/members/{}", person.id);

    let page = world.get("/api/rooms/tea/members?limit=3", Some(&dee.token)).await.expect(200).json;
    assert_eq!(page["members"].as_array().unwrap().len(), 3);
    let next = page["next"].as_str().unwrap();
    let last =
        world.get(&format!("/api/rooms/tea/members?after={next}&limit=3"), Some(&dee.token)).await.expect(200).json;
    assert_eq!(last["members"].as_array().unwrap().len(), 1);
    assert_eq!(last.get("next"), None);
    let guest = &last["members"][0];
    assert_eq!(
        (&guest["name"], &guest["role"]),
        (&json!("Dee"), &json!("guest")),
        "an admin's invite makes no admin of a guest"
    );

    let raised = world.patch(&path(&ben), Some(&cy.token), json!({"role": "admin"})).await.expect(200).json;
    assert_eq!((&raised["role"], &raised["username"]), (&json!("admin"), &json!("ben")));
    world.patch(&path(&ben), Some(&cy.token), json!({"role": "member"})).await.expect(403);
    world.patch(&path(&ben), Some(&ada.token), json!({"role": "member"})).await.expect(200);
    world.patch(&path(&dee), Some(&ada.token), json!({"role": "member"})).await.expect(403);
    world.patch(&path(&ada), Some(&ada.token), json!({"role": "member"})).await.expect(403);
    world.patch(&path(&ben), Some(&ada.token), json!({"role": "king"})).await.expect(422);
    world.delete(&path(&ada), Some(&ada.token)).await.expect(409);

    world.delete(&path(&dee), Some(&cy.token)).await.expect(204);
    world.get("/api/rooms/tea", Some(&dee.token)).await.expect(404);
    world.delete(&path(&dee), Some(&cy.token)).await.expect(404);

    world.patch(&path(&ben), Some(&ada.token), json!({"role": "owner"})).await.expect(200);
    let room = world.get("/api/rooms/tea", Some(&ada.token)).await.expect(200).json;
    assert_eq!(room["role"], "admin", "who hands over becomes an admin");
    world.delete(&path(&ada), Some(&ada.token)).await.expect(204);
    world.get("/api/rooms/tea", Some(&ada.token)).await.expect(404);
    assert_eq!(world.get("/api/rooms/tea", Some(&ben.token)).await.expect(200).json["role"], "owner");
}

#[tokio::test]
async fn invites_end() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.room(&ada, "Tea").await;
    let ben = world.register("ben").await;
    let accept = async |invite: &str, token: &str| {
        world.post(&format!("/api/invites/{invite}/accept"), Some(token), json!({})).await
    };

    let once = world.invite(&ada, "tea", json!({"max_uses": 1})).await;
    assert_eq!(accept(&once, &ben.token).await.expect(200).json["joined"], true);
    assert_eq!(accept(&once, &ben.token).await.expect(200).json["joined"], false, "a member uses nothing up");
    let cyd = world.register("cyd").await;
    assert_eq!(accept(&once, &cyd.token).await.expect(410).code(), "invite_used");
    assert_eq!(world.get(&format!("/api/invites/{once}"), None).await.expect(410).code(), "invite_used");

    let short = world.invite(&ada, "tea", json!({"expires_in": 60})).await;
    world.get(&format!("/api/invites/{short}"), None).await.expect(200);
    world.advance(61_000);
    assert_eq!(world.get(&format!("/api/invites/{short}"), None).await.expect(410).code(), "invite_expired");
    assert_eq!(accept(&short, &cyd.token).await.expect(410).code(), "invite_expired");
    let guest = json!({"invite": short, "display_name": "Dee"});
    assert_eq!(world.post("/api/auth/guest", None, guest).await.expect(410).code(), "invite_expired");

    let revoked = world.invite(&ada, "tea", json!({})).await;
    world.delete(&format!("/api/rooms/tea/invites/{revoked}"), Some(&ada.token)).await.expect(204);
    world.delete(&format!("/api/rooms/tea/invites/{revoked}"), Some(&ada.token)).await.expect(404);
    world.get(&format!("/api/invites/{revoked}"), None).await.expect(404);
    let live = world.get("/api/rooms/tea/invites", Some(&ada.token)).await.expect(200).json;
    let tokens: Vec<_> = live["invites"].as_array().unwrap().iter().map(|invite| invite["token"].clone()).collect();
    assert!(!tokens.contains(&json!(revoked)) && !tokens.contains(&json!(short)));

    for (body, field) in [
        (json!({"max_uses": 0}), "max_uses"),
        (json!({"max_uses": -1}), "max_uses"),
        (json!({"max_uses": 1_000_001}), "max_uses"),
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": i64::MAX}), "expires_in"),
        (json!({"role": "owner"}), "role"),
        (json!({"role": "guest"}), "role"),
    ] {
        let refused = world.post("/api/rooms/tea/invites", Some(&ada.token), body).await.expect(422);
        assert_eq!(refused.fields(), [field]);
    }
}

#[tokio::test]
async fn a_guest_sees_one_room_and_makes_none() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.room(&ada, "Tea").await;
    world.room(&ada, "Coffee").await;
    let tea = world.invite(&ada, "tea", json!({})).await;
    let coffee = world.invite(&ada, "coffee", json!({})).await;
    let dee = world.guest(&tea, "Dee").await;
    world.post("/api/rooms", Some(&dee.token), json!({"title": "Mine"})).await.expect(403);
    world.post("/api/rooms/tea/invites", Some(&dee.token), json!({})).await.expect(403);
    world.post(&format!("/api/invites/{coffee}/accept"), Some(&dee.token), json!({})).await.expect(403);
    assert_eq!(
        world.post(&format!("/api/invites/{tea}/accept"), Some(&dee.token), json!({})).await.expect(200).json["role"],
        "guest"
    );
    world.get("/api/rooms/coffee", Some(&dee.token)).await.expect(404);
    let rooms = world.get("/api/rooms", Some(&dee.token)).await.expect(200).json;
    assert_eq!(rooms["rooms"].as_array().unwrap().len(), 1);

    let upgrade = json!({"username": "dee", "password": "password of dee"});
    let me = world.patch("/api/me", Some(&dee.token), upgrade).await.expect(200).json;
    assert_eq!((&me["guest"], &me["username"], &me["display_name"]), (&json!(false), &json!("dee"), &json!("Dee")));
    assert_eq!(world.get("/api/rooms/tea", Some(&dee.token)).await.expect(200).json["role"], "member");
    world.post(&format!("/api/invites/{coffee}/accept"), Some(&dee.token), json!({})).await.expect(200);
    world.post("/api/auth/login", None, json!({"username": "dee", "password": "password of dee"})).await.expect(200);
}
