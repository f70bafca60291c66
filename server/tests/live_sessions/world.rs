//! A server without HTTP: store, live floor, people, and clients that speak WebSocket over a pipe.
//!
//! Owns set-up and waiting. Never asserts what a test is about.

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use charge::{
    auth::{JwtAlgorithm, Secret, Tokens},
    domain::{
        AuthSessionId, ChannelId, ChannelLetter, ChannelName, DisplayName, InviteToken, Role, RoomId, RoomTitle, Slug,
        Timestamp, UserId, Username,
        limits::{CLIENT_FRAME_BYTES, SOCKET_BUFFER_BYTES},
        wire::{ChannelKind, SubTarget, User, event::Credential},
    },
    live::{Entrance, Live, LiveOptions, RoomNews},
    metrics::Metrics,
    store::{ChannelRecord, InviteRecord, NewAuthSession, NewRoom, NewUser, RoomRecord, Store, StoreOptions},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role as End, WebSocketConfig},
    },
};

/// Whatever is awaited comes long before this, or the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server with one room: `ada` owns it; text channel and voice channel as every room has them.
pub(crate) struct World {
    pub(crate) live: Live,
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) metrics: Metrics,
    pub(crate) room: RoomRecord,
    pub(crate) text: ChannelId,
    pub(crate) voice: ChannelId,
    pub(crate) ada: Person,
    _dir: TempDir,
}

/// Somebody with a sign-in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) user: User,
    pub(crate) credential: Credential,
}

pub(crate) fn options() -> LiveOptions {
    LiveOptions { receive_timeout: Duration::from_secs(30), messages_per_10s: 0, message_max_length: 2000 }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

fn letter(text: &str) -> ChannelLetter {
    ChannelLetter::parse(text).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: LiveOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Metrics::new().unwrap();
        let (store, committed) = Store::open(&StoreOptions::in_dir(dir.path()), &metrics).await.unwrap();
        let tokens =
            Tokens::new(&Secret::new("a secret of at least 32 bytes, for tests"), JwtAlgorithm::Hs256).unwrap();
        let live = Live::start(store.clone(), committed, tokens.clone(), options, metrics.clone());
        let ada = person(&store, "ada").await;
        let (room, text, voice) = new_room(&store, &ada, "den").await;
        Self { live, store, tokens, metrics, room, text, voice, ada, _dir: dir }
    }

    /// A new account that is in no room.
    pub(crate) async fn stranger(&self, name: &str) -> Person {
        person(&self.store, name).await
    }

    /// A new account that is a member of the room.
    pub(crate) async fn member(&self, name: &str) -> Person {
        let person = self.stranger(name).await;
        self.join(&self.room, &person).await;
        person
    }

    /// As REST does it: first the store, then the room.
    pub(crate) async fn join(&self, room: &RoomRecord, person: &Person) {
        let invite = InviteRecord {
            token: InviteToken::parse(&format!("invite-{}", RoomId::fresh().0.simple())).unwrap(),
            room: room.id,
            created_by: self.ada.id,
            role: Role::Member,
            uses: 0,
            max_uses: None,
            expires_at: None,
            created_at: now(),
        };
        self.store.create_invite(invite.clone()).await.unwrap();
        self.store.accept_invite(&invite.token, person.id, now()).await.unwrap();
        // Spent; a room holds only so many.
        self.store.revoke_invite(room.id, &invite.token).await.unwrap();
        self.live.tell(room.id, RoomNews::MemberJoined(person.id)).await;
    }

    pub(crate) async fn kick(&self, person: &Person) {
        assert!(self.store.remove_member(self.room.id, person.id).await.unwrap());
        self.live.tell(self.room.id, RoomNews::MemberLeft(person.id, "kicked")).await;
    }

    pub(crate) async fn set_role(&self, person: &Person, role: Role) {
        self.store.set_role(self.room.id, person.id, role).await.unwrap();
        self.live.tell(self.room.id, RoomNews::MemberChanged(person.id)).await;
    }

    /// Another room of ada's.
    pub(crate) async fn another_room(&self, slug: &str) -> (RoomRecord, ChannelId) {
        let (room, text, _) = new_room(&self.store, &self.ada, slug).await;
        self.live.tell(room.id, RoomNews::MemberJoined(self.ada.id)).await;
        (room, text)
    }

    pub(crate) async fn another_channel(&self, name: &str) -> ChannelRecord {
        let name = ChannelName::parse(name).unwrap();
        let channel = self.store.create_channel(self.room.id, &name, ChannelKind::Text, None, now()).await.unwrap();
        self.live.tell(self.room.id, RoomNews::ChannelNew(channel.clone())).await;
        channel
    }

    pub(crate) fn token(&self, person: &Person) -> String {
        self.tokens.mint_access(person.credential, now())
    }

    /// `/ws`, signed in by the upgrade.
    pub(crate) async fn connect(&self, person: &Person) -> Client {
        let mut client = self.client(Entrance::All, Some(person));
        assert_eq!(client.next().await["ev"], "hello");
        client
    }

    /// `/ws`, signed in, following the text channel from now on.
    pub(crate) async fn follow(&self, person: &Person) -> Client {
        let mut client = self.connect(person).await;
        client.ok("sub", None, json!([{ "ch": self.text }])).await;
        client
    }

    /// Any door; without a person the first frame must be `auth`.
    pub(crate) fn client(&self, entrance: Entrance, person: Option<&Person>) -> Client {
        let signed_in = person.map(|person| Ok((person.credential, person.user.clone())));
        self.client_with(entrance, signed_in, 256 * 1024)
    }

    pub(crate) fn client_with(
        &self,
        entrance: Entrance,
        signed_in: Option<Result<(Credential, User), ()>>,
        pipe: usize,
    ) -> Client {
        let (near, far) = tokio::io::duplex(pipe);
        let live = self.live.clone();
        let served = tokio::spawn(async move {
            // What the upgrade does: bounded messages, small buffers.
            let config = WebSocketConfig::default()
                .read_buffer_size(SOCKET_BUFFER_BYTES)
                .max_message_size(Some(CLIENT_FRAME_BYTES))
                .max_frame_size(Some(CLIENT_FRAME_BYTES));
            let socket = WebSocketStream::from_raw_socket(far, End::Server, Some(config)).await;
            live.serve(socket, entrance, signed_in, IpAddr::from([127, 0, 0, 1])).await;
        });
        Client { near: Some(near), ws: None, served, queued: VecDeque::new(), next_id: 1 }
    }

    /// The door to one text channel.
    pub(crate) fn text_door(&self, person: &Person, after: Option<u64>) -> Client {
        self.client(Entrance::Text(SubTarget { ch: self.text, epoch: None, after }), Some(person))
    }

    /// Waits until a gauge or counter says so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Metrics) -> bool) {
        let waiting = async {
            while !is_so(&self.metrics) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
    }
}

async fn person(store: &Store, name: &str) -> Person {
    let new = NewUser {
        id: UserId::fresh(),
        username: Username::parse(name).unwrap(),
        display_name: DisplayName::parse(&format!("{name} the person")).unwrap(),
        password_hash: Some("hash".into()),
        guest: false,
        created_at: now(),
    };
    let record = store.create_user(new).await.unwrap();
    let user = User { id: record.id, username: record.username, display_name: record.display_name, guest: false };
    Person { id: record.id, user, credential: sign_in(store, record.id).await }
}

/// Another sign-in.
pub(crate) async fn sign_in(store: &Store, user: UserId) -> Credential {
    let session = NewAuthSession {
        id: AuthSessionId::fresh(),
        user,
        created_at: now(),
        expires_at: now().plus_seconds(3600),
        user_agent: "test".into(),
        address: "127.0.0.1".into(),
    };
    store.open_auth_session(session.clone()).await.unwrap();
    Credential { user, auth_session: session.id, expires_at: now().plus_seconds(1800) }
}

async fn new_room(store: &Store, owner: &Person, slug: &str) -> (RoomRecord, ChannelId, ChannelId) {
    let room = NewRoom {
        id: RoomId::fresh(),
        slug: Slug::parse(slug).unwrap(),
        title: RoomTitle::parse("The Den").unwrap(),
        owner: owner.id,
        created_at: now(),
    };
    let room = store.create_room(room).await.unwrap();
    let channels = store.channels_of(room.id).await.unwrap();
    let by = |wanted: &str| channels.iter().find(|channel| channel.letter == letter(wanted)).unwrap().id;
    (room, by("a"), by("b"))
}

/// One end of a session.
pub(crate) struct Client {
    near: Option<DuplexStream>,
    ws: Option<WebSocketStream<DuplexStream>>,
    served: JoinHandle<()>,
    /// Frames read while something else was awaited.
    queued: VecDeque<Value>,
    next_id: u64,
}

/// How the server ended it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Client {
    async fn ws(&mut self) -> &mut WebSocketStream<DuplexStream> {
        if let Some(near) = self.near.take() {
            self.ws = Some(WebSocketStream::from_raw_socket(near, End::Client, None).await);
        }
        self.ws.as_mut().unwrap()
    }

    /// The pipe itself, for what no well-behaved client sends.
    pub(crate) fn into_pipe(self) -> DuplexStream {
        self.near.expect("nothing was read or sent yet")
    }

    /// Both directions apart, for a client that writes without reading.
    pub(crate) fn split(
        self,
    ) -> (SplitSink<WebSocketStream<DuplexStream>, Message>, SplitStream<WebSocketStream<DuplexStream>>) {
        self.ws.expect("something was read or sent before").split()
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        let ws = self.ws().await;
        tokio::time::timeout(PATIENCE, ws.send(message)).await.expect("the server takes it").unwrap();
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    async fn read(&mut self) -> Result<Value, Closed> {
        let ws = self.ws().await;
        loop {
            match tokio::time::timeout(PATIENCE, ws.next()).await.expect("something comes") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    // Answers the close; the other end must see it through.
                    while let Some(Ok(_)) = ws.next().await {}
                    return Err(Closed { code: frame.code.into(), reason: frame.reason.to_string() });
                }
                Some(Ok(Message::Close(None))) => return Err(Closed { code: 1005, reason: String::new() }),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed { code: 1006, reason: String::new() }),
            }
        }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.queued.pop_front() {
            Some(frame) => frame,
            None => self.read().await.unwrap_or_else(|closed| panic!("closed: {closed:?}")),
        }
    }

    /// How it is closed, whatever comes before; and that the server is done with it.
    pub(crate) async fn closed(mut self) -> Closed {
        let closed = loop {
            if let Err(closed) = self.read().await {
                break closed;
            }
        };
        self.ws = None;
        tokio::time::timeout(PATIENCE, self.served).await.expect("the session ends").unwrap();
        closed
    }

    /// Everything that comes before the close, with it.
    pub(crate) async fn rest(mut self) -> (Vec<Value>, Closed) {
        let mut frames = Vec::from(std::mem::take(&mut self.queued));
        loop {
            match self.read().await {
                Ok(frame) => frames.push(frame),
                Err(closed) => return (frames, closed),
            }
        }
    }

    /// The first frame that is like this, among those put aside and those to come; the others are kept.
    pub(crate) async fn find(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        if let Some(at) = self.queued.iter().position(&mut is_it) {
            return self.queued.remove(at).unwrap();
        }
        loop {
            match self.read().await {
                Ok(frame) if is_it(&frame) => return frame,
                Ok(frame) => self.queued.push_back(frame),
                Err(closed) => panic!("closed: {closed:?}, before it came; had {} others", self.queued.len()),
            }
        }
    }

    /// The next event of that name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.find(|frame| frame["ev"] == name).await
    }

    /// The answer to the command of that id.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        self.find(|frame| frame["id"] == id).await
    }

    /// Sends a command without waiting; answers its id.
    pub(crate) async fn command(&mut self, op: &str, channel: Option<ChannelId>, d: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut frame = json!({ "id": id, "op": op });
        if let Some(channel) = channel {
            frame["ch"] = json!(channel);
        }
        if !d.is_null() {
            frame["d"] = d;
        }
        self.send(frame).await;
        id
    }

    /// Sends a command and waits for its whole answer.
    pub(crate) async fn ask(&mut self, op: &str, channel: Option<ChannelId>, d: Value) -> Value {
        let id = self.command(op, channel, d).await;
        self.answer(id).await
    }

    /// The `ok` of a command.
    pub(crate) async fn ok(&mut self, op: &str, channel: Option<ChannelId>, d: Value) -> Value {
        let mut answer = self.ask(op, channel, d).await;
        assert!(answer.get("err").is_none(), "{op}: {answer}");
        answer["ok"].take()
    }

    /// The code of a refused command.
    pub(crate) async fn err(&mut self, op: &str, channel: Option<ChannelId>, d: Value) -> String {
        let answer = self.ask(op, channel, d).await;
        answer["err"]["code"].as_str().unwrap_or_else(|| panic!("{op}: {answer}")).to_owned()
    }

    /// `send` with that key and text.
    pub(crate) async fn say(&mut self, channel: ChannelId, key: &str, text: &str) -> Value {
        self.ok("send", Some(channel), json!({ "key": key, "text": text })).await
    }

    /// Everything that was put aside or has come once an answer to a later command is here.
    pub(crate) async fn settle(&mut self) -> Vec<Value> {
        let id = self.command("pong", None, Value::Null).await;
        self.answer(id).await;
        Vec::from(std::mem::take(&mut self.queued))
    }
}
