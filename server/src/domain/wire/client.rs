//! What a client may say: one JSON object per frame, decoded in two steps.
//!
//! Owns the grammar. A frame that is no object of the grammar ends the session (4501); a known command with a bad
//! body, or an unknown one, is answered with an error and costs nothing else.

use std::collections::HashSet;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    ErrorCode, WireError,
    voice::{VoiceIce, VoiceJoin, VoiceModerate, VoiceOffer, VoiceSignal, VoiceStateChange},
};
use crate::domain::{ChannelId, IdempotencyKey, MessageId, limits::SUB_CHANNELS};

/// A command and the `id` its answer carries.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Absent: the client wants no answer.
    pub id: Option<u64>,
    /// What it wants.
    pub command: Command,
}

/// The body of `send`, over WebSocket and REST alike.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, utoipa::ToSchema)]
pub struct Send {
    /// Unique for this sender and channel.
    pub key: IdempotencyKey,
    /// The text.
    pub text: String,
    /// The seq of the message it answers.
    #[serde(default)]
    pub reply_to: Option<u64>,
}

/// One channel of `sub`: where the client stands in it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct SubTarget {
    /// The channel.
    pub ch: ChannelId,
    /// The log's epoch as the client knows it.
    #[serde(default)]
    pub epoch: Option<String>,
    /// The last seq the client has; absent = only what comes from now on.
    #[serde(default)]
    pub after: Option<u64>,
}

/// A command of the protocol.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// First or fresh credential.
    Auth {
        /// An access token.
        token: String,
    },
    /// Follow channels.
    Sub(Vec<SubTarget>),
    /// Stop following.
    Unsub(Vec<ChannelId>),
    /// Write.
    Send(ChannelId, Send),
    /// Change one's message.
    Edit(ChannelId, MessageId, String),
    /// Delete a message.
    Delete(ChannelId, MessageId),
    /// Keep at hand.
    Pin(ChannelId, MessageId),
    /// No longer.
    Unpin(ChannelId, MessageId),
    /// Add an emoji.
    React(ChannelId, MessageId, String),
    /// Take it back.
    Unreact(ChannelId, MessageId, String),
    /// Everything up to here is read.
    Read(ChannelId, u64),
    /// I am writing.
    Typing(ChannelId),
    /// I am here.
    Pong,
    /// Into a voice channel.
    VoiceJoin(ChannelId, VoiceJoin),
    /// Negotiate media.
    VoiceOffer(VoiceOffer),
    /// A candidate.
    VoiceIce(VoiceIce),
    /// To a peer of a direct channel.
    VoiceSignal(VoiceSignal),
    /// Mute, deafen, hand.
    VoiceState(VoiceStateChange),
    /// On another peer.
    VoiceModerate(VoiceModerate),
    /// Out of voice.
    VoiceLeave,
}

/// Why a frame was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// Not a frame of the grammar: the session closes with 4501 and this reason.
    BadFrame(&'static str),
    /// A frame with an `op`, refused; answered when it has an `id`.
    Refused(Option<u64>, WireError),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    id: Option<u64>,
    op: std::borrow::Cow<'a, str>,
    #[serde(default, borrow)]
    ch: Option<&'a RawValue>,
    #[serde(default, borrow)]
    d: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

#[derive(Deserialize)]
struct OnMessage {
    message: MessageId,
}

#[derive(Deserialize)]
struct Edit {
    message: MessageId,
    text: String,
}

#[derive(Deserialize)]
struct React {
    message: MessageId,
    emoji: String,
}

#[derive(Deserialize)]
struct Read {
    upto: u64,
}

/// An emoji is one grapheme; the longest families and flags stay well under this many bytes.
const EMOJI_BYTES: usize = 64;

/// Decodes one text frame.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(text: &str) -> Result<Request, DecodeError> {
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|_| DecodeError::BadFrame("not a JSON object with an \"op\""))?;
    let id = envelope.id;
    let command = envelope.command().map_err(|error| DecodeError::Refused(id, error))?;
    Ok(Request { id, command })
}

fn invalid(what: impl Into<String>) -> WireError {
    WireError::new(ErrorCode::Validation, what)
}

impl Envelope<'_> {
    fn body<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        let raw = self.d.ok_or_else(|| invalid("\"d\" is missing"))?;
        serde_json::from_str(raw.get()).map_err(|error| {
            // serde's text names the field and the expected type; the position within `d` means nothing to the sender.
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            invalid(format!("d: {}", text.chars().take(200).collect::<String>()))
        })
    }

    /// The body where every field has a default.
    fn optional_body<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        match self.d {
            Some(_) => self.body(),
            None => serde_json::from_str("{}").map_err(|_| invalid("\"d\" is missing")),
        }
    }

    /// An id that is not one of ours cannot exist, which is what a stranger's id answers too.
    fn channel(&self) -> Result<ChannelId, WireError> {
        let raw = self.ch.ok_or_else(|| invalid("\"ch\" is missing"))?;
        let text: String = serde_json::from_str(raw.get()).map_err(|_| invalid("\"ch\" must be a string"))?;
        text.parse().map_err(|_| WireError::not_found())
    }

    fn reaction(&self) -> Result<(MessageId, String), WireError> {
        let React { message, emoji } = self.body()?;
        let bad =
            emoji.is_empty() || emoji.len() > EMOJI_BYTES || emoji.chars().any(|c| c.is_control() || c.is_whitespace());
        if bad {
            return Err(invalid("d: emoji must be one emoji"));
        }
        Ok((message, emoji))
    }

    fn command(&self) -> Result<Command, WireError> {
        Ok(match self.op.as_ref() {
            "auth" => Command::Auth { token: self.body::<Auth>()?.token },
            "sub" => Command::Sub(channels(self.body()?, |target: &SubTarget| target.ch)?),
            "unsub" => Command::Unsub(channels(self.body()?, |ch| *ch)?),
            "send" => Command::Send(self.channel()?, self.body()?),
            "edit" => {
                let Edit { message, text } = self.body()?;
                Command::Edit(self.channel()?, message, text)
            }
            "delete" => Command::Delete(self.channel()?, self.body::<OnMessage>()?.message),
            "pin" => Command::Pin(self.channel()?, self.body::<OnMessage>()?.message),
            "unpin" => Command::Unpin(self.channel()?, self.body::<OnMessage>()?.message),
            "react" => {
                let (message, emoji) = self.reaction()?;
                Command::React(self.channel()?, message, emoji)
            }
            "unreact" => {
                let (message, emoji) = self.reaction()?;
                Command::Unreact(self.channel()?, message, emoji)
            }
            "read" => Command::Read(self.channel()?, self.body::<Read>()?.upto),
            "typing" => Command::Typing(self.channel()?),
            "pong" => Command::Pong,
            op => self.voice_command(op)?,
        })
    }

    fn voice_command(&self, op: &str) -> Result<Command, WireError> {
        Ok(match op {
            "voice.join" => Command::VoiceJoin(self.channel()?, self.optional_body()?),
            "voice.offer" => Command::VoiceOffer(self.body()?),
            "voice.ice" => Command::VoiceIce(self.body()?),
            "voice.signal" => Command::VoiceSignal(self.body()?),
            "voice.state" => Command::VoiceState(self.body()?),
            "voice.moderate" => Command::VoiceModerate(self.body()?),
            "voice.leave" => Command::VoiceLeave,
            _ => return Err(WireError::new(ErrorCode::UnknownOp, "no such op")),
        })
    }
}

/// So many channels, each of them once.
fn channels<T>(list: Vec<T>, channel: impl Fn(&T) -> ChannelId) -> Result<Vec<T>, WireError> {
    if list.len() > SUB_CHANNELS {
        return Err(invalid(format!("d: at most {SUB_CHANNELS} channels at once")));
    }
    let mut seen = HashSet::with_capacity(list.len());
    if !list.iter().all(|item| seen.insert(channel(item))) {
        return Err(invalid("d: a channel is named twice"));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CH: &str = "0197a7a0-0000-7000-8000-000000000001";

    #[test]
    fn decodes_a_send() {
        let text = format!(r#"{{"id":3,"op":"send","ch":"{CH}","d":{{"key":"k","text":"hi","reply_to":4}},"x":1}}"#);
        let request = decode(&text).unwrap();
        assert_eq!(request.id, Some(3));
        let Command::Send(ch, send) = request.command else { panic!("not a send") };
        assert_eq!((ch.to_string().as_str(), send.text.as_str(), send.reply_to), (CH, "hi", Some(4)));
    }

    #[test]
    fn escaped_names_are_names_too() {
        assert_eq!(decode(r#"{"op":"p\u006fng"}"#).unwrap().command, Command::Pong);
    }

    #[test]
    fn what_is_no_frame_closes_what_is_no_command_answers() {
        for bad in ["", "[]", "{", "1", "{\"id\":1}", "{\"op\":7}", "{\"id\":-1,\"op\":\"pong\"}", "\u{0}"] {
            assert!(matches!(decode(bad), Err(DecodeError::BadFrame(_))), "{bad}");
        }
        let refused = |text: &str| match decode(text) {
            Err(DecodeError::Refused(_, error)) => error.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(r#"{"id":1,"op":"fly"}"#), ErrorCode::UnknownOp);
        assert_eq!(refused(r#"{"id":1,"op":"send","ch":"nonsense","d":{"key":"k","text":"x"}}"#), ErrorCode::NotFound);
        assert_eq!(refused(r#"{"id":1,"op":"send","d":{}}"#), ErrorCode::Validation);
        assert_eq!(
            refused(&format!(r#"{{"op":"send","ch":"{CH}","d":{{"key":"","text":"x"}}}}"#)),
            ErrorCode::Validation
        );
        let many =
            format!(r#"{{"op":"sub","d":[{}]}}"#, vec![format!(r#"{{"ch":"{CH}"}}"#); SUB_CHANNELS + 1].join(","));
        assert_eq!(refused(&many), ErrorCode::Validation);
        assert_eq!(
            refused(&format!(r#"{{"op":"sub","d":[{{"ch":"{CH}"}},{{"ch":"{CH}","after":0}}]}}"#)),
            ErrorCode::Validation
        );
        assert_eq!(refused(&format!(r#"{{"op":"unsub","d":["{CH}","{CH}"]}}"#)), ErrorCode::Validation);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = decode(&text);
        }

        #[test]
        fn never_panics_on_json(op in "[a-z.]{0,14}", d in "[\\[\\]{}\",:a-z0-9]{0,40}") {
            let _ = decode(&format!(r#"{{"op":"{op}","ch":"{CH}","d":{d}}}"#));
        }
    }
}
