//! Close codes as a contract: 40xx reconnect, 45xx do not.
//!
//! Owns numbers and reasons. Never closes anything.

use std::borrow::Cow;

/// Why the server ends a WebSocket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Close {
    /// The client said goodbye.
    Normal,
    /// The server stops or restarts.
    Shutdown,
    /// The client reads too slowly.
    SlowConsumer,
    /// Nothing came from the client for too long.
    NoPong,
    /// The server lost this client's place in a log.
    PositionLost,
    /// The access token ran out without a fresh `auth`.
    TokenExpired,
    /// More sessions than one user may have.
    TooManySessions,
    /// The credential is wrong, expired at the start, or was revoked.
    BadCredential,
    /// Not a frame of this protocol; the reason says what.
    BadFrame(Cow<'static, str>),
    /// No `auth` in time.
    AuthTimeout,
    /// Kicked, banned, or the room is gone.
    Removed,
    /// A version this server does not speak.
    Version,
    /// Signed in, but not for this door.
    Forbidden,
}

/// Close reasons hold at most 123 bytes (RFC 6455 section 5.5).
const REASON_BYTES: usize = 123;

impl Close {
    /// The close code (RFC 6455 section 7.4.2: 4000 to 4999 are the application's).
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Close::Normal => 1000,
            Close::Shutdown => 4001,
            Close::SlowConsumer => 4002,
            Close::NoPong => 4003,
            Close::PositionLost => 4004,
            Close::TokenExpired => 4005,
            Close::TooManySessions => 4006,
            Close::BadCredential => 4500,
            Close::BadFrame(_) => 4501,
            Close::AuthTimeout => 4502,
            Close::Removed => 4503,
            Close::Version => 4505,
            Close::Forbidden => 4506,
        }
    }

    /// A few words, cut to what a close frame holds.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Close::Normal => "",
            Close::Shutdown => "shutdown",
            Close::SlowConsumer => "slow consumer",
            Close::NoPong => "no pong",
            Close::PositionLost => "position lost",
            Close::TokenExpired => "token expired",
            Close::TooManySessions => "too many sessions",
            Close::BadCredential => "bad credential",
            Close::BadFrame(what) => {
                let mut end = what.len().min(REASON_BYTES);
                while !what.is_char_boundary(end) {
                    end -= 1;
                }
                what.get(..end).unwrap_or_default()
            }
            Close::AuthTimeout => "auth timeout",
            Close::Removed => "banned or removed",
            Close::Version => "version",
            Close::Forbidden => "forbidden",
        }
    }

    /// Whether a client should come back by itself.
    #[must_use]
    pub fn reconnect(&self) -> bool {
        (4000..4500).contains(&self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_fit_a_close_frame() {
        let long = Close::BadFrame("é".repeat(200).into());
        assert!(long.reason().len() <= REASON_BYTES);
        assert!(!Close::BadCredential.reconnect() && Close::NoPong.reconnect());
    }
}
