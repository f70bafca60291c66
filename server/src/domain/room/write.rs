//! Who may change a channel's log, and how.
//!
//! Owns the decision about one durable write. Never numbers, stores or limits it.

use crate::domain::{
    Action, IdempotencyKey, MessageId, MessageText, Role, UserId,
    access::allows,
    mention::{Mentions, mentions},
    wire::{ErrorCode, WireError},
};

/// A durable write somebody asks for. `author` is the message's, as the store says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// A new message.
    Send {
        /// Unique for this sender and channel.
        key: IdempotencyKey,
        /// What it says.
        text: MessageText,
        /// The seq of the message it answers.
        reply_to: Option<u64>,
        /// Whom it names, read from the text.
        mentions: Mentions,
    },
    /// A new text.
    Edit {
        /// Which.
        message: MessageId,
        /// Whose.
        author: UserId,
        /// What it says now.
        text: MessageText,
    },
    /// Turn it into a tombstone.
    Delete {
        /// Which.
        message: MessageId,
        /// Whose.
        author: UserId,
    },
    /// Pin, or unpin.
    Pin {
        /// Which.
        message: MessageId,
        /// Whose.
        author: UserId,
        /// False unpins.
        add: bool,
    },
    /// Add, or take back, an emoji.
    React {
        /// To which.
        message: MessageId,
        /// Which emoji.
        emoji: String,
        /// False takes it back.
        add: bool,
    },
}

impl Ask {
    /// A new message, with the names its text calls.
    #[must_use]
    pub fn send(key: IdempotencyKey, text: MessageText, reply_to: Option<u64>) -> Self {
        let mentions = mentions(text.as_str());
        Self::Send { key, text, reply_to, mentions }
    }
}

/// What a permitted write may do beyond itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit {
    /// `@here` and `@room` count as naming everybody.
    pub mentions_all: bool,
}

/// Decides; `head` is the channel's newest published seq.
pub(super) fn permit(user: UserId, role: Role, head: u64, ask: &Ask) -> Result<Permit, WireError> {
    let mut permit = Permit { mentions_all: false };
    let allowed = match ask {
        Ask::Send { reply_to, mentions, .. } => {
            // The store knows what was committed a moment ago; this refuses only what cannot be.
            if reply_to.is_some_and(|seq| seq == 0 || seq > head.saturating_add(REPLY_AHEAD)) {
                return Err(WireError::new(ErrorCode::Validation, "d: reply_to is no message of this channel"));
            }
            permit.mentions_all = (mentions.here || mentions.room) && allows(role, Action::MentionAll);
            allows(role, Action::Post)
        }
        Ask::Edit { author, .. } => *author == user && allows(role, Action::Post),
        Ask::Delete { author, .. } | Ask::Pin { author, .. } => *author == user || allows(role, Action::Moderate),
        Ask::React { .. } => allows(role, Action::Post),
    };
    if allowed {
        return Ok(permit);
    }
    Err(WireError::new(ErrorCode::Forbidden, "not yours to change"))
}

/// An answer to a message whose `ok` came before its event was published is plausible: no more can be on their way.
const REPLY_AHEAD: u64 = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Guest, Role::Member, Role::Admin, Role::Owner];

    fn text() -> MessageText {
        MessageText::parse("hi @room", 100).unwrap()
    }

    #[test]
    fn only_the_author_edits() {
        let (me, other) = (UserId::fresh(), UserId::fresh());
        for role in ROLES {
            let edit = |author| Ask::Edit { message: MessageId::fresh(), author, text: text() };
            assert!(permit(me, role, 9, &edit(me)).is_ok());
            assert_eq!(permit(me, role, 9, &edit(other)).unwrap_err().code, ErrorCode::Forbidden, "{role:?}");
        }
    }

    #[test]
    fn moderators_delete_and_pin_what_is_not_theirs() {
        let (me, other) = (UserId::fresh(), UserId::fresh());
        for role in ROLES {
            let message = MessageId::fresh();
            for author in [me, other] {
                let expected = author == me || role >= Role::Admin;
                assert_eq!(permit(me, role, 9, &Ask::Delete { message, author }).is_ok(), expected, "{role:?}");
                assert_eq!(permit(me, role, 9, &Ask::Pin { message, author, add: true }).is_ok(), expected, "{role:?}");
            }
        }
    }

    #[test]
    fn everybody_is_named_only_by_those_who_may() {
        for role in ROLES {
            let ask = Ask::send(IdempotencyKey::parse("k").unwrap(), text(), None);
            let all = permit(UserId::fresh(), role, 0, &ask).unwrap().mentions_all;
            assert_eq!(all, role >= Role::Admin, "{role:?}");
        }
    }

    #[test]
    fn a_reply_to_nothing_is_refused() {
        let ask = |seq| Ask::send(IdempotencyKey::parse("k").unwrap(), text(), Some(seq));
        assert!(permit(UserId::fresh(), Role::Guest, 5, &ask(5)).is_ok());
        for seq in [0, 1_000_000, u64::MAX] {
            let refused = permit(UserId::fresh(), Role::Guest, 5, &ask(seq)).unwrap_err();
            assert_eq!(refused.code, ErrorCode::Validation);
        }
    }
}
