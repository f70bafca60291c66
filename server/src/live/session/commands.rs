//! What a session does with one frame of its client.
//!
//! Owns the way of each command: to a room, to the store, or straight to an answer. Never decides what a room decides.

use std::sync::Arc;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc::error::TrySendError, oneshot},
};

use super::{Session, Step, Stepped, entrance::Greeting, leads_to};
use crate::{
    domain::{
        ChannelId, MessageId, MessageText, UserId,
        limits::{CLIENT_FRAME_BYTES, SUBS_PER_10S},
        rate::Rate,
        room::Ask,
        wire::{self, Close, Command, DecodeError, ErrorCode, Message, Request, WireError, client, event::Event},
    },
    live::{Floor, clock, frame::Frame, outbox::Outbox, reply::Reply, room::RoomCommand},
};

/// How often one session may `sub`.
const SUBS: Rate = Rate { burst: SUBS_PER_10S, period_ms: 10_000 };

/// The answer to `read`.
#[derive(Serialize)]
struct Marked {
    upto: u64,
    unread: u64,
    mentions: u64,
}

/// The name under which a command is counted.
fn op(command: &Command) -> &'static str {
    match command {
        Command::Auth { .. } => "auth",
        Command::Sub(_) => "sub",
        Command::Unsub(_) => "unsub",
        Command::Send(..) => "send",
        Command::Edit(..) => "edit",
        Command::Delete(..) => "delete",
        Command::Pin(..) => "pin",
        Command::Unpin(..) => "unpin",
        Command::React(..) => "react",
        Command::Unreact(..) => "unreact",
        Command::Read(..) => "read",
        Command::Typing(_) => "typing",
        Command::Pong => "pong",
        Command::VoiceJoin(..) => "voice.join",
        Command::VoiceOffer(_) => "voice.offer",
        Command::VoiceIce(_) => "voice.ice",
        Command::VoiceSignal(_) => "voice.signal",
        Command::VoiceState(_) => "voice.state",
        Command::VoiceModerate(_) => "voice.moderate",
        Command::VoiceLeave => "voice.leave",
    }
}

/// The body of a new message, as its room wants it.
///
/// # Errors
/// `validation`, saying what is wrong with the text.
pub(in crate::live) fn ask(send: wire::Send, max: usize) -> Result<Ask, WireError> {
    Ok(Ask::send(send.key, text(&send.text, max)?, send.reply_to))
}

fn text(text: &str, max: usize) -> Result<MessageText, WireError> {
    MessageText::parse(text, max).map_err(|error| WireError::new(ErrorCode::Validation, format!("d: text {error}")))
}

impl<S> Session<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Takes one text frame.
    pub(super) fn handle_frame(&mut self, frame: &str) {
        debug_assert!(frame.len() <= CLIENT_FRAME_BYTES);
        let decoded = client::decode(frame);
        if self.me.is_none() {
            return self.handle_first(decoded);
        }
        match decoded {
            Ok(Request { id: None, command: Command::Pong }) => {}
            Ok(Request { id, command }) => {
                self.floor.metrics.commands.with_label_values(&[op(&command)]).inc();
                self.outbox.begin();
                self.handle_command(id, command);
            }
            Err(DecodeError::BadFrame(why)) => self.end(Close::BadFrame(why.into())),
            Err(DecodeError::Refused(id, error)) => {
                self.floor.metrics.commands.with_label_values(&["refused"]).inc();
                self.outbox.begin();
                self.reply(id).refuse(error);
            }
        }
    }

    /// Before the sign-in only `auth` counts.
    fn handle_first(&mut self, decoded: Result<Request, DecodeError>) {
        match decoded {
            Ok(Request { command: Command::Pong, .. }) => {}
            Ok(Request { id, command: Command::Auth { token } }) => {
                self.floor.metrics.commands.with_label_values(&["auth"]).inc();
                self.outbox.begin();
                match self.floor.tokens.verify_access(&token, clock::wall()) {
                    Ok(credential) => self.sign_in(credential, None, Greeting::Answer(id)),
                    Err(_) => self.end(Close::BadCredential),
                }
            }
            Err(DecodeError::BadFrame(why)) => self.end(Close::BadFrame(why.into())),
            Ok(_) | Err(DecodeError::Refused(..)) => self.end(Close::BadCredential),
        }
    }

    fn reply(&self, id: Option<u64>) -> Reply {
        Reply::to_session(&self.outbox, id, &self.floor)
    }

    fn handle_command(&mut self, id: Option<u64>, command: Command) {
        let Some(user) = self.user() else { return };
        match command {
            Command::Auth { token } => self.renew(&token, id),
            Command::Pong => self.reply(id).done(),
            Command::Sub(targets) => match self.subs.take(SUBS, self.floor.clock.now()) {
                Ok(()) => self.subscribe(id, targets),
                Err(retry_ms) => self.reply(id).refuse(WireError::rate_limited(retry_ms)),
            },
            Command::Unsub(channels) => {
                let (floor, outbox, reply) = (self.floor.clone(), self.outbox.clone(), self.reply(id));
                self.step = Some(unsubscribe(floor, outbox, channels, reply));
            }
            Command::Send(channel, send) => {
                let reply = self.reply(id);
                match ask(send, self.floor.options.message_max_length) {
                    Ok(ask) => self.pass_on(channel, RoomCommand::Write(user, channel, Box::new(ask), reply)),
                    Err(error) => reply.refuse(error),
                }
            }
            Command::Edit(channel, message, new) => match text(&new, self.floor.options.message_max_length) {
                Ok(text) => self.change(id, channel, message, move |author| Ask::Edit { message, author, text }),
                Err(error) => self.reply(id).refuse(error),
            },
            Command::Delete(channel, message) => {
                self.change(id, channel, message, move |author| Ask::Delete { message, author });
            }
            Command::Pin(channel, message) => {
                self.change(id, channel, message, move |author| Ask::Pin { message, author, add: true });
            }
            Command::Unpin(channel, message) => {
                self.change(id, channel, message, move |author| Ask::Pin { message, author, add: false });
            }
            Command::React(channel, message, emoji) => {
                self.react(id, channel, Ask::React { message, emoji, add: true })
            }
            Command::Unreact(channel, message, emoji) => {
                self.react(id, channel, Ask::React { message, emoji, add: false });
            }
            Command::Read(channel, upto) => self.mark_read(id, channel, upto),
            Command::Typing(channel) => {
                let reply = self.reply(id);
                self.pass_on(channel, RoomCommand::Typing(user, channel, reply));
            }
            Command::VoiceJoin(..)
            | Command::VoiceOffer(_)
            | Command::VoiceIce(_)
            | Command::VoiceSignal(_)
            | Command::VoiceState(_)
            | Command::VoiceModerate(_)
            | Command::VoiceLeave => {
                self.reply(id).refuse(WireError::new(ErrorCode::Unavailable, "voice is not in this version yet"));
            }
        }
    }

    /// Hands `command` to the room of `channel`: at once where that is possible, else as a step.
    fn pass_on(&mut self, channel: ChannelId, command: RoomCommand) {
        let Some(user) = self.user() else { return };
        if !leads_to(&self.entrance, channel) {
            return command.refuse(WireError::not_found());
        }
        let Some(queue) = self.floor.rooms.of_channel(channel) else {
            self.step = Some(hand_over(self.floor.clone(), user, channel, command).boxed());
            return;
        };
        // A room that ended just now refuses by dropping the command.
        if let Err(TrySendError::Full(command)) = queue.try_send(command) {
            let step = async move {
                let _ = queue.send(command).await;
                Stepped::Done
            };
            self.step = Some(step.boxed());
        }
    }

    /// Whose message it is does not matter here; that it exists, the store sees.
    fn react(&mut self, id: Option<u64>, channel: ChannelId, ask: Ask) {
        let reply = self.reply(id);
        let Some(user) = self.user() else { return };
        self.pass_on(channel, RoomCommand::Write(user, channel, Box::new(ask), reply));
    }

    /// A change of a message that exists: the store says whose it is, then the room decides.
    fn change(
        &mut self,
        id: Option<u64>,
        channel: ChannelId,
        message: MessageId,
        ask: impl FnOnce(UserId) -> Ask + Send + 'static,
    ) {
        let reply = self.reply(id);
        let Some(user) = self.user() else { return };
        if !leads_to(&self.entrance, channel) {
            return reply.refuse(WireError::not_found());
        }
        let floor = self.floor.clone();
        let step = async move {
            match floor.store.message(message, user).await {
                Ok(Some(Message { channel: of, author, .. })) if of == channel => {
                    let write = RoomCommand::Write(user, channel, Box::new(ask(author.id)), reply);
                    return hand_over(floor, user, channel, write).await;
                }
                Ok(_) => reply.refuse(WireError::not_found()),
                Err(_) => reply.refuse(WireError::unavailable()),
            }
            Stepped::Done
        };
        self.step = Some(step.boxed());
    }

    fn mark_read(&mut self, id: Option<u64>, channel: ChannelId, upto: u64) {
        let reply = self.reply(id);
        let Some(user) = self.user() else { return };
        if !leads_to(&self.entrance, channel) {
            return reply.refuse(WireError::not_found());
        }
        let (floor, outbox) = (self.floor.clone(), self.outbox.clone());
        let step = async move {
            match read(&floor, &outbox, user, channel, upto).await {
                Ok(marked) => reply.answer(Ok(&marked)),
                Err(error) => reply.refuse(error),
            }
            Stepped::Done
        };
        self.step = Some(step.boxed());
    }
}

async fn hand_over(floor: Arc<Floor>, user: UserId, channel: ChannelId, command: RoomCommand) -> Stepped {
    match floor.room_of_channel(channel, user).await {
        // A room that ended just now refuses by dropping the command.
        Ok(queue) => drop(queue.send(command).await),
        Err(error) => command.refuse(error),
    }
    Stepped::Done
}

fn unsubscribe(floor: Arc<Floor>, outbox: Arc<Outbox>, channels: Vec<ChannelId>, reply: Reply) -> Step {
    async move {
        for channel in channels {
            if let Some(queue) = floor.rooms.of_channel(channel) {
                let _ = queue.send(RoomCommand::Unsubscribe(outbox.key, channel)).await;
            }
        }
        reply.done();
        Stepped::Done
    }
    .boxed()
}

/// Moves the read marker and tells the user's other sessions.
async fn read(
    floor: &Arc<Floor>,
    outbox: &Outbox,
    user: UserId,
    channel: ChannelId,
    upto: u64,
) -> Result<Marked, WireError> {
    let queue = floor.room_of_channel(channel, user).await?;
    let (reply, may) = oneshot::channel();
    let _ = queue.send(RoomCommand::MayRead(user, channel, reply)).await;
    may.await.map_err(|_| WireError::unavailable())??;
    let counts = floor.store.mark_read(channel, user, upto).await.map_err(|_| WireError::unavailable())?;
    let marked = Marked { upto: counts.upto, unread: counts.unread, mentions: counts.mentions };
    let event = Event::Read { ch: channel, upto: marked.upto, unread: marked.unread, mentions: marked.mentions };
    if let Some(frame) = Frame::event(&event, None) {
        for other in floor.sessions.readers(user, channel).iter().filter(|other| other.key != outbox.key) {
            other.push(frame.clone());
        }
    }
    Ok(marked)
}
