//! The voice half of the wire.
//!
//! Owns shapes and names of `voice.*`. Never touches SDP or candidates beyond carrying them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Topology;
use crate::domain::{ChannelId, UserId};

/// `voice.join`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct VoiceJoin {
    /// Join with the microphone off.
    #[serde(default = "yes")]
    pub muted: bool,
    /// Join without hearing anyone.
    #[serde(default)]
    pub deafened: bool,
    /// From an earlier join, after a dropped WebSocket.
    #[serde(default)]
    pub resume: Option<String>,
}

fn yes() -> bool {
    true
}

/// `voice.offer`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct VoiceOffer {
    /// The session description (RFC 8866).
    pub sdp: String,
    /// An ICE restart.
    #[serde(default)]
    pub restart: bool,
}

/// `voice.ice`, both ways.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct VoiceIce {
    /// A candidate line (RFC 8839), empty at the end of candidates.
    pub candidate: String,
    /// The media section it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
}

/// `voice.signal` of a direct channel, from a client.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct VoiceSignal {
    /// The peer it is for.
    pub to: String,
    /// A description, or none.
    #[serde(default)]
    pub description: Option<Value>,
    /// A candidate, or none.
    #[serde(default)]
    pub candidate: Option<Value>,
}

/// `voice.state`: what the client shows; absent = unchanged.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct VoiceStateChange {
    /// Microphone off.
    #[serde(default)]
    pub muted: Option<bool>,
    /// Hears nobody.
    #[serde(default)]
    pub deafened: Option<bool>,
    /// Hand raised.
    #[serde(default)]
    pub hand: Option<bool>,
}

/// What a moderator does to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VoiceAction {
    /// Silence until a moderator lifts it.
    Mute,
    /// Lift the silence.
    Unmute,
    /// Out of the channel.
    Kick,
    /// Into another channel.
    Move,
}

/// `voice.moderate`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct VoiceModerate {
    /// Whom.
    pub peer: String,
    /// What.
    pub action: VoiceAction,
    /// Where to, of `move`.
    #[serde(default)]
    pub to: Option<ChannelId>,
}

/// One occupant of a voice channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VoicePeer {
    /// Its id in the channel.
    pub peer: String,
    /// Whose.
    pub user: UserId,
    /// What others see.
    pub name: String,
    /// Microphone off.
    pub muted: bool,
    /// Hears nobody.
    pub deafened: bool,
    /// Hand raised.
    pub hand: bool,
    /// Audible now.
    pub speaking: bool,
}

/// The answer to `voice.join`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct VoiceJoined {
    /// My id in the channel.
    pub peer: String,
    /// How voice travels.
    pub topology: Topology,
    /// Grows when the channel moves to another node.
    pub epoch: u64,
    /// For `voice.join` after a dropped WebSocket.
    pub resume: String,
    /// Receive slots.
    pub slots: u8,
    /// For this channel's topology (`RTCIceServer` dictionaries).
    pub ice_servers: Vec<Value>,
    /// Everybody in the channel.
    pub peers: Vec<VoicePeer>,
}

/// Why a peer is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VoiceLeftReason {
    /// By itself.
    Left,
    /// Silent for too long.
    Timeout,
    /// By a moderator.
    Kicked,
    /// To another channel.
    Moved,
}

/// Loss, jitter and round trip of one direction.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct LinkQuality {
    /// 0 to 1.
    pub loss: f32,
    /// Milliseconds.
    pub jitter_ms: f32,
    /// Milliseconds.
    pub rtt_ms: f32,
}

/// What the server says about voice.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "ev", content = "d")]
pub enum VoiceEvent {
    /// A candidate of the server.
    #[serde(rename = "voice.ice")]
    Ice(VoiceIce),
    /// Which peer is heard in which media section.
    #[serde(rename = "voice.slots")]
    Slots {
        /// mid to peer.
        slots: BTreeMap<String, Option<String>>,
    },
    /// From a peer of a direct channel; `from` is the server's word.
    #[serde(rename = "voice.signal")]
    Signal {
        /// Who.
        from: String,
        /// A description, or none.
        description: Option<Value>,
        /// A candidate, or none.
        candidate: Option<Value>,
    },
    /// Somebody came.
    #[serde(rename = "voice.joined")]
    Joined {
        /// Who.
        peer: VoicePeer,
    },
    /// Somebody went.
    #[serde(rename = "voice.left")]
    Left {
        /// Who.
        peer: String,
        /// Why.
        reason: VoiceLeftReason,
    },
    /// Mute, deafen, hand.
    #[serde(rename = "voice.state")]
    State {
        /// Whose.
        peer: String,
        /// Microphone off.
        muted: bool,
        /// Hears nobody.
        deafened: bool,
        /// Hand raised.
        hand: bool,
        /// Muted by a moderator.
        moderated: bool,
    },
    /// Who is audible, on change.
    #[serde(rename = "voice.speakers")]
    Speakers {
        /// Loudest first.
        peers: Vec<String>,
    },
    /// A moderator moved me; the connection stays.
    #[serde(rename = "voice.moved")]
    Moved {
        /// Out of.
        from: ChannelId,
        /// Into.
        to: ChannelId,
        /// Of the new channel.
        epoch: u64,
        /// Of the new channel.
        peers: Vec<VoicePeer>,
    },
    /// A moderator put me out.
    #[serde(rename = "voice.removed")]
    Removed {
        /// Why.
        reason: String,
        /// Who.
        by: UserId,
    },
    /// The node that carried the call is gone or draining; join again.
    #[serde(rename = "voice.rejoin")]
    Rejoin {
        /// Which channel.
        ch: ChannelId,
        /// Its new epoch.
        epoch: u64,
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// My connection, every 5 s.
    #[serde(rename = "voice.quality")]
    Quality {
        /// Me.
        peer: String,
        /// To the server.
        up: LinkQuality,
        /// From the server.
        down: LinkQuality,
        /// 0 (none) to 4 (good).
        score: u8,
    },
}
