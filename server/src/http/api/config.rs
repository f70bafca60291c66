//! `/api/config/client` and `/api/config/webrtc`: what a client must know before it starts.
//!
//! Owns their shapes. Never gives a relay's credential to somebody who is not signed in.

use axum::{Json as JsonAnswer, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::Timestamp,
    http::{App, Registration, problem::Problem, signed_in::SignedIn},
};

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

/// The TURN servers, for clients that handle them apart from STUN.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TurnConfig {
    /// Tried first.
    servers: Vec<IceServer>,
    /// Tried after.
    fallback_servers: Vec<IceServer>,
    /// For all of them that bring none of their own; null where no relay is configured.
    username: Option<String>,
    /// The same.
    credential: Option<String>,
    /// Seconds the credential is good for; ask again before it ends.
    ttl: u64,
    /// When it ends; null for a fixed one.
    expires_at: Option<Timestamp>,
}

/// What media needs to know.
#[derive(Serialize, ToSchema)]
pub(crate) struct MediaConfig {
    /// Speakers heard at once in a forwarded channel.
    slots: u32,
}

/// What a WebRTC client needs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebrtcConfig {
    /// All servers, first the primary ones, ready for `RTCPeerConnection`.
    ice_servers: Vec<IceServer>,
    /// The relays among them.
    turn: TurnConfig,
    /// Media.
    media: MediaConfig,
}

/// STUN and TURN servers with a credential of the signed-in user.
///
/// Clients of a voice channel use the `ice_servers` that `voice.join` answers instead: those fit the channel.
#[utoipa::path(get, path = "/api/config/webrtc", tag = "config", security(("bearer" = [])), responses((status = 200, body = WebrtcConfig)))]
pub(crate) async fn webrtc(State(app): State<App>, me: SignedIn) -> Result<JsonAnswer<WebrtcConfig>, Problem> {
    let offer = app.relays.offer(me.user, app.now());
    let servers = |servers: &[turn_probe::IceServer]| servers.iter().map(IceServer::from).collect::<Vec<_>>();
    let relays =
        |all: &[turn_probe::IceServer]| all.iter().filter(|server| is_relay(server)).map(IceServer::from).collect();
    let mut ice_servers = servers(&offer.servers);
    ice_servers.extend(servers(&offer.fallback));
    let (username, credential, expires_at) = match offer.credential {
        Some(told) => (Some(told.username), Some(told.credential), told.expires_at),
        None => (None, None, None),
    };
    let turn = TurnConfig {
        servers: relays(&offer.servers),
        fallback_servers: relays(&offer.fallback),
        username,
        credential,
        ttl: offer.ttl.as_secs(),
        expires_at,
    };
    Ok(JsonAnswer(WebrtcConfig { ice_servers, turn, media: MediaConfig { slots: app.options.voice_slots } }))
}

fn is_relay(server: &turn_probe::IceServer) -> bool {
    server.urls.iter().any(|url| url.scheme.is_turn())
}

impl From<&turn_probe::IceServer> for IceServer {
    fn from(server: &turn_probe::IceServer) -> Self {
        Self {
            urls: server.urls.iter().map(ToString::to_string).collect(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        }
    }
}
