//! Where the answer to a command goes: into a session's queue, or to a caller that waits.
//!
//! Owns the promise that every command is answered once, even when whoever should have answered is gone.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::oneshot;

use super::{Floor, frame::Frame, outbox::Outbox};
use crate::domain::wire::{ErrorCode, Logged, Sent, WireError};

/// What a durable write led to.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Written {
    /// Of `send`.
    Sent(Box<Sent>),
    /// Of everything else.
    Logged(Logged),
}

/// An answer that is owed; dropped, it becomes `unavailable`.
pub(super) struct Reply {
    to: Option<To>,
    floor: Arc<Floor>,
}

enum To {
    Session(Arc<Outbox>, Option<u64>),
    Caller(oneshot::Sender<Result<Written, WireError>>),
}

impl Reply {
    /// To the session's command `id`; without one it is only counted as decided.
    pub(super) fn to_session(outbox: &Arc<Outbox>, id: Option<u64>, floor: &Arc<Floor>) -> Self {
        Self { to: Some(To::Session(outbox.clone(), id)), floor: floor.clone() }
    }

    /// To somebody who waits for it.
    pub(super) fn to_caller(floor: &Arc<Floor>) -> (Self, oneshot::Receiver<Result<Written, WireError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { to: Some(To::Caller(sender)), floor: floor.clone() }, receiver)
    }

    /// Answers a durable write.
    pub(super) fn written(mut self, result: Result<Written, WireError>) {
        match self.to.take() {
            Some(To::Caller(caller)) => {
                self.count(result.as_ref().err());
                // A caller that has gone away wants no answer.
                let _ = caller.send(result);
            }
            Some(To::Session(outbox, id)) => self.to_outbox(&outbox, id, result.as_ref()),
            None => {}
        }
    }

    /// Answers anything else a session asked.
    pub(super) fn answer<T: Serialize>(mut self, result: Result<&T, &WireError>) {
        if let Some(To::Session(outbox, id)) = self.to.take() {
            self.to_outbox(&outbox, id, result);
        }
    }

    /// Answers that it was done.
    pub(super) fn done(self) {
        self.answer(Ok(&Done {}));
    }

    /// Refuses.
    pub(super) fn refuse(mut self, error: WireError) {
        match self.to.take() {
            Some(To::Session(outbox, id)) => self.to_outbox::<Done>(&outbox, id, Err(&error)),
            to => {
                self.to = to;
                self.written(Err(error));
            }
        }
    }

    fn to_outbox<T: Serialize>(&self, outbox: &Outbox, id: Option<u64>, result: Result<&T, &WireError>) {
        self.count(result.err());
        if result.is_err() {
            outbox.refuse();
        }
        outbox.answer(id.and_then(|id| match result {
            Ok(ok) => Frame::answer(id, ok),
            Err(error) => Frame::refusal(id, error),
        }));
    }

    fn count(&self, error: Option<&WireError>) {
        if let Some(error) = error {
            self.floor.metrics.refusals.with_label_values(&[error.code.as_str()]).inc();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let unavailable = WireError::new(ErrorCode::Unavailable, "not possible right now, try again");
        match self.to.take() {
            Some(To::Session(outbox, id)) => self.to_outbox::<Done>(&outbox, id, Err(&unavailable)),
            Some(To::Caller(caller)) => {
                self.count(Some(&unavailable));
                let _ = caller.send(Err(unavailable));
            }
            None => {}
        }
    }
}

/// `{}`
#[derive(Serialize)]
pub(super) struct Done {}
