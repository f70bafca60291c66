//! Floor 1: the one place that speaks SQL.
//!
//! Owns every statement, transaction and migration. Never knows HTTP, sockets or permissions: callers have asked
//! [`crate::domain::access`] before. `Store` hides the backend (SQLite now; PostgreSQL joins behind the same methods
//! and the same contract suite).

pub mod error;
pub mod migrations;
pub mod records;
mod sqlite;
mod writer;

pub use error::StoreError;
pub use records::*;

use std::{path::PathBuf, sync::Arc, time::Duration};

use prometheus::IntCounter;
use tokio::sync::mpsc;

use crate::{
    domain::{
        AuthSessionId, ChannelId, ChannelLetter, ChannelName, InviteToken, MessageId, Role, RoomId, Slug, Timestamp,
        UserId, Username,
        wire::{ChannelKind, LogEvent, Message, Topology},
    },
    metrics::Metrics,
};
use sqlite::Sqlite;

/// What every store method answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://path` (PostgreSQL comes later).
    pub url: String,
    /// How long a statement waits for a lock before it fails, e.g. 5 s.
    pub busy_timeout: Duration,
}

impl StoreOptions {
    /// The SQLite file `charge.db` in `dir`.
    #[must_use]
    pub fn in_dir(dir: &std::path::Path) -> Self {
        let path: PathBuf = dir.join("charge.db");
        Self { url: format!("sqlite://{}", path.display()), busy_timeout: Duration::from_secs(5) }
    }
}

/// What one commit wrote, in seq order within each channel: published as a unit, after the commit, exactly once.
pub type Committed = mpsc::Receiver<Vec<LogEvent>>;

/// The database. Cheap to clone; the writer ends with the last clone, or with [`Store::close`].
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    epoch: Arc<str>,
    errors: IntCounter,
}

/// Which database is behind: one variant per engine, each with every method.
#[derive(Clone)]
enum Backend {
    Sqlite(Arc<Sqlite>),
}

/// Calls the backend's method; failed reads are counted here, failed commits by the writer.
macro_rules! read {
    ($store:expr, $($call:tt)*) => {{
        let answer = change!($store, $($call)*);
        if let Err(StoreError::Unavailable(_) | StoreError::Corrupt(_)) = &answer {
            $store.errors.inc();
        }
        answer
    }};
}
macro_rules! change {
    ($store:expr, $($call:tt)*) => {
        match &$store.backend {
            Backend::Sqlite(db) => db.$($call)*.await,
        }
    };
}

impl Store {
    // --- life ---------------------------------------------------------------------------------------------------

    /// Opens (creating where missing), applies pending migrations, starts the writer.
    ///
    /// The receiver yields each commit's log events; when nobody reads it the writer waits (bounded).
    pub async fn open(options: &StoreOptions, metrics: &Metrics) -> Result<(Self, Committed)> {
        let (db, epoch, committed) = Sqlite::open(options, metrics).await?;
        let backend = Backend::Sqlite(Arc::new(db));
        Ok((Self { backend, epoch: epoch.into(), errors: metrics.store_errors.clone() }, committed))
    }
    /// Commits what is queued and closes; from then on writes are [`StoreError::Unavailable`]. Idempotent.
    pub async fn close(&self) {
        change!(self, close());
    }
    /// A write and a read that prove the database works (readiness); cheap.
    pub async fn check(&self) -> Result<()> {
        change!(self, check())
    }
    /// The log's epoch: changes when history is restored from a backup.
    pub fn epoch(&self) -> String {
        self.epoch.to_string()
    }
    /// A small server-wide value (`setup_token_hash`, ...).
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        read!(self, setting(name))
    }
    /// Sets it; `None` removes it.
    pub async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<()> {
        change!(self, set_setting(name, value))
    }
    /// Removes the setting if it has that value: true for exactly one caller (the setup token is spent once).
    pub async fn take_setting(&self, name: &str, value: &str) -> Result<bool> {
        change!(self, take_setting(name, value))
    }
    /// Removes the setting if it has that value and makes `user` the server's admin, both or neither: true for exactly one
    /// caller. [`StoreError::Missing`] for nobody or an anonymised account, and nothing is spent.
    pub async fn claim_admin(&self, name: &str, value: &str, user: UserId) -> Result<bool> {
        change!(self, claim_admin(name, value, user))
    }

    // --- users --------------------------------------------------------------------------------------------------

    /// [`StoreError::Taken`]`("username")` when the name is in use.
    pub async fn create_user(&self, user: NewUser) -> Result<UserRecord> {
        change!(self, create_user(user))
    }
    /// The account, anonymised ones included.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRecord>> {
        read!(self, user(id))
    }
    /// The account of that name.
    pub async fn user_by_name(&self, name: &Username) -> Result<Option<UserRecord>> {
        read!(self, user_by_name(name))
    }
    /// All accounts, oldest first, after `after`, for `charge admin users` and the admin API.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>> {
        read!(self, users(after, limit))
    }
    /// How many accounts there are, guests included, anonymised ones not.
    pub async fn user_count(&self) -> Result<u64> {
        read!(self, user_count())
    }
    /// Whether somebody is the server's admin.
    pub async fn has_admin(&self) -> Result<bool> {
        read!(self, has_admin())
    }
    /// Sets what is `Some`; `settings` replaces the JSON object.
    pub async fn update_user(&self, id: UserId, change: UserChange) -> Result<UserRecord> {
        change!(self, update_user(id, change))
    }
    /// Sets the hash; [`StoreError::Missing`] for nobody or an anonymised account.
    pub async fn set_password(&self, id: UserId, password_hash: &str) -> Result<()> {
        change!(self, set_password(id, password_hash))
    }
    /// Makes or unmakes the server's admin; [`StoreError::Missing`] for nobody or an anonymised account.
    pub async fn set_admin(&self, id: UserId, admin: bool) -> Result<()> {
        change!(self, set_admin(id, admin))
    }
    /// A guest becomes an account: username, password; guest memberships become `member`. [`StoreError::Taken`].
    pub async fn upgrade_guest(&self, id: UserId, username: &Username, password_hash: &str) -> Result<UserRecord> {
        change!(self, upgrade_guest(id, username, password_hash))
    }
    /// Anonymises: name "deleted user", no password, memberships and sessions removed; messages stay. Refused with
    /// [`StoreError::Conflict`]`("owns_rooms")` while they own a room with other members; a room of theirs alone goes with them.
    /// Answers the rooms they were in.
    pub async fn delete_user(&self, id: UserId) -> Result<Vec<RoomId>> {
        change!(self, delete_user(id))
    }

    // --- sign-ins (families of refresh tokens) ------------------------------------------------------------------

    /// Stores it, and forgets the user's expired ones.
    pub async fn open_auth_session(&self, session: NewAuthSession) -> Result<()> {
        change!(self, open_auth_session(session))
    }
    /// Compare-and-set of the family's generation; see [`Rotation`].
    pub async fn rotate_auth_session(
        &self,
        id: AuthSessionId,
        generation: u64,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rotation> {
        change!(self, rotate_auth_session(id, generation, now, expires_at))
    }
    /// Whether access tokens of this sign-in are still good, and whose it is. Hot path: one primary-key read.
    pub async fn auth_session(&self, id: AuthSessionId) -> Result<Option<AuthSessionRecord>> {
        read!(self, auth_session(id))
    }
    /// Those not ended, newest first.
    pub async fn auth_sessions_of(&self, user: UserId) -> Result<Vec<AuthSessionRecord>> {
        read!(self, auth_sessions_of(user))
    }
    /// Idempotent.
    pub async fn revoke_auth_session(&self, id: AuthSessionId) -> Result<()> {
        change!(self, revoke_auth_session(id))
    }
    /// All of a user but `keep`; answers the ones ended.
    pub async fn revoke_auth_sessions_of(
        &self,
        user: UserId,
        keep: Option<AuthSessionId>,
    ) -> Result<Vec<AuthSessionId>> {
        change!(self, revoke_auth_sessions_of(user, keep))
    }

    // --- rooms --------------------------------------------------------------------------------------------------

    /// The room, its owner's membership, text channel `a` and voice channel `b`. [`StoreError::Taken`]`("slug")`.
    pub async fn create_room(&self, room: NewRoom) -> Result<RoomRecord> {
        change!(self, create_room(room))
    }
    /// The room.
    pub async fn room(&self, id: RoomId) -> Result<Option<RoomRecord>> {
        read!(self, room(id))
    }
    /// By slug, with what `user` is in it; `None` when there is no such room OR they are no member.
    pub async fn room_for(&self, slug: &Slug, user: UserId) -> Result<Option<(RoomRecord, Role)>> {
        read!(self, room_for(slug, user))
    }
    /// In the order they were joined.
    pub async fn rooms_of(&self, user: UserId) -> Result<Vec<(RoomRecord, Role)>> {
        read!(self, rooms_of(user))
    }
    /// How many rooms they own.
    pub async fn rooms_owned(&self, user: UserId) -> Result<u32> {
        read!(self, rooms_owned(user))
    }
    /// Sets what is `Some`; [`StoreError::Missing`].
    pub async fn update_room(&self, id: RoomId, change: RoomChange) -> Result<RoomRecord> {
        change!(self, update_room(id, change))
    }
    /// With its channels, members and invites; [`StoreError::Missing`].
    pub async fn delete_room(&self, id: RoomId) -> Result<()> {
        change!(self, delete_room(id))
    }

    // --- channels -----------------------------------------------------------------------------------------------

    /// With the next free letter; [`StoreError::Full`] when all 26 are in use.
    pub async fn create_channel(
        &self,
        room: RoomId,
        name: &ChannelName,
        kind: ChannelKind,
        topology: Option<Topology>,
        now: Timestamp,
    ) -> Result<ChannelRecord> {
        change!(self, create_channel(room, name, kind, topology, now))
    }
    /// The channel.
    pub async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>> {
        read!(self, channel(id))
    }
    /// The channel and what `user` is in its room; `None` when missing or not a member.
    pub async fn channel_for(&self, id: ChannelId, user: UserId) -> Result<Option<(ChannelRecord, Role)>> {
        read!(self, channel_for(id, user))
    }
    /// In order of letters.
    pub async fn channels_of(&self, room: RoomId) -> Result<Vec<ChannelRecord>> {
        read!(self, channels_of(room))
    }
    /// The same with `head`, `unread`, `mentions` for `user`.
    pub async fn channels_for(&self, room: RoomId, user: UserId) -> Result<Vec<(ChannelRecord, Unread)>> {
        read!(self, channels_for(room, user))
    }
    /// Sets what is `Some`; [`StoreError::Missing`].
    pub async fn update_channel(&self, id: ChannelId, change: ChannelChange) -> Result<ChannelRecord> {
        change!(self, update_channel(id, change))
    }
    /// Its log and messages go too; the letter is free again.
    pub async fn delete_channel(&self, room: RoomId, letter: ChannelLetter) -> Result<Option<ChannelRecord>> {
        change!(self, delete_channel(room, letter))
    }

    // --- members and invites ------------------------------------------------------------------------------------

    /// The membership.
    pub async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRecord>> {
        read!(self, member(room, user))
    }
    /// By join time then id, after `after` (a user id of the page before).
    pub async fn members(&self, room: RoomId, after: Option<UserId>, limit: u32) -> Result<Vec<MemberRecord>> {
        read!(self, members(room, after, limit))
    }
    /// How many members there are.
    pub async fn member_count(&self, room: RoomId) -> Result<u64> {
        read!(self, member_count(room))
    }
    /// False when they were none. The invites they made are revoked. [`StoreError::Conflict`]`("owner")` for the owner.
    pub async fn remove_member(&self, room: RoomId, user: UserId) -> Result<bool> {
        change!(self, remove_member(room, user))
    }
    /// `Owner` transfers: the old owner becomes admin in the same transaction. The invites that somebody made and could not
    /// make in a lower role are revoked. [`StoreError::Missing`] for somebody who is no member,
    /// [`StoreError::Conflict`]`("owner")` for the owner themselves: a room is never without one.
    pub async fn set_role(&self, room: RoomId, user: UserId, role: Role) -> Result<()> {
        change!(self, set_role(room, user, role))
    }
    /// [`StoreError::Full`] past `INVITES_PER_ROOM` live ones.
    pub async fn create_invite(&self, invite: InviteRecord) -> Result<()> {
        change!(self, create_invite(invite))
    }
    /// Also an expired or used up one; not a revoked one.
    pub async fn invite(&self, token: &InviteToken) -> Result<Option<InviteRecord>> {
        read!(self, invite(token))
    }
    /// Live ones, newest first.
    pub async fn invites_of(&self, room: RoomId, now: Timestamp) -> Result<Vec<InviteRecord>> {
        read!(self, invites_of(room, now))
    }
    /// False when there is none or it was revoked before.
    pub async fn revoke_invite(&self, room: RoomId, token: &InviteToken) -> Result<bool> {
        change!(self, revoke_invite(room, token))
    }
    /// Joins by invite: checks expiry and uses, counts one use, adds the member, all or nothing. A member already in
    /// keeps their role and uses nothing up. What was said before is not unread to them: read markers start at the heads.
    /// [`StoreError::Missing`] for a token that never was, [`StoreError::Gone`] when expired, used up or revoked.
    pub async fn accept_invite(&self, token: &InviteToken, user: UserId, now: Timestamp) -> Result<Accepted> {
        change!(self, accept_invite(token, user, now))
    }
    /// The same for a new guest: user and membership in one transaction, so that a failure leaves no orphan.
    pub async fn accept_invite_as_guest(
        &self,
        token: &InviteToken,
        guest: NewUser,
        now: Timestamp,
    ) -> Result<(UserRecord, Accepted)> {
        change!(self, accept_invite_as_guest(token, guest, now))
    }

    // --- the log ------------------------------------------------------------------------------------------------

    /// Queues one durable write for the next commit and waits for it. `Ok` means committed and on disk.
    /// [`StoreError::Overloaded`] when the queue is full, [`StoreError::Unavailable`] when the commit failed: nothing was
    /// stored, the same key may be sent again. Permissions were checked by the caller.
    pub async fn append(&self, write: LogWrite) -> Result<Appended> {
        change!(self, append(write))
    }
    /// The newest seq of a channel (0 = empty); [`StoreError::Missing`] when there is none.
    pub async fn head(&self, channel: ChannelId) -> Result<u64> {
        read!(self, head(channel))
    }
    /// Log entries after `after`, oldest first, at most `limit`: `message.new` carries the text as it is now (or a
    /// tombstone) with no reactions and unpinned, since their own entries follow.
    pub async fn log_after(&self, channel: ChannelId, after: u64, limit: u32) -> Result<Vec<LogEvent>> {
        read!(self, log_after(channel, after, limit))
    }
    /// A page of messages as they are now for `user`, oldest first; see [`HistoryRange`].
    pub async fn history(&self, channel: ChannelId, user: UserId, range: HistoryRange) -> Result<HistoryPage> {
        read!(self, history(channel, user, range))
    }
    /// The message as it is now for `user`.
    pub async fn message(&self, id: MessageId, user: UserId) -> Result<Option<Message>> {
        read!(self, message(id, user))
    }
    /// Moves the read marker forward (never back, never past the head).
    pub async fn mark_read(&self, channel: ChannelId, user: UserId, upto: u64) -> Result<Unread> {
        change!(self, mark_read(channel, user, upto))
    }
    /// Their counts there; [`StoreError::Missing`] for a channel that is gone.
    pub async fn unread(&self, channel: ChannelId, user: UserId) -> Result<Unread> {
        read!(self, unread(channel, user))
    }
}
