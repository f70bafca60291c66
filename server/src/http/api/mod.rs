//! The REST endpoints, one family per file: types, errors, handlers and their documentation side by side.
//!
//! Owns the list of routes. Never decides a permission outside of [`crate::domain::access`].

mod account;
mod channels;
mod config;
mod cookie;
pub(super) mod health;
mod invites;
mod me;
mod members;
mod messages;
mod metrics;
mod refresh;
mod rooms;
pub(super) mod setup;
mod sign_in;
mod sign_ins;
mod visits;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{App, socket};

/// Every documented route.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::register))
        .routes(routes!(sign_in::login))
        .routes(routes!(sign_in::guest))
        .routes(routes!(refresh::refresh))
        .routes(routes!(refresh::logout))
        .routes(routes!(me::show, me::change, account::remove))
        .routes(routes!(sign_ins::list, sign_ins::end_others))
        .routes(routes!(sign_ins::end))
        .routes(routes!(setup::setup))
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::show, rooms::change, rooms::remove))
        .routes(routes!(channels::create))
        .routes(routes!(channels::change, channels::remove))
        .routes(routes!(members::list))
        .routes(routes!(members::change, members::remove))
        .routes(routes!(invites::list, invites::create))
        .routes(routes!(invites::revoke))
        .routes(routes!(visits::preview))
        .routes(routes!(visits::accept))
        .routes(routes!(messages::history))
        .routes(routes!(messages::send))
        .routes(routes!(messages::sync))
        .routes(routes!(config::client))
        .routes(routes!(config::webrtc))
        .routes(routes!(socket::all))
        .routes(routes!(socket::text))
        .routes(routes!(socket::signal))
        .routes(routes!(health::health))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}
