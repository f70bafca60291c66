//! The policy of group commit: which seq a write takes, what is a repetition, what is refused.
//!
//! Owns these decisions as a pure function of facts, lookups and writes. Never does I/O: a backend looks up what
//! [`Wanted`] names, asks [`Plan`] for each write in turn, and stores the rows the plan holds.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest;

use super::{LogWrite, StoreError, records::Change};
use crate::domain::{
    ChannelId, IdempotencyKey, MessageId, MessageText, Timestamp, UserId,
    wire::{Author, LogBody, LogEvent, Message},
};

/// Names the writer remembers; past it they are looked up afresh. A few megabytes.
const NAMES: usize = 32 * 1024;
/// Heads the writer remembers.
const HEADS: usize = 32 * 1024;

/// What the writer knows about stored state between commits. Only the writer changes it, and forgets it after any failure.
#[derive(Default)]
pub(super) struct Facts {
    heads: HashMap<ChannelId, u64>,
    names: HashMap<UserId, String>,
    /// The row number of the next message; 0 = not known.
    next_row: i64,
}

impl Facts {
    /// The newest seq of a channel that is there.
    pub(super) fn head(&self, channel: ChannelId) -> Option<u64> {
        self.heads.get(&channel).copied()
    }

    /// Takes in a head as stored.
    pub(super) fn learn_head(&mut self, channel: ChannelId, head: u64) {
        self.heads.insert(channel, head);
    }

    /// Takes in a display name as stored.
    pub(super) fn learn_name(&mut self, user: UserId, name: String) {
        self.names.insert(user, name);
    }

    /// Whether the next row number has to be looked up.
    pub(super) fn needs_row(&self) -> bool {
        self.next_row == 0
    }

    /// Takes in the largest row number as stored.
    pub(super) fn learn_last_row(&mut self, last: i64) {
        self.next_row = last.saturating_add(1);
    }

    /// Keeps memory bounded; called between batches, never within one.
    pub(super) fn trim(&mut self) {
        if self.heads.len() > HEADS {
            self.heads.clear();
        }
        if self.names.len() > NAMES {
            self.names.clear();
        }
    }

    fn advance(&mut self, channel: ChannelId) -> Option<u64> {
        let head = self.heads.get_mut(&channel)?;
        *head = head.checked_add(1)?;
        Some(*head)
    }
}

/// What makes a send unique: a hash of channel, author and idempotency key. Half of SHA-256 is as good as the whole
/// against chance and against anybody's search.
pub(super) type SendKey = [u8; 16];

/// See [`SendKey`].
pub(super) fn send_key(channel: ChannelId, author: UserId, key: &IdempotencyKey) -> SendKey {
    half_hash(&[channel.0.as_bytes(), author.0.as_bytes(), key.as_str().as_bytes()])
}

/// A hash of the body first sent, salted with the message's id: enough to tell a repetition from a reuse, not enough to
/// search for a deleted text across messages.
pub(super) type Fingerprint = [u8; 16];

/// See [`Fingerprint`].
pub(super) fn fingerprint(id: MessageId, text: &str, reply_to: Option<u64>) -> Fingerprint {
    let (is_reply, seq) = ([u8::from(reply_to.is_some())], reply_to.unwrap_or(0).to_be_bytes());
    half_hash(&[id.0.as_bytes(), &is_reply, &seq, text.as_bytes()])
}

/// Only the last part may vary in length.
fn half_hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut half = [0; 16];
    half.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    half
}

/// The first send under a key.
#[derive(Clone, Copy)]
pub(super) struct FirstSend {
    /// The message it became.
    pub(super) id: MessageId,
    /// Of its body.
    pub(super) fingerprint: Fingerprint,
}

/// What has to be looked up before a batch can be planned; each once.
#[derive(Default)]
pub(super) struct Wanted {
    /// Heads not known.
    pub(super) channels: HashSet<ChannelId>,
    /// Names not known.
    pub(super) users: HashSet<UserId>,
    /// Those of all sends.
    pub(super) keys: Vec<SendKey>,
    /// Messages answered.
    pub(super) replies: HashSet<(ChannelId, u64)>,
    /// Members named.
    pub(super) mentions: HashSet<(ChannelId, String)>,
}

impl Wanted {
    /// For this batch, given what is known.
    pub(super) fn by(writes: &[LogWrite], facts: &Facts) -> Self {
        let mut wanted = Self::default();
        for write in writes {
            if !facts.heads.contains_key(&write.channel) {
                wanted.channels.insert(write.channel);
            }
            if !facts.names.contains_key(&write.by) {
                wanted.users.insert(write.by);
            }
            let Change::Send { key, reply_to, mentions, .. } = &write.change else {
                continue;
            };
            wanted.keys.push(send_key(write.channel, write.by, key));
            wanted.replies.extend(reply_to.map(|seq| (write.channel, seq)));
            wanted.mentions.extend(mentions.iter().map(|name| (write.channel, name.clone())));
        }
        wanted
    }
}

/// What the lookups found.
#[derive(Default)]
pub(super) struct Found {
    /// Keys used before.
    pub(super) keys: HashMap<SendKey, FirstSend>,
    /// Messages answered that are there.
    pub(super) replies: HashSet<(ChannelId, u64)>,
    /// Members of the channel's room, by username.
    pub(super) members: HashMap<(ChannelId, String), UserId>,
}

/// What a log entry is, as stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `message.new`
    New = 0,
    /// `message.edit`
    Edit = 1,
    /// `message.delete`
    Delete = 2,
    /// `reaction.add`
    ReactionAdd = 3,
    /// `reaction.remove`
    ReactionRemove = 4,
    /// `pin.add`
    PinAdd = 5,
    /// `pin.remove`
    PinRemove = 6,
    /// `moderation`
    Moderation = 7,
}

impl Kind {
    /// From its stored number.
    pub(super) fn of(number: i64) -> Option<Self> {
        use Kind::{Delete, Edit, Moderation, New, PinAdd, PinRemove, ReactionAdd, ReactionRemove};
        [New, Edit, Delete, ReactionAdd, ReactionRemove, PinAdd, PinRemove, Moderation]
            .into_iter()
            .find(|kind| *kind as i64 == number)
    }
}

/// A row of the log to store.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) channel: ChannelId,
    pub(super) seq: u64,
    pub(super) kind: Kind,
    pub(super) calls_all: bool,
    pub(super) actor: UserId,
    pub(super) row: i64,
    pub(super) at: Timestamp,
    pub(super) body: Option<String>,
}

/// A message to store.
#[derive(Clone, Debug)]
pub(super) struct NewMessage {
    pub(super) row: i64,
    pub(super) id: MessageId,
    pub(super) channel: ChannelId,
    pub(super) seq: u64,
    pub(super) author: UserId,
    pub(super) key: SendKey,
    pub(super) fingerprint: Fingerprint,
    pub(super) reply_to: Option<u64>,
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// A mention to store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention {
    pub(super) row: i64,
    pub(super) user: UserId,
    pub(super) channel: ChannelId,
    pub(super) seq: u64,
}

/// Rows that wait to be stored together.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) messages: Vec<NewMessage>,
    pub(super) mentions: Vec<Mention>,
    pub(super) entries: Vec<Entry>,
    /// Messages that these rows are about: whoever reads one of them from the database must store the rows before.
    touched: HashSet<MessageId>,
}

/// What a write will lead to, once its rows are stored.
// Nearly every value is of the large variant: a box would cost an allocation per message.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(super) enum Planned {
    /// It took a seq.
    Logged(LogEvent),
    /// The key was used before, for this message.
    Duplicate(MessageId),
    /// Nothing changes; the head.
    Unchanged(u64),
}

/// One batch in the making.
#[derive(Default)]
pub(super) struct Plan {
    rows: Rows,
    sent: HashMap<SendKey, FirstSend>,
    places: HashSet<(ChannelId, u64)>,
}

/// A send, taken apart.
pub(super) struct Sending<'a> {
    pub(super) id: MessageId,
    pub(super) key: &'a IdempotencyKey,
    pub(super) text: &'a MessageText,
    pub(super) reply_to: Option<u64>,
    pub(super) mentions: &'a [String],
    pub(super) mentions_all: bool,
}

impl Plan {
    /// Plans a send.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for a channel, sender or answered message that is not there, [`StoreError::Conflict`]`("key")`
    /// for a key used with another body.
    pub(super) fn send(
        &mut self,
        facts: &mut Facts,
        found: &Found,
        write: &LogWrite,
        sending: &Sending<'_>,
    ) -> Result<Planned, StoreError> {
        let (channel, author, text) = (write.channel, write.by, sending.text.as_str());
        let name = facts.names.get(&author).ok_or(StoreError::Missing)?.clone();
        let key = send_key(channel, author, sending.key);
        if let Some(first) = self.sent.get(&key).or_else(|| found.keys.get(&key)) {
            let same = first.fingerprint == fingerprint(first.id, text, sending.reply_to);
            return if same { Ok(Planned::Duplicate(first.id)) } else { Err(StoreError::Conflict("key")) };
        }
        if let Some(seq) = sending.reply_to
            && !found.replies.contains(&(channel, seq))
            && !self.places.contains(&(channel, seq))
        {
            return Err(StoreError::Missing);
        }
        let seq = facts.advance(channel).ok_or(StoreError::Missing)?;
        let row = facts.next_row;
        facts.next_row = row.saturating_add(1);
        let fingerprint = fingerprint(sending.id, text, sending.reply_to);
        let mentions = resolve(found, channel, sending.mentions);
        self.rows.mentions.extend(mentions.iter().map(|user| Mention { row, user: *user, channel, seq }));
        self.rows.messages.push(NewMessage {
            row,
            id: sending.id,
            channel,
            seq,
            author,
            key,
            fingerprint,
            reply_to: sending.reply_to,
            at: write.at,
            text: text.to_owned(),
        });
        self.rows.entries.push(Entry {
            channel,
            seq,
            kind: Kind::New,
            calls_all: sending.mentions_all,
            actor: author,
            row,
            at: write.at,
            body: None,
        });
        self.rows.touched.insert(sending.id);
        self.places.insert((channel, seq));
        self.sent.insert(key, FirstSend { id: sending.id, fingerprint });
        let message = Message {
            id: sending.id,
            seq,
            channel,
            author: Author { id: author, name },
            text: text.to_owned(),
            reply_to: sending.reply_to,
            created_at: write.at,
            edited_at: None,
            deleted: false,
            reactions: Vec::new(),
            mentions,
            pinned: false,
        };
        Ok(Planned::Logged(LogEvent { ch: channel, seq, body: LogBody::MessageNew(message) }))
    }

    /// Gives a change of the message `id` (row `row`) the next seq.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for a channel that is not there.
    pub(super) fn change(
        &mut self,
        facts: &mut Facts,
        write: &LogWrite,
        row: i64,
        kind: Kind,
        body: LogBody,
    ) -> Result<Planned, StoreError> {
        let seq = facts.advance(write.channel).ok_or(StoreError::Missing)?;
        let (id, stored) = match &body {
            LogBody::MessageEdit { message, text, .. } => (Some(*message), Some(text.clone())),
            LogBody::ReactionAdd { message, emoji, .. } | LogBody::ReactionRemove { message, emoji, .. } => {
                (Some(*message), Some(emoji.clone()))
            }
            LogBody::MessageDelete { message, .. }
            | LogBody::PinAdd { message, .. }
            | LogBody::PinRemove { message, .. } => (Some(*message), None),
            LogBody::MessageNew(_) | LogBody::Moderation { .. } => (None, None),
        };
        self.rows.touched.extend(id);
        let (channel, actor, at) = (write.channel, write.by, write.at);
        self.rows.entries.push(Entry { channel, seq, kind, calls_all: false, actor, row, at, body: stored });
        Ok(Planned::Logged(LogEvent { ch: channel, seq, body }))
    }

    /// Whether rows about `message` wait to be stored.
    pub(super) fn touches(&self, message: MessageId) -> bool {
        self.rows.touched.contains(&message)
    }

    /// The rows to store now.
    pub(super) fn take_rows(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }
}

/// The members among the named, each once, in order of their ids.
fn resolve(found: &Found, channel: ChannelId, names: &[String]) -> Vec<UserId> {
    let mut users: Vec<UserId> =
        names.iter().filter_map(|name| found.members.get(&(channel, name.clone())).copied()).collect();
    users.sort_unstable();
    users.dedup();
    users
}

#[cfg(test)]
mod tests;
