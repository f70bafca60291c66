//! Floor 4: composes the floors into a running server.
//!
//! Owns the order in which things start and stop. Never does the work of a floor itself.

mod command_line;
mod setup;
mod signals;

pub use command_line::command_line;
pub use setup::fresh_setup_link;

use std::{io, net::SocketAddr, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use turn_secret::{Key, Keyring, KeyringError};

use crate::{
    auth::{PasswordError, Passwords, Secret, Tokens, TokensError},
    config::{Config, ConfigError, Settings},
    edge::{Limits, Listener, Stream},
    http::{self, Clock, Options, Peer, PublicUrl, RelayOptions, Relays, serve_connection},
    live::{Live, LiveOptions},
    metrics::Metrics,
    secrets::{DataDir, DataDirError, SECRET_BYTES},
    store::{Store, StoreError, StoreOptions},
};

/// Time for requests in flight to be answered after everybody was sent away.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(5);
/// Time beyond the drain itself that sessions have to end.
const SESSIONS_TIMEOUT: Duration = Duration::from_secs(5);
/// The file of the generated key that signs tokens.
const JWT_SECRET_FILE: &str = "jwt_secret_key";
/// The file of the generated TURN keyring.
const TURN_SECRET_FILE: &str = "turn_secret";

/// Why the server does not run; each is one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A value that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory or a secret in it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The port.
    #[error("LISTEN {0}: {1}")]
    Listen(SocketAddr, String),
    /// The database.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// The keys.
    #[error("JWT_SECRET_KEY: {0}")]
    Tokens(#[from] TokensError),
    /// The generated keyring in the data directory was changed by hand.
    #[error("TURN_SECRET in DATA_DIR: {0}")]
    Keyring(#[from] KeyringError),
    /// The password hashes.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// The series.
    #[error("metrics: {0}")]
    Metrics(String),
    /// The runtime, signals and the like.
    #[error("the system: {0}")]
    Io(#[from] io::Error),
    /// A command could not do what it was asked.
    #[error("{0}")]
    Refused(String),
}

impl AppError {
    /// The exit status: 2 where the configuration must change, 1 for the rest.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Tokens(_) => 2,
            _ => 1,
        }
    }
}

/// A server that runs; dropping it does not stop it, [`Running::drain`] does.
pub struct Running {
    /// Where it listens, with the real port.
    pub address: SocketAddr,
    /// Where people reach it.
    pub public_url: PublicUrl,
    /// The one-time link for the first admin, while there is none.
    pub setup_link: Option<String>,
    relays: Relays,
    app: http::App,
    store: Store,
    live: Live,
    accepting: CancellationToken,
    serving: CancellationToken,
    connections: TaskTracker,
    _data_dir: DataDir,
}

/// Starts everything and returns once the port accepts connections.
///
/// # Errors
/// See [`AppError`]; nothing is left running.
pub async fn start(config: &Config) -> Result<Running, AppError> {
    let settings = &config.settings;
    let data_dir = DataDir::open(&settings.server.data_dir)?;
    let metrics = Metrics::new().map_err(|error| AppError::Metrics(error.to_string()))?;
    // Before anything slow: a port in use should be told at once.
    let listener = listen(settings, &metrics)?;
    let address = listener.local_addr()?;
    let public_url = public_url(settings, address)?;
    let tokens = Tokens::new(&signing_secret(settings, &data_dir)?, settings.auth.jwt_algorithm)?;
    let relays = Relays::new(relay_options(settings, &data_dir)?);
    let passwords = Passwords::for_this_machine(metrics.password_hashes.clone())?;
    let (store, committed) = Store::open(&store_options(settings), &metrics).await?;
    let live = Live::start(store.clone(), committed, tokens.clone(), live_options(settings), metrics.clone());
    let setup_link = setup::link_for_first_admin(&store, &public_url).await?;
    let message_max = live_options(settings).message_max_length;
    let options = Options::new(&settings.http, &settings.auth, public_url.clone(), message_max);
    let app = http::App::new(
        store.clone(),
        live.clone(),
        tokens,
        passwords,
        metrics,
        relays.clone(),
        options,
        Clock::system(),
    );

    let (accepting, serving, connections) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    let router = http::router(app.clone());
    let (tracker, stop) = (connections.clone(), serving.clone());
    let serve = move |stream: Stream, address: SocketAddr| {
        let peer = Peer { address, secure: false };
        tracker.spawn(serve_connection(stream, peer, router.clone(), stop.clone()));
    };
    tokio::spawn(listener.run(accepting.clone(), serve));
    Ok(Running {
        address,
        public_url,
        setup_link,
        relays,
        app,
        store,
        live,
        accepting,
        serving,
        connections,
        _data_dir: data_dir,
    })
}

impl Running {
    /// Mints TURN credentials with another keyring from now on.
    pub fn set_keyring(&self, keyring: Keyring) {
        self.relays.set_keyring(keyring);
    }

    /// Closes the port, sends everybody away over `spread`, answers the requests in flight, closes the database.
    pub async fn drain(self, spread: Duration) {
        self.app.start_draining();
        self.accepting.cancel();
        if tokio::time::timeout(spread.saturating_add(SESSIONS_TIMEOUT), self.live.drain(spread)).await.is_err() {
            tracing::warn!("some sessions did not end in time");
        }
        self.serving.cancel();
        self.connections.close();
        if tokio::time::timeout(REQUESTS_TIMEOUT, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "some requests were not answered in time");
        }
        self.store.close().await;
    }
}

/// Runs the server until a signal ends it.
///
/// # Errors
/// See [`AppError`].
pub async fn serve(config: &Config) -> Result<(), AppError> {
    let mut signals = signals::Signals::listen()?;
    let running = start(config).await?;
    setup::greet(&running);
    tracing::info!(server.address = %running.address, server.url = %running.public_url, "ready");
    signals.until_asked_to_stop(|| signals::reload_keyring(config, &running)).await;
    tracing::info!("draining; a second signal quits at once");
    let spread = Duration::from_secs(config.settings.server.drain_seconds);
    tokio::select! {
        () = running.drain(spread) => tracing::info!("stopped"),
        () = signals.until_asked_to_stop(|| {}) => tracing::warn!("stopped at once"),
    }
    Ok(())
}

/// The address people reach the server at: the configured one, or what follows from where it listens.
///
/// # Errors
/// Never for an address that could be bound.
pub fn public_url(settings: &Settings, address: SocketAddr) -> Result<PublicUrl, AppError> {
    if let Some(url) = &settings.http.public_url {
        return Ok(url.clone());
    }
    // Browsers take microphones only from https or from this very name.
    let here = address.ip().is_loopback() || address.ip().is_unspecified();
    let text = if here { format!("http://localhost:{}", address.port()) } else { format!("http://{address}") };
    text.parse().map_err(|error: String| AppError::Config(ConfigError::new("LISTEN", error, None)))
}

/// Where the database is.
#[must_use]
pub fn store_options(settings: &Settings) -> StoreOptions {
    let mut options = StoreOptions::in_dir(&settings.server.data_dir);
    if let Some(url) = &settings.server.database_url {
        url.as_str().clone_into(&mut options.url);
    }
    options
}

fn live_options(settings: &Settings) -> LiveOptions {
    LiveOptions {
        receive_timeout: Duration::from_secs(settings.rooms.websocket_receive_timeout_seconds),
        messages_per_10s: settings.rooms.rate_limit_messages_per_10s,
        message_max_length: usize::try_from(settings.rooms.chat_message_max_length).unwrap_or(usize::MAX),
    }
}

fn listen(settings: &Settings, metrics: &Metrics) -> Result<Listener, AppError> {
    let uncounted = settings.http.trusted_proxies.0.iter().map(|network| network.0).collect();
    let address = settings.server.listen;
    Listener::bind(address, Limits::within(raise_open_files(), uncounted), metrics).map_err(|error| {
        let what = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "the port is in use by another program; stop that one or choose another port".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege; choose a higher one or grant CAP_NET_BIND_SERVICE".to_owned()
            }
            _ => error.to_string(),
        };
        AppError::Listen(address, what)
    })
}

/// Lifts the process's soft limit of open files to the hard one and answers it: the usual soft limit of 1,024 is a
/// courtesy to programs that use select(2).
fn raise_open_files() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    limit.current = limit.maximum;
    let in_force = if setrlimit(Resource::Nofile, limit).is_ok() { limit.maximum } else { soft };
    in_force.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

fn signing_secret(settings: &Settings, data_dir: &DataDir) -> Result<Secret, AppError> {
    if let Some(secret) = &settings.auth.jwt_secret_key {
        return Ok(secret.clone());
    }
    let make = || turn_secret::keyring::random_secret(SECRET_BYTES);
    Ok(Secret::new(data_dir.secret(JWT_SECRET_FILE, make)?))
}

fn relay_options(settings: &Settings, data_dir: &DataDir) -> Result<RelayOptions, AppError> {
    let turn = &settings.turn;
    let keyring = match &turn.turn_secret {
        Some(ring) => ring.clone(),
        None => data_dir
            .secret(TURN_SECRET_FILE, || Keyring::new(Key::generate(SECRET_BYTES)).to_text())?
            .parse::<Keyring>()?,
    };
    Ok(RelayOptions {
        servers: turn.webrtc_turn_servers.0.clone(),
        fallback: turn.webrtc_turn_fallback_servers.0.clone(),
        fixed: turn.webrtc_turn_username.clone().zip(turn.webrtc_turn_credential.clone()),
        keyring: Some(keyring),
        ttl: Duration::from_secs(turn.turn_credential_ttl_seconds),
    })
}
