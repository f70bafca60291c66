//! Tokens that this server did not mint, or no longer stands by: none opens anything.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::world::{Person, World};

fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn part(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

/// The claims of a token, as anybody can read them.
fn claims_of(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

/// Over two hundred forgeries of `ada`'s token; `eve`'s is a good one of somebody else.
fn forgeries(world: &World, ada: &Person, eve: &Person) -> Vec<String> {
    let claims = claims_of(&ada.token);
    let parts: Vec<&str> = ada.token.split('.').collect();
    let theirs: Vec<&str> = eve.token.split('.').collect();
    let mut forged = Vec::new();

    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS257", "hs256", "RS256", "ES256", "EdDSA"] {
        let header = part(&format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#));
        for signature in ["", parts[2], "AA"] {
            forged.push(format!("{header}.{}.{signature}", parts[1]));
        }
    }
    for header in [r#"{"typ":"JWT"}"#, r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, "{}", "[]", "null", "not json", ""] {
        forged.push(format!("{}.{}.{}", part(header), parts[1], parts[2]));
    }
    for secret in ["secret", "changeme", "x", world.secret().trim_end_matches('e'), &world.secret().to_uppercase()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            forged.push(sign(algorithm, secret, &claims));
        }
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        forged.push(sign(algorithm, world.secret(), &claims));
    }
    for name in ["exp", "sub", "sid"] {
        let odd =
            [json!(null), json!(""), json!("x"), json!(-1), json!(0), json!([]), json!({}), json!(true), json!(1e99)];
        for value in odd {
            let mut claims = claims.clone();
            claims[name] = value;
            forged.push(sign(Algorithm::HS256, world.secret(), &claims));
        }
        let mut less = claims.clone();
        less.as_object_mut().unwrap().remove(name);
        forged.push(sign(Algorithm::HS256, world.secret(), &less));
    }
    let now = world.now().as_seconds();
    for exp in [now - 86_400, now - 60, now - 1] {
        let mut claims = claims.clone();
        claims["exp"] = json!(exp);
        forged.push(sign(Algorithm::HS256, world.secret(), &claims));
    }
    // Well signed, but of a sign-in that is not there, or not of that user.
    for (name, value) in [("sid", &claims_of(&eve.token)["sid"]), ("sub", &claims_of(&eve.token)["sub"])] {
        let mut claims = claims.clone();
        claims[name] = value.clone();
        forged.push(sign(Algorithm::HS256, world.secret(), &claims));
    }
    let mut unknown = claims.clone();
    unknown["sid"] = json!("0197a7a0-0000-7000-8000-000000000001");
    forged.push(sign(Algorithm::HS256, world.secret(), &unknown));

    forged.push(format!("{}.{}.{}", parts[0], theirs[1], parts[2]));
    forged.push(format!("{}.{}.{}", parts[0], parts[1], theirs[2]));
    forged.push(format!("{}.{}", parts[0], parts[1]));
    forged.push(format!("{}.{}.", parts[0], parts[1]));
    forged.push(format!(".{}.{}", parts[1], parts[2]));
    forged.push(format!("{}..{}", parts[0], parts[2]));
    forged.push(format!("{}.{}", ada.token, parts[2]));
    forged.push(format!("{}=", ada.token));
    forged.push(ada.token.replace('.', ":"));
    forged.push(ada.refresh.clone());
    forged.push("a".repeat(5000));
    for cut in 1..40 {
        forged.push(ada.token[..ada.token.len() - cut].to_owned());
    }
    for place in (0..ada.token.len()).step_by(5) {
        let mut altered = ada.token.clone().into_bytes();
        altered[place] = match altered[place] {
            b'A' => b'B',
            b'.' => b'A',
            _ => b'A',
        };
        forged.push(String::from_utf8(altered).unwrap());
    }
    forged.retain(|token| *token != ada.token && *token != eve.token);
    forged
}

#[tokio::test]
async fn two_hundred_forged_tokens_open_nothing() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let eve = world.register("eve").await;
    let forged = forgeries(&world, &ada, &eve);
    assert!(forged.len() >= 200, "only {}", forged.len());
    for token in &forged {
        let answer = world.get("/api/me", Some(token)).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let refresh = world.post("/api/auth/refresh", None, json!({"refresh_token": token})).await;
        let is_real_refresh = *token == ada.refresh;
        assert_eq!(refresh.status == 200, is_real_refresh, "{token}");
    }
    // The template of all of them is good, or this test shows nothing.
    world.get("/api/me", Some(&sign(Algorithm::HS256, world.secret(), &claims_of(&ada.token)))).await.expect(200);
}

#[tokio::test]
async fn only_the_bearer_scheme_counts() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let with = async |value: &str| world.call("GET", "/api/me", None, None, &[("authorization", value)]).await.status;
    assert_eq!(with(&format!("Bearer {}", ada.token)).await, 200);
    assert_eq!(with(&format!("bearer {}", ada.token)).await, 200);
    for wrong in [format!("Basic {}", ada.token), format!("Bearer{}", ada.token), ada.token.clone(), String::new()] {
        assert_eq!(with(&wrong).await, 401, "{wrong}");
    }
    let in_query = world.get(&format!("/api/me?access_token={0}&token={0}", ada.token), None).await;
    assert_eq!(in_query.status, 401);
}

#[tokio::test]
async fn forged_refresh_tokens_open_nothing() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let (body, mac) = ada.refresh.strip_prefix("r1.").unwrap().split_once('.').unwrap();
    let mut next = URL_SAFE_NO_PAD.decode(body).unwrap();
    *next.last_mut().unwrap() += 1;
    let next = URL_SAFE_NO_PAD.encode(next);
    for forged in [
        format!("r1.{next}.{mac}"),
        format!("r2.{body}.{mac}"),
        format!("r1.{body}.{}", URL_SAFE_NO_PAD.encode([0u8; 32])),
        format!("r1.{body}."),
        format!("r1.{body}"),
        format!("r1..{mac}"),
        format!("{body}.{mac}"),
        format!("r1.{body}.{mac}="),
        String::new(),
        ada.token.clone(),
    ] {
        world.post("/api/auth/refresh", None, json!({"refresh_token": forged})).await.expect(401);
    }
    world.post("/api/auth/refresh", None, json!({"refresh_token": ada.refresh})).await.expect(200);
}
