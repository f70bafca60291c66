//! One durable write on its way through the store.
//!
//! Owns the translation from what was permitted to what is stored, and from what came of it to the answer. Never decides
//! whether it is permitted.

use futures_util::FutureExt;

use super::{Done, Job};
use crate::{
    domain::{
        ChannelId, MessageId, UserId,
        room::{Ask, Permit},
        wire::{ErrorCode, LogBody, Logged, Message, Sent, WireError},
    },
    live::{
        Floor, clock,
        reply::{Reply, Written},
    },
    store::{Appended, Change, LogWrite, StoreError},
};

/// Stores what `ask` asks and answers `reply` once it is committed.
pub(super) fn append(floor: &Floor, by: UserId, channel: ChannelId, ask: Ask, permit: Permit, reply: Reply) -> Job {
    let is_reply = matches!(ask, Ask::Send { reply_to: Some(_), .. });
    let write = LogWrite { channel, by, at: clock::wall(), change: change(ask, permit) };
    let store = floor.store.clone();
    async move {
        let result = match store.append(write).await {
            Ok(appended) => Ok(written(appended)),
            Err(error) => Err(refusal(&error, is_reply)),
        };
        reply.written(result);
        Done::Answered
    }
    .boxed()
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

fn written(appended: Appended) -> Written {
    let sent = |seq: u64, message: Message, duplicate| Written::Sent(Box::new(Sent { seq, message, duplicate }));
    match appended {
        Appended::Logged(event) => match event.body {
            LogBody::MessageNew(message) => sent(event.seq, message, false),
            _ => Written::Logged(Logged { seq: event.seq }),
        },
        Appended::Duplicate(message) => sent(message.seq, message, true),
        Appended::Unchanged(seq) => Written::Logged(Logged { seq }),
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
