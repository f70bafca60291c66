//! Floor 4: `charge seed`: a demo room with people, channels and messages.
//!
//! Owns the order of things; running it again adds only what is missing. Never touches anybody else's room and never
//! runs in production.

mod script;

use std::{collections::HashMap, time::SystemTime};

use crate::{
    app::{AppError, public_url, store_options},
    auth::Passwords,
    config::{Config, Environment},
    domain::{
        ChannelId, ChannelName, DisplayName, IdempotencyKey, InviteToken, MessageId, MessageText, NameError, Password,
        Role, RoomId, RoomTitle, Slug, Timestamp, Topic, UserId, Username, mention,
        wire::{ChannelKind, Topology},
    },
    metrics::Metrics,
    secrets::DataDir,
    store::{Appended, Change, ChannelChange, InviteRecord, LogWrite, NewRoom, NewUser, RoomChange, RoomRecord, Store},
    terminal::say,
};
use script::{CHANNELS, LINES, Line, PEOPLE, ROOM};

/// Bytes of randomness in the owner's password.
const PASSWORD_BYTES: usize = 12;
/// Bytes of randomness in the invite.
const INVITE_BYTES: usize = 16;
/// Longest text of the script, in characters.
const TEXT_MAX: usize = 2_000;

/// Fills the database and prints how to get in.
///
/// # Errors
/// In production, while a server runs on this data, when the room's address belongs to others; those of the store.
pub async fn seed(config: &Config) -> Result<(), AppError> {
    if config.settings.server.environment == Environment::Production {
        return Err(AppError::Refused("seed makes demo accounts and does not run in production".to_owned()));
    }
    // The server keeps heads of channels in memory: nobody else may write to the log beside it.
    let _alone = DataDir::open(&config.settings.server.data_dir)?;
    let metrics = Metrics::new().map_err(|error| AppError::Metrics(error.to_string()))?;
    let (store, mut committed) = Store::open(&store_options(&config.settings), &metrics).await?;
    tokio::spawn(async move { while committed.recv().await.is_some() {} });
    let seeding = Seeding {
        store: store.clone(),
        passwords: Passwords::for_this_machine(metrics.password_hashes.clone())?,
        now: Timestamp::from_system(SystemTime::now()),
        people: HashMap::new(),
    };
    let done = seeding.run(config).await;
    store.close().await;
    done
}

struct Seeding {
    store: Store,
    passwords: Passwords,
    now: Timestamp,
    people: HashMap<&'static str, UserId>,
}

/// The script is ours: a name in it that does not parse is a defect, told like any other failure.
fn defect(error: NameError) -> AppError {
    AppError::Refused(format!("the demo script: {error}"))
}

impl Seeding {
    async fn run(mut self, config: &Config) -> Result<(), AppError> {
        let url = public_url(&config.settings, config.settings.server.listen)?;
        let password = self.owner().await?;
        let room = self.room().await?;
        let invite = self.invite(room.id).await?;
        self.join(&invite).await?;
        let channels = self.channels(room.id).await?;
        let written = self.lines(&channels).await?;
        say(&format!("Room {} with {} people; {written} messages are new.", room.title, self.people.len()));
        match (&password, PEOPLE.first()) {
            (Some(password), Some(owner)) => {
                say(&format!("Sign in as `{}` with the password `{password}` (shown this once).", owner.username));
            }
            (None, Some(owner)) => {
                say(&format!("`charge admin reset-password {}` makes a new password for its owner.", owner.username));
            }
            _ => {}
        }
        say(&format!("Come in as a guest: {}", url.join(&format!("/i/{invite}"))));
        Ok(())
    }

    /// Makes the owner where missing; the password is answered only then.
    async fn owner(&mut self) -> Result<Option<String>, AppError> {
        let Some(owner) = PEOPLE.first() else { return Ok(None) };
        let username = Username::parse(owner.username).map_err(defect)?;
        if let Some(user) = self.store.user_by_name(&username).await? {
            self.people.insert(owner.username, user.id);
            return Ok(None);
        }
        let password = turn_secret::keyring::random_secret(PASSWORD_BYTES);
        let hash = self.passwords.hash(Password::parse(&password).map_err(defect)?).await?;
        let user = self.store.create_user(self.new_user(owner, Some(hash))?).await?;
        self.people.insert(owner.username, user.id);
        Ok(Some(password))
    }

    fn new_user(&self, person: &script::Person, password_hash: Option<String>) -> Result<NewUser, AppError> {
        Ok(NewUser {
            id: UserId::fresh(),
            username: Username::parse(person.username).map_err(defect)?,
            display_name: DisplayName::parse(person.name).map_err(defect)?,
            password_hash,
            guest: person.guest,
            created_at: self.now,
        })
    }

    async fn room(&self) -> Result<RoomRecord, AppError> {
        let (slug, title, topic) = ROOM;
        let owner = self.somebody(PEOPLE.first().map_or("", |owner| owner.username))?;
        let slug = Slug::parse(slug).map_err(defect)?;
        if let Some((room, role)) = self.store.room_for(&slug, owner).await? {
            return if role == Role::Owner { Ok(room) } else { Err(others(&slug)) };
        }
        let title = RoomTitle::parse(title).map_err(defect)?;
        let new = NewRoom { id: RoomId::fresh(), slug: slug.clone(), title, owner, created_at: self.now };
        let room = self.store.create_room(new).await.map_err(|error| match error {
            crate::store::StoreError::Taken(_) => others(&slug),
            error => error.into(),
        })?;
        let topic = Some(Some(Topic::parse(topic).map_err(defect)?));
        Ok(self.store.update_room(room.id, RoomChange { topic, ..RoomChange::default() }).await?)
    }

    /// A link into the room that does not end; the one there is, or a new one.
    async fn invite(&self, room: RoomId) -> Result<InviteToken, AppError> {
        let live = self.store.invites_of(room, self.now).await?;
        let lasting = |invite: &InviteRecord| invite.max_uses.is_none() && invite.expires_at.is_none();
        if let Some(invite) = live.into_iter().find(lasting) {
            return Ok(invite.token);
        }
        let token = InviteToken::parse(&turn_secret::keyring::random_secret(INVITE_BYTES)).map_err(defect)?;
        let created_by = self.somebody(PEOPLE.first().map_or("", |owner| owner.username))?;
        let invite = InviteRecord {
            token: token.clone(),
            room,
            created_by,
            role: Role::Member,
            uses: 0,
            max_uses: None,
            expires_at: None,
            created_at: self.now,
        };
        self.store.create_invite(invite).await?;
        Ok(token)
    }

    /// The others: accounts nobody can sign in to until `reset-password`, and a guest.
    async fn join(&mut self, invite: &InviteToken) -> Result<(), AppError> {
        for person in PEOPLE.iter().skip(1) {
            let username = Username::parse(person.username).map_err(defect)?;
            let known = self.store.user_by_name(&username).await?;
            let id = match known {
                Some(user) => user.id,
                None if person.guest => {
                    let guest = self.new_user(person, None)?;
                    self.store.accept_invite_as_guest(invite, guest, self.now).await?.0.id
                }
                None => self.store.create_user(self.new_user(person, None)?).await?.id,
            };
            if !person.guest {
                self.store.accept_invite(invite, id, self.now).await?;
            }
            self.people.insert(person.username, id);
        }
        Ok(())
    }

    async fn channels(&self, room: RoomId) -> Result<HashMap<String, ChannelId>, AppError> {
        let mut known: HashMap<String, ChannelId> = HashMap::new();
        for channel in self.store.channels_of(room).await? {
            known.insert(channel.name.to_string(), channel.id);
        }
        for place in CHANNELS {
            if known.contains_key(place.name) {
                continue;
            }
            let name = ChannelName::parse(place.name).map_err(defect)?;
            let (kind, topology) =
                if place.voice { (ChannelKind::Voice, Some(Topology::Forwarded)) } else { (ChannelKind::Text, None) };
            let channel = self.store.create_channel(room, &name, kind, topology, self.now).await?;
            if let Some(topic) = place.topic {
                let topic = Some(Some(Topic::parse(topic).map_err(defect)?));
                self.store.update_channel(channel.id, ChannelChange { topic, ..ChannelChange::default() }).await?;
            }
            known.insert(channel.name.to_string(), channel.id);
        }
        Ok(known)
    }

    /// Writes the script's lines; answers how many were new. Reactions and pins belong to a new line only, so that what
    /// people did since stays.
    async fn lines(&self, channels: &HashMap<String, ChannelId>) -> Result<usize, AppError> {
        let mut seqs: HashMap<&str, u64> = HashMap::new();
        let mut written = 0usize;
        for line in LINES {
            // A channel that was renamed or deleted takes its lines with it.
            let Some(channel) = channels.get(line.channel).copied() else { continue };
            let reply_to = line.reply_to.and_then(|key| seqs.get(key).copied());
            let message = MessageId::fresh();
            match self.write(channel, line.by, line, send(message, line, reply_to)?).await? {
                Appended::Logged(event) => seqs.insert(line.key, event.seq),
                Appended::Duplicate(known) => {
                    seqs.insert(line.key, known.seq);
                    continue;
                }
                Appended::Unchanged(_) => continue,
            };
            written = written.saturating_add(1);
            for (by, emoji) in line.reactions {
                let change = Change::React { message, emoji: (*emoji).to_owned(), add: true };
                self.write(channel, by, line, change).await?;
            }
            if line.pinned {
                self.write(channel, line.by, line, Change::Pin { message, add: true }).await?;
            }
        }
        Ok(written)
    }

    async fn write(&self, channel: ChannelId, by: &str, line: &Line, change: Change) -> Result<Appended, AppError> {
        let at = self.now.plus_seconds(line.minutes.saturating_mul(-60));
        Ok(self.store.append(LogWrite { channel, by: self.somebody(by)?, at, change }).await?)
    }

    fn somebody(&self, username: &str) -> Result<UserId, AppError> {
        let known = self.people.get(username).copied();
        known
            .ok_or_else(|| AppError::Refused(format!("the demo script names `{username}`, whom it does not introduce")))
    }
}

fn others(slug: &Slug) -> AppError {
    AppError::Refused(format!("there is a room `{slug}` of somebody else; seed leaves it alone"))
}

fn send(id: MessageId, line: &Line, reply_to: Option<u64>) -> Result<Change, AppError> {
    Ok(Change::Send {
        id,
        key: IdempotencyKey::parse(&format!("seed-{}", line.key)).map_err(defect)?,
        text: MessageText::parse(line.text, TEXT_MAX).map_err(defect)?,
        reply_to,
        mentions: mention::mentions(line.text).usernames.into_iter().collect(),
        mentions_all: false,
    })
}
