//! Through the door: sign-in, renewal, and the rooms a session is attached to.
//!
//! Owns the order in which that must happen. A session is known by its user before its sign-in and its rooms are looked
//! up, so that a revocation or a new membership that comes in between finds it.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::{Session, Stepped, subscribe};
use crate::{
    domain::{
        RoomId, Slug, UserId,
        room::Scope,
        wire::{
            ChannelKind, Close, SubResult, SubTarget, User, WireError,
            event::{Credential, Event, Welcome},
        },
    },
    live::{Entrance, Floor, clock, frame::Frame, outbox::Outbox, reply::Reply, room::RoomCommand},
};

/// Whose session it is.
pub(super) struct Me {
    pub(super) user: User,
    pub(super) credential: Credential,
}

/// How a session is told that it is signed in.
pub(super) enum Greeting {
    /// By `hello`: the upgrade carried the credential.
    Hello,
    /// By the answer to `auth`.
    Answer(Option<u64>),
}

impl Entrance {
    fn scope(&self) -> Scope {
        match self {
            Entrance::All => Scope::All,
            Entrance::Text(target) => Scope::Channel(target.ch),
            Entrance::Signal(_) => Scope::Voice,
        }
    }
}

impl<S> Session<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Looks `credential` up; `user` where the upgrade has done that already.
    pub(super) fn sign_in(&mut self, credential: Credential, user: Option<User>, greeting: Greeting) {
        if let Err(close) =
            self.floor.sessions.sign_in(&self.outbox, credential.user, credential.auth_session, self.entrance.scope())
        {
            return self.end(close);
        }
        let floor = self.floor.clone();
        let step = async move {
            let me = look_up(&floor, credential, user).await;
            Stepped::SignedIn(me.map(|user| Box::new(Me { user, credential })), greeting)
        };
        self.step = Some(step.boxed());
    }

    /// Signed in: opens the door.
    pub(super) fn signed_in(&mut self, me: Box<Me>, greeting: Greeting) {
        self.auth_by = None;
        self.expires = Some(me.credential.expires_at);
        let user = me.user.id;
        self.me = Some(me);
        self.arm();
        // What rooms say at once must not come before the greeting.
        self.feed.pause();
        let (floor, outbox, entrance) = (self.floor.clone(), self.outbox.clone(), self.entrance.clone());
        if let Entrance::Text(target) = &entrance {
            self.feed.hold(target.ch);
        }
        let step = async move { Stepped::Entered(enter(&floor, &outbox, entrance, user).await, greeting) };
        self.step = Some(step.boxed());
    }

    /// Attached to everything the door leads to: whoever is greeted misses nothing from then on.
    pub(super) fn entered(&mut self, subscribed: Option<Vec<SubResult>>, greeting: Greeting) {
        match (greeting, &self.me) {
            (Greeting::Answer(id), Some(me)) => {
                let welcome = Welcome { session: self.name.clone(), user: me.user.clone() };
                self.answer_first(id, &welcome);
            }
            _ => {
                if let Some(hello) = Frame::event(&self.hello(), None) {
                    self.feed.put_first(hello);
                }
            }
        }
        let results = subscribed.map(|results| self.settle_lost(results));
        let done = results.into_iter().flatten().filter_map(|result| match result {
            SubResult::Done(done) => Some(done),
            SubResult::Refused(_) => None,
        });
        let done: Vec<_> = done.collect();
        if !done.is_empty()
            && let Some(frame) = Frame::event(&Event::Subscribed(done), None)
        {
            self.feed.put_first(frame);
        }
        self.feed.release();
        self.feed.go_on();
    }

    /// A fresh credential on a signed-in session.
    pub(super) fn renew(&mut self, token: &str, id: Option<u64>) {
        let reply = Reply::to_session(&self.outbox, id, &self.floor);
        let same = self.floor.tokens.verify_access(token, clock::wall()).ok();
        let Some(credential) = same.filter(|credential| self.user() == Some(credential.user)) else {
            return self.end(Close::BadCredential);
        };
        // Known under the new sign-in before that is looked up, for the same reason as at first.
        self.floor.sessions.renew(self.outbox.key, credential.user, credential.auth_session);
        let (floor, user) = (self.floor.clone(), self.me.as_ref().map(|me| me.user.clone()));
        let step = async move {
            let looked_up = look_up(&floor, credential, user).await;
            Stepped::Renewed(looked_up.map(|_| credential), reply)
        };
        self.step = Some(step.boxed());
    }

    /// The fresh credential is good.
    pub(super) fn renewed(&mut self, credential: Credential, reply: Reply) {
        let Some(me) = &mut self.me else { return };
        me.credential = credential;
        let welcome = Welcome { session: self.name.clone(), user: me.user.clone() };
        self.expires = Some(credential.expires_at);
        reply.answer(Ok(&welcome));
        self.arm();
    }
}

/// Whether the sign-in of `credential` is live, and whose it is.
async fn look_up(floor: &Floor, credential: Credential, user: Option<User>) -> Result<User, Close> {
    let live = floor.store.auth_session(credential.auth_session).await.map_err(|_| Close::PositionLost)?;
    if live.is_none_or(|live| live.revoked || live.user != credential.user) {
        return Err(Close::BadCredential);
    }
    if let Some(user) = user {
        return Ok(user);
    }
    let record = floor.store.user(credential.user).await.map_err(|_| Close::PositionLost)?;
    let record = record.filter(|record| !record.deleted).ok_or(Close::BadCredential)?;
    Ok(User { id: record.id, username: record.username, display_name: record.display_name, guest: record.guest })
}

/// Attaches a session to what its door leads to. A store that does not answer costs a reconnect, not a wrong answer.
async fn enter(
    floor: &Arc<Floor>,
    outbox: &Arc<Outbox>,
    entrance: Entrance,
    user: UserId,
) -> Result<Option<Vec<SubResult>>, Close> {
    match entrance {
        Entrance::All => {
            let rooms = floor.store.rooms_of(user).await.map_err(|_| Close::PositionLost)?;
            // All are asked before any is waited for: rooms that start do so side by side.
            let mut asked = Vec::with_capacity(rooms.len());
            for (room, _) in rooms {
                asked.extend(ask_in(floor, outbox, room.id, user, Scope::All).await);
            }
            for (room, answer) in asked {
                match answer.await {
                    Ok(Ok(())) => {}
                    // No longer a member, as of now.
                    Ok(Err(_)) => drop(outbox.leave(room)),
                    Err(_) => return Err(Close::PositionLost),
                }
            }
            Ok(None)
        }
        Entrance::Text(target) => enter_text(floor, outbox, target, user).await.map(Some),
        Entrance::Signal(slug) => {
            let slug = Slug::parse(&slug).map_err(|_| Close::Forbidden)?;
            let found = floor.store.room_for(&slug, user).await.map_err(|_| Close::PositionLost)?;
            let (room, _) = found.ok_or(Close::Forbidden)?;
            attach(floor, outbox, room.id, user, Scope::Voice).await.map_err(|refused| close_for(&refused))?;
            Ok(None)
        }
    }
}

async fn enter_text(
    floor: &Arc<Floor>,
    outbox: &Arc<Outbox>,
    target: SubTarget,
    user: UserId,
) -> Result<Vec<SubResult>, Close> {
    let found = floor.store.channel_for(target.ch, user).await.map_err(|_| Close::PositionLost)?;
    // One answer for what is missing, what is foreign and what is no text: nothing leaks.
    let (channel, _) = found.filter(|(channel, _)| channel.kind == ChannelKind::Text).ok_or(Close::Forbidden)?;
    let scope = Scope::Channel(target.ch);
    attach(floor, outbox, channel.room, user, scope).await.map_err(|refused| close_for(&refused))?;
    let results = subscribe::subscribe(floor, outbox, user, vec![target]).await;
    let refused = results.iter().find_map(|result| match result {
        SubResult::Refused(refused) => Some(close_for(&refused.err)),
        SubResult::Done(_) => None,
    });
    refused.map_or(Ok(results), Err)
}

fn close_for(refused: &WireError) -> Close {
    use crate::domain::wire::ErrorCode;
    if refused.code == ErrorCode::Unavailable { Close::PositionLost } else { Close::Forbidden }
}

/// Attaches a session to `room`.
///
/// # Errors
/// `not_found` for who is no member (or a session that has ended), `unavailable` for a room that cannot be loaded.
pub(in crate::live) async fn attach(
    floor: &Arc<Floor>,
    outbox: &Arc<Outbox>,
    room: RoomId,
    user: UserId,
    scope: Scope,
) -> Result<(), WireError> {
    let (room, answer) = ask_in(floor, outbox, room, user, scope).await.ok_or_else(WireError::not_found)?;
    let attached = answer.await.unwrap_or_else(|_| Err(WireError::unavailable()));
    if attached.is_err() {
        outbox.leave(room);
    }
    attached
}

type Asked = (RoomId, oneshot::Receiver<Result<(), WireError>>);

/// Asks a room to attach a session; `None` when the session has ended.
async fn ask_in(floor: &Arc<Floor>, outbox: &Arc<Outbox>, room: RoomId, user: UserId, scope: Scope) -> Option<Asked> {
    if !outbox.enter(room) {
        return None;
    }
    let (reply, answer) = oneshot::channel();
    let command = RoomCommand::Attach { outbox: outbox.clone(), user, scope, reply };
    // A room that ended just now drops the question, which is an answer.
    let _ = floor.room(room).send(command).await;
    Some((room, answer))
}
