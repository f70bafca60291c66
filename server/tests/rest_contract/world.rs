//! A server of its own for each test: port 0, a temporary directory, a clock that stands still until it is put forward.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use charge::{
    auth::{AuthArgs, JwtAlgorithm, Passwords, Secret, Tokens},
    domain::Timestamp,
    http::{App, Clock, HttpArgs, Options, Peer, RelayOptions, Relays, router, serve_connection},
    live::{Live, LiveOptions},
    metrics::Metrics,
    store::{Store, StoreOptions},
};
use clap::{Args as _, FromArgMatches as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const SECRET: &str = "a secret of the tests, 32 bytes or more";

/// How far ahead a clock is that panics.
const BROKEN: i64 = i64::MIN;

/// A running server.
pub struct World {
    pub store: Store,
    pub app: App,
    pub authority: String,
    client: reqwest::Client,
    started: Timestamp,
    ahead_ms: Arc<AtomicI64>,
    _data: TempDir,
    _stop: DropGuard,
}

/// A user signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub username: String,
    pub password: String,
    pub token: String,
    pub refresh: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, Vec<String>>,
    pub text: String,
    pub json: Value,
}

impl Answer {
    /// The header's value, empty when there is none, joined when there are several.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|values| values.join(", ")).unwrap_or_default()
    }

    /// The problem's code.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("")
    }

    /// The names of the refused fields.
    pub fn fields(&self) -> Vec<&str> {
        self.json["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).collect()
    }

    /// The same, but for the status, which must be this.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With other options than the defaults; the limits on signing in and on changes are off unless set.
    pub async fn with(adjust: impl FnOnce(&mut Options)) -> Self {
        Self::with_relays(RelayOptions::default(), adjust).await
    }

    pub async fn with_relays(relays: RelayOptions, adjust: impl FnOnce(&mut Options)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let metrics = Metrics::new().unwrap();
        let (store, committed) = Store::open(&StoreOptions::in_dir(data.path()), &metrics).await.unwrap();
        let tokens = Tokens::new(&Secret::new(SECRET), JwtAlgorithm::Hs256).unwrap();
        let live_options =
            LiveOptions { receive_timeout: Duration::from_secs(30), messages_per_10s: 20, message_max_length: 2000 };
        let live = Live::start(store.clone(), committed, tokens.clone(), live_options, metrics.clone());
        let passwords = Passwords::for_this_machine(metrics.password_hashes.clone()).unwrap();
        let mut options = default_options(&authority);
        adjust(&mut options);
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let started = Timestamp::from_system(SystemTime::now());
        let clock = {
            let ahead_ms = Arc::clone(&ahead_ms);
            Clock::new(move || match ahead_ms.load(Ordering::Relaxed) {
                BROKEN => panic!("the clock is broken, as this test wants it"),
                ahead => started.plus_millis(ahead),
            })
        };
        let relays = Relays::new(relays);
        let app = App::new(store.clone(), live, tokens, passwords, metrics, relays, options, clock);
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, app.clone(), stop.clone()));
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { store, app, authority, client, started, ahead_ms, _data: data, _stop: stop.drop_guard() }
    }

    /// The key of the server's tokens.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// Puts the server's clock forward.
    pub fn advance(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Makes whoever asks for the time panic, or no longer.
    pub fn break_clock(&self, broken: bool) {
        self.ahead_ms.store(if broken { BROKEN } else { 0 }, Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        self.started.plus_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.call("GET", path, token, None, &[]).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.call("POST", path, token, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.call("PATCH", path, token, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str, token: Option<&str>) -> Answer {
        self.call("DELETE", path, token, None, &[]).await
    }

    pub async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = format!("http://{}{path}", self.authority);
        let mut request = self.client.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let mut kept: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            kept.entry(name.to_string()).or_default().push(value);
        }
        let bytes = response.bytes().await.unwrap();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, headers: kept, text: String::from_utf8_lossy(&bytes).into_owned(), json }
    }

    /// Sends bytes as they are and reads to the end; the request must ask for `connection: close`.
    pub async fn send_raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.authority).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks for a WebSocket with these headers beside the handshake's own; answers the head.
    pub async fn upgrade(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String, TcpStream) {
        let mut lines = vec![
            ("host".to_owned(), self.authority.clone()),
            ("connection".to_owned(), "Upgrade".to_owned()),
            ("upgrade".to_owned(), "websocket".to_owned()),
            ("sec-websocket-version".to_owned(), "13".to_owned()),
            ("sec-websocket-key".to_owned(), "dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
        ];
        for (name, value) in headers {
            let own = ["host", "connection", "upgrade", "sec-websocket-version", "sec-websocket-key"].contains(name);
            if own {
                lines.retain(|(known, _)| known != name);
            }
            if !value.is_empty() {
                lines.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let head: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut stream = TcpStream::connect(&self.authority).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\n{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Byte by byte, so that no frame behind the head is eaten.
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            answer.push(byte[0]);
        }
        let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, head, stream)
    }

    pub async fn register(&self, username: &str) -> Person {
        let password = format!("password of {username}");
        let body = json!({"username": username, "password": password});
        let answer = self.post("/api/auth/register", None, body).await.expect(201);
        person(&answer.json, password)
    }

    pub async fn login(&self, person: &Person) -> Person {
        let body = json!({"username": person.username, "password": person.password});
        let answer = self.post("/api/auth/login", None, body).await.expect(200);
        self::person(&answer.json, person.password.clone())
    }

    /// A room of `owner`, whose slug follows from the title.
    pub async fn room(&self, owner: &Person, title: &str) -> Value {
        self.post("/api/rooms", Some(&owner.token), json!({"title": title})).await.expect(201).json
    }

    /// A fresh invite's token.
    pub async fn invite(&self, by: &Person, slug: &str, body: Value) -> String {
        let answer = self.post(&format!("/api/rooms/{slug}/invites"), Some(&by.token), body).await.expect(201);
        answer.json["token"].as_str().unwrap().to_owned()
    }

    pub async fn guest(&self, invite: &str, name: &str) -> Person {
        let answer = self.post("/api/auth/guest", None, json!({"invite": invite, "display_name": name})).await;
        person(&answer.expect(201).json, String::new())
    }

    /// Registers and joins by an invite of that role.
    pub async fn member(&self, owner: &Person, slug: &str, username: &str, role: &str) -> Person {
        let person = self.register(username).await;
        let invite = self.invite(owner, slug, json!({"role": role})).await;
        self.post(&format!("/api/invites/{invite}/accept"), Some(&person.token), json!({})).await.expect(200);
        person
    }
}

fn person(json: &Value, password: String) -> Person {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Person {
        id: text(&json["user"]["id"]),
        username: text(&json["user"]["username"]),
        password,
        token: text(&json["access_token"]),
        refresh: text(&json["refresh_token"]),
    }
}

fn default_options(authority: &str) -> Options {
    let command = AuthArgs::augment_args(HttpArgs::augment_args(clap::Command::new("test")));
    let matches =
        command.get_matches_from(["test", "--rate-limit-sign-in-per-minute=0", "--rate-limit-sign-in-per-address=0"]);
    let http = HttpArgs::from_arg_matches(&matches).unwrap();
    let auth = AuthArgs::from_arg_matches(&matches).unwrap();
    let mut options = Options::new(&http, &auth, format!("http://{authority}").parse().unwrap(), 2000);
    options.writes.burst = 0;
    options
}

async fn accept(listener: TcpListener, app: App, stop: CancellationToken) {
    let router = router(app);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = accepted.unwrap();
        let peer = Peer { address, secure: false };
        tokio::spawn(serve_connection(stream, peer, router.clone(), stop.clone()));
    }
}
