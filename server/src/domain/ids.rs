//! Opaque identifiers: one newtype per noun, so that they cannot be mixed up.
//!
//! Owns their parsing and printing. Never says where an id comes from except by [`Uuid`] version 7.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id, ordered by creation time (UUIDv7, RFC 9562 section 5.7).
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// A person or a guest.
    UserId
);
id!(
    /// A room: members, roles and channels.
    RoomId
);
id!(
    /// A text or voice channel of a room.
    ChannelId
);
id!(
    /// A message of a text channel.
    MessageId
);
id!(
    /// One sign-in of a user: a family of refresh tokens and their access tokens.
    AuthSessionId
);
