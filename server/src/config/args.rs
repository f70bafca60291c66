//! The variables of this version that no lower floor defines for itself, and their types.
//!
//! Owns names, defaults and help texts: `charge --help` is the reference. Never looks at the environment.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use turn_probe::IceServer;
use turn_secret::Keyring;

/// What kind of life the server leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Environment {
    /// Lenient, for a first try.
    #[default]
    Development,
    /// Refuses weak secrets and plain HTTP.
    Production,
}

/// The process: where it listens, what it keeps.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// production refuses weak secrets, DEBUG and an http PUBLIC_URL
    #[arg(long, env = "ENVIRONMENT", value_name = "NAME", default_value = "development", ignore_case = true)]
    pub environment: Environment,
    /// THE port: page, REST and WebSocket; port 0 takes a free one
    #[arg(long, env = "LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The SQLite file and generated secrets; created with mode 0700
    #[arg(long, env = "DATA_DIR", value_name = "DIRECTORY", default_value = "./data")]
    pub data_dir: PathBuf,
    /// Where everything durable is; charge.db in DATA_DIR when unset
    #[arg(long, env = "DATABASE_URL", value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// Seconds over which SIGTERM sends people away
    #[arg(long, env = "DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(0..=600))]
    pub drain_seconds: u64,
}

/// Text rooms.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Rooms")]
pub struct RoomArgs {
    /// Longest message, in characters
    #[arg(long, env = "CHAT_MESSAGE_MAX_LENGTH", value_name = "CHARACTERS", default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub chat_message_max_length: u32,
    /// Messages a person may write in one channel in ten seconds; 0 = no limit
    #[arg(long, env = "RATE_LIMIT_MESSAGES_PER_10S", value_name = "COUNT", default_value_t = 20)]
    pub rate_limit_messages_per_10s: u32,
    /// Seconds of silence after which a WebSocket session is closed with 4003
    #[arg(long, env = "WEBSOCKET_RECEIVE_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(2..=3_600))]
    pub websocket_receive_timeout_seconds: u64,
}

/// What browsers are told about STUN and TURN.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TURN")]
pub struct TurnArgs {
    /// STUN and TURN servers, as a list with commas or the JSON of iceServers
    #[arg(long, env = "WEBRTC_TURN_SERVERS", value_name = "LIST", default_value = "[]", hide_env_values = true)]
    pub webrtc_turn_servers: IceServers,
    /// The same, tried after the others
    #[arg(
        long,
        env = "WEBRTC_TURN_FALLBACK_SERVERS",
        value_name = "LIST",
        default_value = "[]",
        hide_env_values = true
    )]
    pub webrtc_turn_fallback_servers: IceServers,
    /// User name of a relay with fixed credentials
    #[arg(long, env = "WEBRTC_TURN_USERNAME", value_name = "NAME")]
    pub webrtc_turn_username: Option<String>,
    /// Password of a relay with fixed credentials
    #[arg(long, env = "WEBRTC_TURN_CREDENTIAL", value_name = "SECRET", hide_env_values = true)]
    pub webrtc_turn_credential: Option<crate::auth::Secret>,
    /// Shared secrets for short-lived credentials, id:secret with commas, the first mints; generated once into DATA_DIR
    /// when unset
    #[arg(long, env = "TURN_SECRET", value_name = "SECRETS", hide_env_values = true)]
    pub turn_secret: Option<Keyring>,
    /// Seconds a TURN credential is good for
    #[arg(long, env = "TURN_CREDENTIAL_TTL_SECONDS", value_name = "SECONDS", default_value_t = 3_600,
        value_parser = clap::value_parser!(u64).range(60..=604_800))]
    pub turn_credential_ttl_seconds: u64,
}

/// A parsed list of ICE servers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IceServers(pub Vec<IceServer>);

impl FromStr for IceServers {
    type Err = turn_probe::EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        turn_probe::parse_servers(text).map(Self)
    }
}

/// A database this version can speak to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// As the store takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Err("this version does not use PostgreSQL yet");
        }
        match text.strip_prefix("sqlite://") {
            Some("") => Err("names no file"),
            Some(path) if path.contains(":memory:") => Err("a database in memory keeps nothing"),
            Some(path) if path.contains('?') => Err("takes nothing after the path"),
            Some(_) => Ok(Self(text.to_owned())),
            None => Err("must begin with sqlite://"),
        }
    }
}
