//! Every route and every role: who may do what, and that a stranger cannot tell a room from none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Answer, Person, World};

/// In the order of the columns of [`ROWS`].
const ROLES: [&str; 6] = ["owner", "admin", "member", "guest", "outsider", "anonymous"];

struct Row(&'static str, &'static str, &'static str, [u16; 6]);

/// Method, path, body, and the status each role gets. `{owner}`, `{admin}`, `{guest}` and `{other}` (a plain member) are
/// users of the room `{room}`; `{invite}` leads into it; `{channel}` is its text channel; `{session}` is one's own.
const ROWS: &[Row] = &[
    Row("GET", "/api/me", "", [200, 200, 200, 200, 200, 401]),
    Row("PATCH", "/api/me", r#"{"settings":{}}"#, [200, 200, 200, 200, 200, 401]),
    Row("GET", "/api/me/sessions", "", [200, 200, 200, 200, 200, 401]),
    Row("DELETE", "/api/me/sessions", "", [204, 204, 204, 204, 204, 401]),
    Row("DELETE", "/api/me/sessions/0197a7a0-0000-7000-8000-000000000001", "", [404, 404, 404, 404, 404, 401]),
    Row("POST", "/api/setup", r#"{"token":"wrong"}"#, [403, 403, 403, 403, 403, 401]),
    Row("GET", "/api/rooms", "", [200, 200, 200, 200, 200, 401]),
    Row("POST", "/api/rooms", r#"{"title":"New"}"#, [201, 201, 201, 403, 201, 401]),
    Row("GET", "/api/rooms/{room}", "", [200, 200, 200, 200, 404, 401]),
    Row("PATCH", "/api/rooms/{room}", r#"{"title":"New"}"#, [200, 200, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}", "", [204, 403, 403, 403, 404, 401]),
    Row("POST", "/api/rooms/{room}/channels", r#"{"name":"x","kind":"text"}"#, [201, 201, 403, 403, 404, 401]),
    Row("PATCH", "/api/rooms/{room}/channels/a", r#"{"name":"x"}"#, [200, 200, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}/channels/a", "", [204, 204, 403, 403, 404, 401]),
    Row("GET", "/api/rooms/{room}/members", "", [200, 200, 200, 200, 404, 401]),
    Row("PATCH", "/api/rooms/{room}/members/{other}", r#"{"role":"admin"}"#, [200, 200, 403, 403, 404, 401]),
    Row("PATCH", "/api/rooms/{room}/members/{other}", r#"{"role":"owner"}"#, [200, 403, 403, 403, 404, 401]),
    Row("PATCH", "/api/rooms/{room}/members/{admin}", r#"{"role":"member"}"#, [200, 403, 403, 403, 404, 401]),
    Row("PATCH", "/api/rooms/{room}/members/{owner}", r#"{"role":"admin"}"#, [403, 403, 403, 403, 404, 401]),
    Row("PATCH", "/api/rooms/{room}/members/{guest}", r#"{"role":"member"}"#, [403, 403, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}/members/{other}", "", [204, 204, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}/members/{owner}", "", [409, 403, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}/members/{admin}", "", [204, 204, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}/members/{guest}", "", [204, 204, 403, 204, 404, 401]),
    Row("GET", "/api/rooms/{room}/invites", "", [200, 200, 403, 403, 404, 401]),
    Row("POST", "/api/rooms/{room}/invites", "{}", [201, 201, 403, 403, 404, 401]),
    Row("POST", "/api/rooms/{room}/invites", r#"{"role":"admin"}"#, [201, 201, 403, 403, 404, 401]),
    Row("DELETE", "/api/rooms/{room}/invites/{invite}", "", [204, 204, 403, 403, 404, 401]),
    Row("GET", "/api/invites/{invite}", "", [200, 200, 200, 200, 200, 200]),
    Row("POST", "/api/invites/{invite}/accept", "", [200, 200, 200, 200, 200, 401]),
    Row("GET", "/api/channels/{channel}/history", "", [200, 200, 200, 200, 404, 401]),
    Row("POST", "/api/channels/{channel}/messages", r#"{"key":"k","text":"x"}"#, [201, 201, 201, 201, 404, 401]),
    Row("GET", "/api/channels/{channel}/sync", "", [200, 200, 200, 200, 404, 401]),
    Row("GET", "/api/config/client", "", [200, 200, 200, 200, 200, 200]),
    Row("GET", "/api/config/webrtc", "", [200, 200, 200, 200, 200, 401]),
    Row("GET", "/health", "", [200, 200, 200, 200, 200, 200]),
    Row("GET", "/healthz", "", [200, 200, 200, 200, 200, 200]),
    Row("GET", "/readyz", "", [200, 200, 200, 200, 200, 200]),
    Row("GET", "/metrics", "", [200, 200, 200, 200, 200, 200]),
];

/// Documented routes that other tests try, since they end the one who asks or need no role.
const ELSEWHERE: [(&str, &str); 9] = [
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/guest"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/logout"),
    ("DELETE", "/api/me"),
    ("GET", "/ws"),
    ("GET", "/ws/text/{}"),
    ("GET", "/ws/signal/{}"),
];

/// A room with somebody in every role.
struct Cast {
    slug: String,
    channel: String,
    invite: String,
    owner: Person,
    admin: Person,
    member: Person,
    guest: Person,
    other: Person,
}

/// People whom every room of the test shares.
struct People {
    owner: Person,
    admin: Person,
    member: Person,
    other: Person,
    outsider: Person,
}

impl People {
    async fn register(world: &World) -> Self {
        Self {
            owner: world.register("owner").await,
            admin: world.register("admin").await,
            member: world.register("member").await,
            other: world.register("other").await,
            outsider: world.register("outsider").await,
        }
    }
}

impl Cast {
    async fn gather(world: &World, people: &People) -> Self {
        let room = world.room(&people.owner, "Room").await;
        let slug = room["slug"].as_str().unwrap().to_owned();
        for (person, role) in [(&people.admin, "admin"), (&people.member, "member"), (&people.other, "member")] {
            let invite = world.invite(&people.owner, &slug, json!({"role": role})).await;
            world.post(&format!("/api/invites/{invite}/accept"), Some(&person.token), json!({})).await.expect(200);
        }
        let invite = world.invite(&people.owner, &slug, json!({})).await;
        Self {
            channel: room["channels"][0]["id"].as_str().unwrap().to_owned(),
            guest: world.guest(&invite, "Guest").await,
            owner: people.owner.clone(),
            admin: people.admin.clone(),
            member: people.member.clone(),
            other: people.other.clone(),
            slug,
            invite,
        }
    }

    fn fill(&self, path: &str) -> String {
        path.replace("{room}", &self.slug)
            .replace("{channel}", &self.channel)
            .replace("{invite}", &self.invite)
            .replace("{owner}", &self.owner.id)
            .replace("{admin}", &self.admin.id)
            .replace("{guest}", &self.guest.id)
            .replace("{other}", &self.other.id)
    }

    fn token(&self, role: &str, people: &People) -> Option<String> {
        Some(match role {
            "owner" => self.owner.token.clone(),
            "admin" => self.admin.token.clone(),
            "member" => self.member.token.clone(),
            "guest" => self.guest.token.clone(),
            "outsider" => people.outsider.token.clone(),
            _ => return None,
        })
    }
}

async fn ask(world: &World, row: &Row, path: &str, token: Option<&str>) -> Answer {
    let body = if row.2.is_empty() { None } else { Some(serde_json::from_str::<Value>(row.2).unwrap()) };
    world.call(row.0, path, token, body, &[]).await
}

#[tokio::test]
async fn every_route_and_every_role() {
    let world = World::start().await;
    let people = People::register(&world).await;
    let mut wrong = Vec::new();
    let mut rooms_of_owner = 0;
    for row in ROWS {
        for (role, expected) in ROLES.into_iter().zip(row.3) {
            // Each cell in a room of its own, so that what one may do does not change what the next one gets.
            let cast = Cast::gather(&world, &people).await;
            let answer = ask(&world, row, &cast.fill(row.1), cast.token(role, &people).as_deref()).await;
            if answer.status != expected {
                wrong.push(format!("{} {} {} as {role}: {} instead of {expected}", row.0, row.1, row.2, answer.status));
            }
            if answer.status >= 400 {
                assert_eq!(answer.header("content-type"), "application/problem+json", "{} {}", row.0, row.1);
                assert_eq!(answer.json["status"], answer.status);
            }
            // A user owns so many rooms at most.
            rooms_of_owner += 1;
            if rooms_of_owner % 90 == 0 {
                for room in world.get("/api/rooms", Some(&people.owner.token)).await.json["rooms"].as_array().unwrap() {
                    let path = format!("/api/rooms/{}", room["slug"].as_str().unwrap());
                    world.delete(&path, Some(&people.owner.token)).await;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_room_from_none() {
    let world = World::start().await;
    let people = People::register(&world).await;
    let cast = Cast::gather(&world, &people).await;
    let token = Some(people.outsider.token.as_str());
    let mut tried = 0;
    for row in ROWS.iter().filter(|row| row.1.contains("{room}") || row.1.contains("{channel}")) {
        let real = ask(&world, row, &cast.fill(row.1), token).await.expect(404);
        let nowhere =
            row.1.replace("{room}", "no-such-room").replace("{channel}", "0197a7a0-0000-7000-8000-000000000001");
        let none = ask(&world, row, &cast.fill(&nowhere), token).await.expect(404);
        let impossible = row.1.replace("{room}", "%F0%9F%92%A9").replace("{channel}", "x");
        let malformed = ask(&world, row, &cast.fill(&impossible), token).await.expect(404);
        assert_eq!((&real.json, &real.json), (&none.json, &malformed.json), "{} {}", row.0, row.1);
        tried += 1;
    }
    assert!(tried > 20);
}

#[tokio::test]
async fn no_documented_route_is_left_out() {
    let world = World::start().await;
    let document = world.get("/openapi.json", None).await.expect(200).json;
    let shape = |path: &str| {
        let parts = path.split('/').map(|part| {
            let is_name = part.starts_with('{') || part == "a" || part.starts_with("0197");
            if is_name { "{}" } else { part }
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let mut tried: BTreeSet<(String, String)> = ROWS.iter().map(|row| (row.0.to_owned(), shape(row.1))).collect();
    tried.extend(ELSEWHERE.map(|(method, path)| (method.to_owned(), path.to_owned())));
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert((method.to_ascii_uppercase(), shape(path)));
        }
    }
    assert_eq!(documented, tried);
}

#[tokio::test]
async fn rooms_do_not_leak_into_each_other() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let eve = world.register("eve").await;
    world.room(&ada, "Tea").await;
    world.room(&eve, "Lair").await;
    let invite = world.invite(&ada, "tea", json!({})).await;
    // Eve manages her own room and nothing through it.
    world.delete(&format!("/api/rooms/lair/invites/{invite}"), Some(&eve.token)).await.expect(404);
    world.get(&format!("/api/invites/{invite}"), None).await.expect(200);
    let path = format!("/api/rooms/lair/members/{}", ada.id);
    world.delete(&path, Some(&eve.token)).await.expect(404);
    world.patch(&path, Some(&eve.token), json!({"role": "admin"})).await.expect(404);
}
