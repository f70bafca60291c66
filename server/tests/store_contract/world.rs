//! A fresh store and the people in it.
//!
//! Owns set-up only. Never asserts what a test is about.

use std::{
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use charge::{
    domain::{
        AuthSessionId, ChannelId, ChannelLetter, DisplayName, IdempotencyKey, InviteToken, MessageId, MessageText,
        Role, RoomId, RoomTitle, Slug, Timestamp, UserId, Username,
        wire::{LogBody, LogEvent, Message},
    },
    metrics::Metrics,
    store::{
        Appended, Change, InviteRecord, LogWrite, NewAuthSession, NewRoom, NewUser, RoomRecord, Store, StoreError,
        StoreOptions, UserRecord,
    },
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// An opened store, what it published so far, and where it lives.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) options: StoreOptions,
    published: JoinHandle<Vec<LogEvent>>,
    dir: Option<TempDir>,
    clock: AtomicI64,
}

/// SQLite in a directory of its own.
pub(crate) async fn sqlite() -> World {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::in_dir(dir.path());
    World::open(options, Some(dir)).await
}

/// SQLite in a directory that outlives it.
pub(crate) async fn sqlite_at(dir: &Path, busy_timeout: Duration) -> World {
    World::open(StoreOptions { busy_timeout, ..StoreOptions::in_dir(dir) }, None).await
}

impl World {
    async fn open(options: StoreOptions, dir: Option<TempDir>) -> Self {
        let metrics = Metrics::new().unwrap();
        let (store, mut committed) = Store::open(&options, &metrics).await.unwrap();
        let published = tokio::spawn(async move {
            let mut all = Vec::new();
            while let Some(batch) = committed.recv().await {
                assert!(!batch.is_empty(), "an empty batch was published");
                all.extend(batch);
            }
            all
        });
        Self { store, metrics, options, published, dir, clock: AtomicI64::new(1_700_000_000_000) }
    }

    /// Closes, and leaves the directory to the caller.
    pub(crate) async fn close_keeping(self) -> TempDir {
        self.store.close().await;
        self.dir.unwrap()
    }

    /// Closes, and answers everything published.
    pub(crate) async fn finish(self) -> Vec<LogEvent> {
        self.store.close().await;
        drop(self.store);
        self.published.await.unwrap()
    }

    /// Drops the store without closing it, and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        drop(self.store);
        self.published.await.unwrap();
        Self::open(self.options, self.dir).await
    }

    /// Later than every moment before.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.fetch_add(1000, Ordering::Relaxed))
    }

    pub(crate) fn new_user(&self, name: &str, guest: bool) -> NewUser {
        NewUser {
            id: UserId::fresh(),
            username: Username::parse(name).unwrap(),
            display_name: DisplayName::parse(&format!("{name} the person")).unwrap(),
            password_hash: (!guest).then(|| format!("hash of {name}")),
            guest,
            created_at: self.now(),
        }
    }

    pub(crate) async fn user(&self, name: &str) -> UserRecord {
        self.store.create_user(self.new_user(name, false)).await.unwrap()
    }

    pub(crate) fn new_room(&self, owner: UserId, slug: &str) -> NewRoom {
        NewRoom {
            id: RoomId::fresh(),
            slug: Slug::parse(slug).unwrap(),
            title: RoomTitle::parse("A room").unwrap(),
            owner,
            created_at: self.now(),
        }
    }

    /// A room and its text channel.
    pub(crate) async fn room(&self, owner: UserId, slug: &str) -> (RoomRecord, ChannelId) {
        let room = self.store.create_room(self.new_room(owner, slug)).await.unwrap();
        let channels = self.store.channels_of(room.id).await.unwrap();
        let text = channels.iter().find(|channel| channel.letter == letter("a")).unwrap();
        let id = text.id;
        (room, id)
    }

    pub(crate) fn new_invite(&self, room: RoomId, by: UserId) -> InviteRecord {
        InviteRecord {
            token: InviteToken::parse(&format!("invite-{}", RoomId::fresh().0.simple())).unwrap(),
            room,
            created_by: by,
            role: Role::Member,
            uses: 0,
            max_uses: None,
            expires_at: None,
            created_at: self.now(),
        }
    }

    /// Brings somebody in by an invite of the owner's.
    pub(crate) async fn join(&self, room: RoomId, owner: UserId, user: UserId) {
        let invite = self.new_invite(room, owner);
        self.store.create_invite(invite.clone()).await.unwrap();
        let accepted = self.store.accept_invite(&invite.token, user, self.now()).await.unwrap();
        assert!(accepted.joined);
    }

    pub(crate) fn write(&self, channel: ChannelId, by: UserId, change: Change) -> LogWrite {
        LogWrite { channel, by, at: self.now(), change }
    }

    pub(crate) fn sending(&self, channel: ChannelId, by: UserId, key: &str, text: &str) -> LogWrite {
        self.write(channel, by, send(key, text, None))
    }

    /// A message with a key of its own.
    pub(crate) async fn say(&self, channel: ChannelId, by: UserId, text: &str) -> Message {
        let key = MessageId::fresh().to_string();
        said(self.store.append(self.sending(channel, by, &key, text)).await.unwrap())
    }

    pub(crate) async fn change(&self, channel: ChannelId, by: UserId, change: Change) -> Result<Appended, StoreError> {
        self.store.append(self.write(channel, by, change)).await
    }

    pub(crate) async fn sign_in(&self, user: UserId) -> NewAuthSession {
        let now = self.now();
        let session = NewAuthSession {
            id: AuthSessionId::fresh(),
            user,
            created_at: now,
            expires_at: now.plus_seconds(3600),
            user_agent: "a browser".to_owned(),
            address: "192.0.2.1".to_owned(),
        };
        self.store.open_auth_session(session.clone()).await.unwrap();
        session
    }
}

pub(crate) fn letter(text: &str) -> ChannelLetter {
    ChannelLetter::parse(text).unwrap()
}

pub(crate) fn send(key: &str, text: &str, reply_to: Option<u64>) -> Change {
    Change::Send {
        id: MessageId::fresh(),
        key: IdempotencyKey::parse(key).unwrap(),
        text: MessageText::parse(text, 2000).unwrap(),
        reply_to,
        mentions: Vec::new(),
        mentions_all: false,
    }
}

pub(crate) fn edit(message: MessageId, text: &str) -> Change {
    Change::Edit { message, text: MessageText::parse(text, 2000).unwrap() }
}

pub(crate) fn react(message: MessageId, emoji: &str, add: bool) -> Change {
    Change::React { message, emoji: emoji.to_owned(), add }
}

/// The event of a write that took a seq.
pub(crate) fn logged(appended: Appended) -> LogEvent {
    match appended {
        Appended::Logged(event) => event,
        other => panic!("not logged: {other:?}"),
    }
}

/// The message of a send that took a seq.
pub(crate) fn said(appended: Appended) -> Message {
    match logged(appended).body {
        LogBody::MessageNew(message) => message,
        other => panic!("not a message: {other:?}"),
    }
}
