//! Floor 3: REST, problem+json, OpenAPI, the embedded browser client, and the upgrade to WebSocket.
//!
//! Owns what an HTTP request means. Never speaks SQL, never decides what a role may do (that is
//! [`crate::domain::access`]) and never runs a session (that is [`crate::live`]).

mod api;
mod assets;
mod attempts;
mod body;
mod client;
mod connection;
mod fields;
mod headers;
mod observe;
mod openapi;
mod options;
mod origins;
mod pages;
mod problem;
mod relays;
mod signed_in;
mod socket;

pub use api::setup::SETUP_TOKEN_HASH;
pub use client::Peer;
pub use connection::serve_connection;
pub use options::{HttpArgs, List, Network, Options, Origin, OriginRegex, PublicUrl, Registration};
pub use relays::{RelayOptions, Relays};

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use axum::{Router, middleware};

use crate::{
    auth::{Passwords, Tokens},
    domain::{Timestamp, UserId},
    live::Live,
    metrics::Metrics,
    store::Store,
};

/// Where this floor gets the time from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|| Timestamp::from_system(SystemTime::now())))
    }

    /// Another one, for tests.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// What handlers need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Floor>);

/// The parts of [`App`].
pub struct Floor {
    /// The database.
    pub store: Store,
    /// Sessions and rooms.
    pub live: Live,
    /// Access and refresh tokens.
    pub tokens: Tokens,
    /// Password hashes.
    pub passwords: Passwords,
    /// Series of the whole server.
    pub metrics: Metrics,
    /// STUN and TURN servers.
    pub relays: Relays,
    /// As configured.
    pub options: Options,
    /// The time.
    pub clock: Clock,
    attempts: attempts::Attempts,
    writes: attempts::Buckets<UserId>,
    assets: assets::Assets,
    origins: origins::Origins,
    security: headers::Security,
    readiness: api::health::Readiness,
    draining: AtomicBool,
}

impl App {
    /// Composes the floor.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "each is a floor or a part of its own, named at the call")]
    pub fn new(
        store: Store,
        live: Live,
        tokens: Tokens,
        passwords: Passwords,
        metrics: Metrics,
        relays: Relays,
        options: Options,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Floor {
            attempts: attempts::Attempts::default(),
            writes: attempts::Buckets::default(),
            assets: assets::Assets::load(),
            origins: origins::Origins::new(&options),
            security: headers::Security::new(&options),
            readiness: api::health::Readiness::default(),
            draining: AtomicBool::new(false),
            store,
            live,
            tokens,
            passwords,
            metrics,
            relays,
            options,
            clock,
        }))
    }

    /// From now on `/readyz` says no and WebSockets are refused: others should take over.
    pub fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Deref for App {
    type Target = Floor;
    fn deref(&self) -> &Floor {
        &self.0
    }
}

/// Every address of the server, for [`serve_connection`].
pub fn router(app: App) -> Router {
    let (documented, openapi) = api::router().split_for_parts();
    let routes = documented
        .merge(pages::router(&openapi::document(openapi)))
        .layer(middleware::from_fn(observe::note_route))
        .with_state(app.clone());
    finish(routes, app)
}

/// What every answer gets, known address or not. Outside of `routes`, so that it sees `Allow` and panics.
fn finish(routes: Router, app: App) -> Router {
    Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(app, observe::finish))
}
