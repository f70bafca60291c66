//! `/api/config/client` and `/api/config/webrtc`: what a client must know before it starts.
//!
//! Owns their shapes. Never gives a relay's credential to somebody who is not signed in.

use axum::{Json as JsonAnswer, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{App, Registration, problem::Problem, signed_in::SignedIn};

/// What the browser client shows before anybody is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientConfig {
    /// The server's name.
    name: String,
    /// Who may make an account.
    registration: Registration,
    /// Characters of a message at most.
    message_max_length: usize,
    /// The server's version.
    version: &'static str,
}

/// A STUN or TURN server, as `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IceServer {
    /// Its addresses.
    urls: Vec<String>,
    /// Of a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Of a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

/// What the server is called and takes.
#[utoipa::path(get, path = "/api/config/client", tag = "config", security(()), responses((status = 200, body = ClientConfig)))]
pub(crate) async fn client(State(app): State<App>) -> JsonAnswer<ClientConfig> {
    JsonAnswer(ClientConfig {
        name: app.options.app_name.clone(),
        registration: app.options.registration,
        message_max_length: app.options.message_max_length,
        version: env!("CARGO_PKG_VERSION"),
    })
}
