//! Random changes against a model that is small enough to be right.
//!
//! Owns the model. Checks every answer, the log, and that history is the log's projection.

use std::{future::poll_fn, pin::Pin, task::Poll};

use charge::{
    domain::{
        ChannelId, MessageId, UserId,
        wire::{LogBody, LogEvent, Message, Reaction},
    },
    store::{Appended, Change, HistoryRange, LogWrite, Result, StoreError},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::world::{World, edit, react, send};

/// One random step; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Send { key: u8, text: u8, reply: Option<u8> },
    Edit { message: u8, text: u8 },
    Delete { message: u8 },
    React { message: u8, emoji: u8, add: bool },
    Pin { message: u8, add: bool },
}

fn steps() -> impl Strategy<Value = Vec<(u8, Step)>> {
    let step = prop_oneof![
        4 => (any::<u8>(), 0u8..2, prop::option::weighted(0.3, any::<u8>()))
            .prop_map(|(key, text, reply)| Step::Send { key, text, reply }),
        2 => (any::<u8>(), 0u8..3).prop_map(|(message, text)| Step::Edit { message, text }),
        1 => any::<u8>().prop_map(|message| Step::Delete { message }),
        3 => (any::<u8>(), 0u8..3, any::<bool>())
            .prop_map(|(message, emoji, add)| Step::React { message, emoji, add }),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(message, add)| Step::Pin { message, add }),
    ];
    prop::collection::vec((0u8..3, step), 1..60)
}

/// What the model knows of a message.
#[derive(Clone)]
struct Known {
    message: Message,
    key: String,
    first: (String, Option<u64>),
    /// Emoji, who, since which seq.
    reactions: Vec<(String, UserId, u64)>,
}

struct Model {
    channel: ChannelId,
    messages: Vec<Known>,
    log: Vec<LogBody>,
}

impl Model {
    fn known(&mut self, id: MessageId) -> Result<&mut Known> {
        self.messages.iter_mut().find(|known| known.message.id == id).ok_or(StoreError::Missing)
    }

    fn log(&mut self, body: LogBody) -> Result<Appended> {
        self.log.push(body.clone());
        Ok(Appended::Logged(LogEvent { ch: self.channel, seq: self.log.len() as u64, body }))
    }

    fn view(&self, known: &Known, viewer: UserId) -> Message {
        let mut reactions: Vec<Reaction> = Vec::new();
        let mut by_time = known.reactions.clone();
        by_time.sort_by_key(|(_, _, seq)| *seq);
        for (emoji, user, _) in by_time {
            match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
                Some(reaction) => {
                    reaction.count += 1;
                    reaction.me |= user == viewer;
                }
                None => reactions.push(Reaction { emoji, count: 1, me: user == viewer }),
            }
        }
        Message { reactions, ..known.message.clone() }
    }

    fn apply(&mut self, write: &LogWrite, name: &str) -> Result<Appended> {
        let (by, at, head) = (write.by, write.at, self.log.len() as u64);
        match &write.change {
            Change::Send { id, key, text, reply_to, .. } => {
                let body = (text.as_str().to_owned(), *reply_to);
                let before = self.messages.iter().find(|m| m.key == key.as_str() && m.message.author.id == by);
                if let Some(before) = before {
                    return if before.first == body {
                        Ok(Appended::Duplicate(self.view(before, by)))
                    } else {
                        Err(StoreError::Conflict("key"))
                    };
                }
                if reply_to.is_some_and(|seq| !self.messages.iter().any(|known| known.message.seq == seq)) {
                    return Err(StoreError::Missing);
                }
                let message = Message {
                    id: *id,
                    seq: head + 1,
                    channel: self.channel,
                    author: charge::domain::wire::Author { id: by, name: name.to_owned() },
                    text: body.0.clone(),
                    reply_to: *reply_to,
                    created_at: at,
                    edited_at: None,
                    deleted: false,
                    reactions: Vec::new(),
                    mentions: Vec::new(),
                    pinned: false,
                };
                let key = key.as_str().to_owned();
                self.messages.push(Known { message: message.clone(), key, first: body, reactions: Vec::new() });
                self.log(LogBody::MessageNew(message))
            }
            Change::Edit { message: id, text } => {
                let known = self.known(*id)?;
                if known.message.deleted {
                    return Err(StoreError::Missing);
                }
                let text = text.as_str().to_owned();
                if known.message.text == text {
                    return Ok(Appended::Unchanged(head));
                }
                known.message.text.clone_from(&text);
                known.message.edited_at = Some(at);
                self.log(LogBody::MessageEdit { message: *id, text, edited_at: at, by })
            }
            Change::Delete { message: id } => {
                let known = self.known(*id)?;
                if known.message.deleted {
                    return Ok(Appended::Unchanged(head));
                }
                known.reactions.clear();
                let gone = Message {
                    text: String::new(),
                    deleted: true,
                    edited_at: None,
                    pinned: false,
                    ..known.message.clone()
                };
                known.message = gone;
                for body in &mut self.log {
                    if let LogBody::MessageEdit { message, text, .. } = body
                        && message == id
                    {
                        text.clear();
                    }
                }
                self.log(LogBody::MessageDelete { message: *id, by })
            }
            Change::React { message: id, emoji, add } => {
                let known = self.known(*id)?;
                if known.message.deleted {
                    return Err(StoreError::Missing);
                }
                let there = known.reactions.iter().position(|(e, user, _)| e == emoji && *user == by);
                let (message, emoji, user) = (*id, emoji.clone(), by);
                match (there, add) {
                    (Some(_), true) | (None, false) => Ok(Appended::Unchanged(head)),
                    (None, true) => {
                        known.reactions.push((emoji.clone(), by, head + 1));
                        self.log(LogBody::ReactionAdd { message, emoji, user })
                    }
                    (Some(at), false) => {
                        known.reactions.remove(at);
                        self.log(LogBody::ReactionRemove { message, emoji, user })
                    }
                }
            }
            Change::Pin { message: id, add } => {
                let known = self.known(*id)?;
                if known.message.deleted {
                    return Err(StoreError::Missing);
                }
                if known.message.pinned == *add {
                    return Ok(Appended::Unchanged(head));
                }
                known.message.pinned = *add;
                let message = *id;
                self.log(if *add { LogBody::PinAdd { message, by } } else { LogBody::PinRemove { message, by } })
            }
        }
    }

    /// The log as it reads now: new messages with their text of today.
    fn expected_log(&self) -> Vec<LogEvent> {
        let now = |message: &Message| {
            let known = self.messages.iter().find(|known| known.message.id == message.id).unwrap();
            Message { pinned: false, ..known.message.clone() }
        };
        let bodies = self.log.iter().map(|body| match body {
            LogBody::MessageNew(message) => LogBody::MessageNew(now(message)),
            other => other.clone(),
        });
        (1..).zip(bodies).map(|(seq, body)| LogEvent { ch: self.channel, seq, body }).collect()
    }
}

/// The messages that a client has after reading the whole log.
fn project(log: &[LogEvent], viewer: UserId) -> Vec<Message> {
    let mut model = Model { channel: ChannelId::fresh(), messages: Vec::new(), log: Vec::new() };
    for event in log {
        match &event.body {
            LogBody::MessageNew(message) => model.messages.push(Known {
                message: message.clone(),
                key: String::new(),
                first: Default::default(),
                reactions: Vec::new(),
            }),
            LogBody::MessageEdit { message, text, edited_at, .. } => {
                let known = model.known(*message).unwrap();
                known.message.text.clone_from(text);
                known.message.edited_at = Some(*edited_at);
            }
            LogBody::MessageDelete { message, .. } => {
                let known = model.known(*message).unwrap();
                known.reactions.clear();
                let of = known.message.clone();
                known.message = Message { text: String::new(), deleted: true, edited_at: None, pinned: false, ..of };
            }
            LogBody::ReactionAdd { message, emoji, user } => {
                model.known(*message).unwrap().reactions.push((emoji.clone(), *user, event.seq));
            }
            LogBody::ReactionRemove { message, emoji, user } => {
                model.known(*message).unwrap().reactions.retain(|(e, u, _)| (e, u) != (emoji, user));
            }
            LogBody::PinAdd { message, .. } => model.known(*message).unwrap().message.pinned = true,
            LogBody::PinRemove { message, .. } => model.known(*message).unwrap().message.pinned = false,
            LogBody::Moderation { .. } => panic!("nothing writes one"),
        }
    }
    model.messages.iter().map(|known| model.view(known, viewer)).collect()
}

/// Puts all writes into the queue in order before any is answered, so that batches form.
async fn together(world: &World, writes: &[LogWrite]) -> Vec<Result<Appended>> {
    let mut waiting: Vec<Pin<Box<_>>> =
        writes.iter().map(|write| Box::pin(world.store.append(write.clone()))).collect();
    let mut answers: Vec<Option<Result<Appended>>> = writes.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, answer) in waiting.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                *answer = Some(done);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

fn as_text(answer: &Result<Appended>) -> String {
    match answer {
        Ok(appended) => format!("{appended:?}"),
        Err(error) => format!("refused: {error}"),
    }
}

/// One channel, its people, and what the model says of it.
struct Run<'a> {
    world: &'a World,
    people: &'a [(UserId, String)],
    model: Model,
    ids: Vec<MessageId>,
}

impl Run<'_> {
    fn write(&mut self, who: u8, step: &Step) -> LogWrite {
        const EMOJI: [&str; 3] = ["👍", "🎉", "👀"];
        let id = |n: u8| self.ids.get(usize::from(n) % self.ids.len().max(1)).copied().unwrap_or_else(MessageId::fresh);
        let change = match step {
            Step::Send { key, text, reply } => {
                let reply = reply.map(|n| u64::from(n) % (self.model.log.len() as u64 + 2));
                send(&format!("key-{}", key % 24), &format!("text {text}"), reply)
            }
            Step::Edit { message, text } => edit(id(*message), &format!("text {text}")),
            Step::Delete { message } => Change::Delete { message: id(*message) },
            Step::React { message, emoji, add } => react(id(*message), EMOJI[usize::from(*emoji)], *add),
            Step::Pin { message, add } => Change::Pin { message: id(*message), add: *add },
        };
        if let Change::Send { id, .. } = &change {
            self.ids.push(*id);
        }
        self.world.write(self.model.channel, self.people[usize::from(who)].0, change)
    }

    async fn steps(&mut self, steps: &[(u8, Step)], batch: usize) {
        for steps in steps.chunks(batch) {
            let writes: Vec<LogWrite> = steps.iter().map(|(who, step)| self.write(*who, step)).collect();
            let answers = together(self.world, &writes).await;
            let mut expected = Vec::new();
            for write in &writes {
                let name = &self.people.iter().find(|(id, _)| *id == write.by).unwrap().1;
                expected.push(self.model.apply(write, name));
            }
            for ((write, answer), expected) in writes.iter().zip(&answers).zip(&mut expected) {
                // A repetition is shown as it is after its commit; other writes may share that commit.
                if let Ok(Appended::Duplicate(message)) = expected {
                    let known = self.model.messages.iter().find(|known| known.message.id == message.id).unwrap();
                    *message = self.model.view(known, write.by);
                    if let (Ok(Appended::Duplicate(got)), true) = (answer, batch > 1) {
                        assert_eq!(got.id, message.id);
                        continue;
                    }
                }
                assert_eq!(as_text(answer), as_text(expected), "{write:?}");
            }
        }
    }

    async fn check(&self) {
        let (store, channel) = (&self.world.store, self.model.channel);
        let log = store.log_after(channel, 0, 100_000).await.unwrap();
        assert_eq!(log, self.model.expected_log());
        for (viewer, _) in self.people {
            let whole = HistoryRange { before: None, after: None, limit: 1000 };
            let page = store.history(channel, *viewer, whole).await.unwrap();
            let expected: Vec<Message> = self.model.messages.iter().map(|k| self.model.view(k, *viewer)).collect();
            assert_eq!(page.messages, expected);
            assert_eq!(project(&log, *viewer), expected, "history is the log's projection");
            let unread = self.model.messages.iter().filter(|k| !k.message.deleted && k.message.author.id != *viewer);
            assert_eq!(store.unread(channel, *viewer).await.unwrap().unread, unread.count() as u64);
        }
    }
}

pub(crate) async fn random_changes_agree_with_the_model(world: World) {
    let owner = world.user("owner").await;
    let mut people = Vec::new();
    for n in 0..3 {
        let user = world.user(&format!("user-{n}")).await;
        people.push((user.id, user.display_name));
    }
    let handle = tokio::runtime::Handle::current();
    let case = std::sync::atomic::AtomicU32::new(0);
    let run = |(steps, batch): (Vec<(u8, Step)>, usize)| {
        handle.block_on(async {
            let n = case.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (_, channel) = world.room(owner.id, &format!("room-{n}")).await;
            let model = Model { channel, messages: Vec::new(), log: Vec::new() };
            let mut run = Run { world: &world, people: &people, model, ids: Vec::new() };
            run.steps(&steps, batch).await;
            run.check().await;
        });
        Ok(())
    };
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
        runner.run(&(steps(), prop_oneof![Just(1usize), 2usize..40]), run).unwrap();
    });
}
