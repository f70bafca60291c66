//! Floor 1: the one place that speaks SQL.
//!
//! Owns every statement, transaction and migration. Never knows HTTP, sockets or permissions: callers have asked
//! [`crate::domain::access`] before. `Store` hides the backend (SQLite now; PostgreSQL joins behind the same methods
//! and the same contract suite).

pub mod error;
pub mod records;

pub use error::StoreError;
pub use records::*;

use std::{path::PathBuf, time::Duration};

use tokio::sync::mpsc;

use crate::{
    domain::{
        AuthSessionId, ChannelId, ChannelLetter, ChannelName, DisplayName, InviteToken, MessageId, Role, RoomId,
        RoomTitle, Slug, Timestamp, Topic, UserId, Username,
        wire::{ChannelKind, LogEvent, Message, Topology},
    },
    metrics::Metrics,
};

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

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

#[allow(unused_variables, clippy::todo, clippy::unused_async)]
impl Store {
    // --- life ---------------------------------------------------------------------------------------------------

    /// Opens (creating where missing), applies pending migrations, starts the writer.
    ///
    /// The receiver yields each commit's log events; when nobody reads it the writer waits (bounded).
    pub async fn open(options: &StoreOptions, metrics: &Metrics) -> Result<(Self, Committed)> {
        todo!()
    }
    /// Flushes what is queued and closes.
    pub async fn close(&self) {
        todo!()
    }
    /// A write and a read that prove the database works (readiness); cheap.
    pub async fn check(&self) -> Result<()> {
        todo!()
    }
    /// The log's epoch: changes when history is restored from a backup.
    pub fn epoch(&self) -> String {
        todo!()
    }
    /// A small server-wide value (`setup_token_hash`, ...).
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        todo!()
    }
    /// Sets it; `None` removes it.
    pub async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<()> {
        todo!()
    }
    /// Removes the setting if it has that value: true for exactly one caller (the setup token is spent once).
    pub async fn take_setting(&self, name: &str, value: &str) -> Result<bool> {
        todo!()
    }

    // --- users --------------------------------------------------------------------------------------------------

    /// [`StoreError::Taken`]`("username")` when the name is in use.
    pub async fn create_user(&self, user: NewUser) -> Result<UserRecord> {
        todo!()
    }
    pub async fn user(&self, id: UserId) -> Result<Option<UserRecord>> {
        todo!()
    }
    pub async fn user_by_name(&self, name: &Username) -> Result<Option<UserRecord>> {
        todo!()
    }
    /// All accounts, oldest first, after `after`, for `charge admin users` and the admin API.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>> {
        todo!()
    }
    pub async fn user_count(&self) -> Result<u64> {
        todo!()
    }
    /// Sets what is `Some`; `settings` replaces the JSON object.
    pub async fn update_user(&self, id: UserId, change: UserChange) -> Result<UserRecord> {
        todo!()
    }
    pub async fn set_password(&self, id: UserId, password_hash: &str) -> Result<()> {
        todo!()
    }
    pub async fn set_admin(&self, id: UserId, admin: bool) -> Result<()> {
        todo!()
    }
    /// A guest becomes an account: username, password; guest memberships become `member`. [`StoreError::Taken`].
    pub async fn upgrade_guest(&self, id: UserId, username: &Username, password_hash: &str) -> Result<UserRecord> {
        todo!()
    }
    /// Anonymises: name "deleted user", no password, memberships and sessions removed; messages stay. Refused with
    /// [`StoreError::Conflict`]`("owns_rooms")` while they own a room with other members; a room of theirs alone goes with them.
    /// Answers the rooms they were in.
    pub async fn delete_user(&self, id: UserId) -> Result<Vec<RoomId>> {
        todo!()
    }

    // --- sign-ins (families of refresh tokens) ------------------------------------------------------------------

    pub async fn open_auth_session(&self, session: NewAuthSession) -> Result<()> {
        todo!()
    }
    /// Compare-and-set of the family's generation; see [`Rotation`].
    pub async fn rotate_auth_session(
        &self,
        id: AuthSessionId,
        generation: u64,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rotation> {
        todo!()
    }
    /// Whether access tokens of this sign-in are still good, and whose it is. Hot path: one primary-key read.
    pub async fn auth_session(&self, id: AuthSessionId) -> Result<Option<AuthSessionRecord>> {
        todo!()
    }
    pub async fn auth_sessions_of(&self, user: UserId) -> Result<Vec<AuthSessionRecord>> {
        todo!()
    }
    /// Idempotent.
    pub async fn revoke_auth_session(&self, id: AuthSessionId) -> Result<()> {
        todo!()
    }
    /// All of a user but `keep`; answers the ones ended.
    pub async fn revoke_auth_sessions_of(
        &self,
        user: UserId,
        keep: Option<AuthSessionId>,
    ) -> Result<Vec<AuthSessionId>> {
        todo!()
    }

    // --- rooms --------------------------------------------------------------------------------------------------

    /// The room, its owner's membership, text channel `a` and voice channel `b`. [`StoreError::Taken`]`("slug")`.
    pub async fn create_room(&self, room: NewRoom) -> Result<RoomRecord> {
        todo!()
    }
    pub async fn room(&self, id: RoomId) -> Result<Option<RoomRecord>> {
        todo!()
    }
    /// By slug, with what `user` is in it; `None` when there is no such room OR they are no member.
    pub async fn room_for(&self, slug: &Slug, user: UserId) -> Result<Option<(RoomRecord, Role)>> {
        todo!()
    }
    pub async fn rooms_of(&self, user: UserId) -> Result<Vec<(RoomRecord, Role)>> {
        todo!()
    }
    pub async fn rooms_owned(&self, user: UserId) -> Result<u32> {
        todo!()
    }
    pub async fn update_room(&self, id: RoomId, change: RoomChange) -> Result<RoomRecord> {
        todo!()
    }
    pub async fn delete_room(&self, id: RoomId) -> Result<()> {
        todo!()
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
        todo!()
    }
    pub async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>> {
        todo!()
    }
    /// The channel and what `user` is in its room; `None` when missing or not a member.
    pub async fn channel_for(&self, id: ChannelId, user: UserId) -> Result<Option<(ChannelRecord, Role)>> {
        todo!()
    }
    /// In order of letters.
    pub async fn channels_of(&self, room: RoomId) -> Result<Vec<ChannelRecord>> {
        todo!()
    }
    /// The same with `head`, `unread`, `mentions` for `user`.
    pub async fn channels_for(&self, room: RoomId, user: UserId) -> Result<Vec<(ChannelRecord, Unread)>> {
        todo!()
    }
    pub async fn update_channel(&self, id: ChannelId, change: ChannelChange) -> Result<ChannelRecord> {
        todo!()
    }
    /// Its log and messages go too; the letter is free again.
    pub async fn delete_channel(&self, room: RoomId, letter: ChannelLetter) -> Result<Option<ChannelRecord>> {
        todo!()
    }

    // --- members and invites ------------------------------------------------------------------------------------

    pub async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRecord>> {
        todo!()
    }
    /// By join time then id, after `after` (a user id of the page before).
    pub async fn members(&self, room: RoomId, after: Option<UserId>, limit: u32) -> Result<Vec<MemberRecord>> {
        todo!()
    }
    pub async fn member_count(&self, room: RoomId) -> Result<u64> {
        todo!()
    }
    pub async fn remove_member(&self, room: RoomId, user: UserId) -> Result<bool> {
        todo!()
    }
    /// `Owner` transfers: the old owner becomes admin in the same transaction.
    pub async fn set_role(&self, room: RoomId, user: UserId, role: Role) -> Result<()> {
        todo!()
    }
    /// [`StoreError::Full`] past `INVITES_PER_ROOM` live ones.
    pub async fn create_invite(&self, invite: InviteRecord) -> Result<()> {
        todo!()
    }
    pub async fn invite(&self, token: &InviteToken) -> Result<Option<InviteRecord>> {
        todo!()
    }
    /// Live ones, newest first.
    pub async fn invites_of(&self, room: RoomId, now: Timestamp) -> Result<Vec<InviteRecord>> {
        todo!()
    }
    pub async fn revoke_invite(&self, room: RoomId, token: &InviteToken) -> Result<bool> {
        todo!()
    }
    /// Joins by invite: checks expiry and uses, counts one use, adds the member, all or nothing. A member already in
    /// keeps their role and uses nothing up. [`StoreError::Gone`] when expired, used up or revoked.
    pub async fn accept_invite(&self, token: &InviteToken, user: UserId, now: Timestamp) -> Result<Accepted> {
        todo!()
    }
    /// The same for a new guest: user and membership in one transaction, so that a failure leaves no orphan.
    pub async fn accept_invite_as_guest(
        &self,
        token: &InviteToken,
        guest: NewUser,
        now: Timestamp,
    ) -> Result<(UserRecord, Accepted)> {
        todo!()
    }

    // --- the log ------------------------------------------------------------------------------------------------

    /// Queues one durable write for the next commit and waits for it. `Ok` means committed and on disk.
    /// [`StoreError::Overloaded`] when the queue is full, [`StoreError::Unavailable`] when the commit failed: nothing was
    /// stored, the same key may be sent again. Permissions were checked by the caller.
    pub async fn append(&self, write: LogWrite) -> Result<Appended> {
        todo!()
    }
    /// The newest seq of a channel (0 = empty); [`StoreError::Missing`] when there is none.
    pub async fn head(&self, channel: ChannelId) -> Result<u64> {
        todo!()
    }
    /// Log entries after `after`, oldest first, at most `limit`: `message.new` carries the text as it is now (or a
    /// tombstone) with no reactions and unpinned, since their own entries follow.
    pub async fn log_after(&self, channel: ChannelId, after: u64, limit: u32) -> Result<Vec<LogEvent>> {
        todo!()
    }
    /// A page of messages as they are now for `user`, oldest first; see [`HistoryRange`].
    pub async fn history(&self, channel: ChannelId, user: UserId, range: HistoryRange) -> Result<HistoryPage> {
        todo!()
    }
    pub async fn message(&self, id: MessageId, user: UserId) -> Result<Option<Message>> {
        todo!()
    }
    /// Moves the read marker forward (never back, never past the head).
    pub async fn mark_read(&self, channel: ChannelId, user: UserId, upto: u64) -> Result<Unread> {
        todo!()
    }
    pub async fn unread(&self, channel: ChannelId, user: UserId) -> Result<Unread> {
        todo!()
    }
}

const _: fn(&DisplayName, &RoomTitle, &Topic) = |_, _, _| {};
