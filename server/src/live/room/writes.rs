//! Durable writes on their way through the store, and the answers that are owed for them.
//!
//! Owns the translation from what was permitted to what is stored, and from what came of it to the answer. An answer is
//! given when its entry is told to the channel, right before it: whoever has an `ok` finds its seq in the head, and
//! knows its own message when it comes. Never decides whether a write is permitted.

use std::collections::{BTreeMap, HashMap};

use futures_util::FutureExt;

use super::{Done, Job};
use crate::{
    domain::{
        ChannelId, MessageId, UserId,
        room::{Ask, Permit},
        wire::{ErrorCode, LogBody, LogEvent, Logged, Message, Sent, WireError},
    },
    live::{
        Floor, clock,
        reply::{Reply, Written},
    },
    store::{self, Change, LogWrite, StoreError},
};

/// What the store made of a write.
pub(super) struct Appended {
    write: Write,
    result: Result<store::Appended, StoreError>,
}

/// Which answer is owed.
enum Write {
    /// Of a new message, by the id that it has when its key is new.
    Send(MessageId, bool),
    /// Of any other change.
    Change(Reply),
}

/// Answers to be given once their entries are told. Dropped, they are refused.
#[derive(Default)]
pub(super) struct Owed {
    sends: HashMap<MessageId, (ChannelId, Reply)>,
    /// Committed, while something before it has not been told.
    changes: BTreeMap<(ChannelId, u64), Reply>,
}

impl Owed {
    pub(super) fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.changes.is_empty()
    }

    /// Stores what `ask` asks; `reply` is owed from now on.
    pub(super) fn append(
        &mut self,
        floor: &Floor,
        by: UserId,
        channel: ChannelId,
        ask: Ask,
        permit: Permit,
        reply: Reply,
    ) -> Job {
        let change = change(ask, permit);
        let write = match &change {
            Change::Send { id, reply_to, .. } => {
                self.sends.insert(*id, (channel, reply));
                Write::Send(*id, reply_to.is_some())
            }
            _ => Write::Change(reply),
        };
        let log_write = LogWrite { channel, by, at: clock::wall(), change };
        let store = floor.store.clone();
        async move { Done::Appended(Appended { write, result: store.append(log_write).await }) }.boxed()
    }

    /// Takes in what became of a write; `tell` says whether its entry has been told.
    pub(super) fn settle(&mut self, appended: Appended, tell: impl FnOnce(&LogEvent) -> bool) {
        let Appended { write, result } = appended;
        match (write, result) {
            (Write::Send(..), Ok(store::Appended::Logged(event))) => {
                // Answered when it is told, which may have been before.
                tell(&event);
            }
            (Write::Send(id, _), Ok(store::Appended::Duplicate(message))) => {
                self.answer_send(id, Ok(sent(message, true)));
            }
            (Write::Send(id, _), Ok(store::Appended::Unchanged(_))) => {
                self.answer_send(id, Err(WireError::unavailable()));
            }
            (Write::Send(id, is_reply), Err(error)) => self.answer_send(id, Err(refusal(&error, is_reply))),
            (Write::Change(reply), Ok(store::Appended::Logged(event))) => {
                if tell(&event) {
                    reply.written(Ok(Written::Logged(Logged { seq: event.seq })));
                } else {
                    self.changes.insert((event.ch, event.seq), reply);
                }
            }
            (Write::Change(reply), Ok(store::Appended::Unchanged(seq))) => {
                reply.written(Ok(Written::Logged(Logged { seq })));
            }
            (Write::Change(reply), Ok(store::Appended::Duplicate(message))) => {
                reply.written(Ok(Written::Logged(Logged { seq: message.seq })));
            }
            (Write::Change(reply), Err(error)) => reply.refuse(refusal(&error, false)),
        }
    }

    /// `event` is being told: who waits for that is answered.
    pub(super) fn answer(&mut self, event: &LogEvent) {
        if let LogBody::MessageNew(message) = &event.body
            && let Some((_, reply)) = self.sends.remove(&message.id)
        {
            reply.written(Ok(sent(message.clone(), false)));
        }
        if let Some(reply) = self.changes.remove(&(event.ch, event.seq)) {
            reply.written(Ok(Written::Logged(Logged { seq: event.seq })));
        }
    }

    /// The channel is gone: nothing more will be told of it.
    pub(super) fn forget(&mut self, channel: ChannelId) {
        self.sends.retain(|_, (of, _)| *of != channel);
        self.changes.retain(|(of, _), _| *of != channel);
    }

    fn answer_send(&mut self, id: MessageId, result: Result<Written, WireError>) {
        if let Some((_, reply)) = self.sends.remove(&id) {
            reply.written(result);
        }
    }
}

fn sent(message: Message, duplicate: bool) -> Written {
    Written::Sent(Box::new(Sent { seq: message.seq, message, duplicate }))
}

fn change(ask: Ask, permit: Permit) -> Change {
    match ask {
        Ask::Send { key, text, reply_to, mentions } => Change::Send {
            id: MessageId::fresh(),
            key,
            text,
            reply_to,
            mentions: mentions.usernames.into_iter().collect(),
            mentions_all: permit.mentions_all,
        },
        Ask::Edit { message, text, .. } => Change::Edit { message, text },
        Ask::Delete { message, .. } => Change::Delete { message },
        Ask::Pin { message, add, .. } => Change::Pin { message, add },
        Ask::React { message, emoji, add } => Change::React { message, emoji, add },
    }
}

/// What the client is told of a failed write; the cause is the store's to log.
fn refusal(error: &StoreError, is_reply: bool) -> WireError {
    match error {
        StoreError::Missing if is_reply => {
            WireError::new(ErrorCode::Validation, "d: reply_to is no message of this channel")
        }
        StoreError::Missing | StoreError::Gone => WireError::not_found(),
        StoreError::Conflict(_) | StoreError::Taken(_) => {
            WireError::new(ErrorCode::Conflict, "this key was used for another message")
        }
        StoreError::Full(_)
        | StoreError::Overloaded
        | StoreError::Unavailable(_)
        | StoreError::Schema(_)
        | StoreError::Corrupt(_) => WireError::unavailable(),
    }
}
