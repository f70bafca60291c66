//! From HTTP to WebSocket: handshake, Origin, subprotocol and credential of the three doors.
//!
//! Owns RFC 6455 section 4.2. Never reads or writes a frame of the protocol: that is [`crate::live`].

use std::{net::IpAddr, time::Duration};

use axum::{
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};
use uuid::Uuid;

use super::{
    App,
    body::Parameters,
    client::Client,
    connection::WayBack,
    fields::{Fields, number},
    problem::{Code, Problem},
    signed_in::{bearer, check, wire_user},
};
use crate::{
    domain::{
        ChannelId,
        limits::{CLIENT_FRAME_BYTES, SOCKET_BUFFER_BYTES},
        wire::{BEARER_PREFIX, Close, SUBPROTOCOL, SubTarget, User, event::Credential},
    },
    live::{Entrance, Live},
};

/// The version of RFC 6455.
const SOCKET_VERSION: &str = "13";
/// What every version of our subprotocol starts with.
const FAMILY: &str = "charge.v";
/// Longest name of an epoch in an address, in bytes: ours are far shorter.
const EPOCH_BYTES: usize = 64;
/// Time for a client that is turned away to answer the close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// What an upgraded connection is for.
pub(crate) struct Visit {
    entrance: Entrance,
    signed_in: Option<Result<(Credential, User), ()>>,
    address: IpAddr,
    turned_away: Option<Close>,
}

/// Everything the user may see, over one WebSocket.
///
/// The credential is a second subprotocol `bearer.<access token>`, an `Authorization` header, or the first frame.
#[utoipa::path(get, path = "/ws", tag = "live", security((), ("bearer" = [])),
    responses((status = 101, description = "Speaks `charge.v1` from here on"), (status = 403, description = "A foreign Origin"),
        (status = 426, description = "Not a WebSocket handshake")))]
pub(crate) async fn all(State(app): State<App>, client: Client, request: Request) -> Result<Response, Problem> {
    upgrade(&app, client, request, Entrance::All).await
}

/// One text channel, already subscribed.
#[utoipa::path(get, path = "/ws/text/{channel_id}", tag = "live", security((), ("bearer" = [])),
    params(("channel_id" = String, Path, description = "The channel"),
        ("epoch" = Option<String>, Query, description = "The log's epoch as the client knows it"),
        ("after" = Option<u64>, Query, description = "The last seq the client has")),
    responses((status = 101, description = "Speaks `charge.v1` from here on"), (status = 403, description = "A foreign Origin"),
        (status = 426, description = "Not a WebSocket handshake")))]
pub(crate) async fn text(
    State(app): State<App>,
    client: Client,
    Path(channel): Path<String>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let after = number(&mut fields, "after", parameters.text("after"), 0..=u64::MAX);
    let epoch = parameters.text("epoch").filter(|epoch| !epoch.is_empty()).map(str::to_owned);
    if epoch.as_ref().is_some_and(|epoch| epoch.len() > EPOCH_BYTES) {
        fields.refuse("epoch", "is not an epoch");
    }
    fields.finish()?;
    // What is no id is no channel; the session finds that out where it finds out about strangers' channels.
    let ch = channel.parse().unwrap_or(ChannelId(Uuid::nil()));
    upgrade(&app, client, request, Entrance::Text(SubTarget { ch, epoch, after })).await
}

/// Voice of one room.
#[utoipa::path(get, path = "/ws/signal/{room_slug}", tag = "live", security((), ("bearer" = [])),
    params(("room_slug" = String, Path, description = "The room")),
    responses((status = 101, description = "Speaks `charge.v1` from here on"), (status = 403, description = "A foreign Origin"),
        (status = 426, description = "Not a WebSocket handshake")))]
pub(crate) async fn signal(
    State(app): State<App>,
    client: Client,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    upgrade(&app, client, request, Entrance::Signal(slug)).await
}

async fn upgrade(app: &App, client: Client, mut request: Request, entrance: Entrance) -> Result<Response, Problem> {
    let accept = match handshake(&request) {
        Ok(accept) => accept,
        Err(problem) => return Ok(refuse_handshake(problem)),
    };
    if !app.origins.allow_request(request.headers(), client.secure) {
        return Err(Problem::forbidden("Pages of this Origin may not connect here; see CORS_ORIGINS."));
    }
    if app.is_draining() {
        return Err(Problem::unavailable("draining"));
    }
    let offer = Offer::of(request.headers());
    let token = offer.bearer.as_deref().or_else(|| bearer(request.headers()));
    let signed_in = match token {
        Some(token) => Some(sign_in(app, token).await?),
        None => None,
    };
    let way_back = request.extensions().get::<WayBack>().cloned();
    let way_back = way_back.ok_or_else(|| Problem::internal("this connection cannot be upgraded"))?;
    let turned_away = offer.unknown_version.then_some(Close::Version);
    let visit = Visit { entrance, signed_in, address: client.address, turned_away };
    let (live, upgraded) = (app.live.clone(), hyper::upgrade::on(&mut request));
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => way_back.receive(upgraded, live, visit).await,
            Err(error) => tracing::debug!(client.address = %client.address, %error, "upgrade ended early"),
        }
    });
    Ok(switch(&accept, offer.echo.as_deref()))
}

/// The signed-in user, `Err` for a bad credential (told by a close code, since a browser cannot read a 401).
async fn sign_in(app: &App, token: &str) -> Result<Result<(Credential, User), ()>, Problem> {
    let credential = match check(app, token).await {
        Ok(credential) => credential,
        Err(problem) if problem.code() == Code::Unauthenticated => return Ok(Err(())),
        Err(problem) => return Err(problem),
    };
    let user = app.store.user(credential.user).await?.filter(|user| !user.deleted);
    Ok(user.map(|user| (credential, wire_user(&user))).ok_or(()))
}

/// Checks the request of RFC 6455 section 4.2.1; answers `Sec-WebSocket-Accept`.
fn handshake(request: &Request) -> Result<String, Problem> {
    let headers = request.headers();
    let upgrade = has_token(headers, header::UPGRADE, "websocket") && has_token(headers, header::CONNECTION, "upgrade");
    let right_http = *request.method() == Method::GET && request.version() == Version::HTTP_11;
    if !upgrade || !right_http {
        return Err(Problem::new(Code::UpgradeRequired, "Connect with a WebSocket client."));
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    if version != Some(SOCKET_VERSION.as_bytes()) {
        return Err(Problem::new(Code::UpgradeRequired, "Only version 13 of WebSocket is spoken here."));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    match (keys.next().map(HeaderValue::as_bytes), keys.next()) {
        (Some(key), None) if STANDARD.decode(key).is_ok_and(|key| key.len() == 16) => Ok(derive_accept_key(key)),
        _ => Err(Problem::new(Code::Malformed, "Sec-WebSocket-Key must be 16 bytes in base64.")),
    }
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

fn refuse_handshake(problem: Problem) -> Response {
    let required = problem.code() == Code::UpgradeRequired;
    let mut response = problem.into_response();
    if required {
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(SOCKET_VERSION));
    }
    response
}

fn switch(accept: &str, protocol: Option<&str>) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol.and_then(|protocol| HeaderValue::from_str(protocol).ok()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// What the client's subprotocols say.
#[derive(PartialEq, Eq, Debug, Default)]
struct Offer {
    /// To be named in the answer.
    echo: Option<String>,
    /// Only versions of the protocol that this server does not speak.
    unknown_version: bool,
    bearer: Option<String>,
}

impl Offer {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
        let values = values.iter().filter_map(|value| value.to_str().ok());
        let offered: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let bearer = offered.iter().find_map(|name| name.strip_prefix(BEARER_PREFIX)).map(str::to_owned);
        if offered.contains(&SUBPROTOCOL) {
            return Self { echo: Some(SUBPROTOCOL.to_owned()), unknown_version: false, bearer };
        }
        // Accepted first: a browser learns nothing from a refused upgrade, but it can read a close code.
        let other = offered.iter().find(|name| name.starts_with(FAMILY)).map(|name| (*name).to_owned());
        Self { unknown_version: other.is_some(), echo: other, bearer }
    }
}

/// Takes the raw stream back from hyper, whose buffers are gone by then, and hands it to [`Live`].
pub(crate) async fn receive<S>(stream: S, early: Bytes, live: Live, visit: Visit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(Some(CLIENT_FRAME_BYTES))
        .max_frame_size(Some(CLIENT_FRAME_BYTES));
    let mut socket = WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Server, Some(config)).await;
    match visit.turned_away {
        Some(close) => {
            live.turned_away(&close, visit.address);
            turn_away(&mut socket, &close).await;
        }
        None => live.serve(socket, visit.entrance, visit.signed_in, visit.address).await,
    }
}

async fn turn_away<S>(socket: &mut WebSocketStream<S>, close: &Close)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = CloseFrame { code: close.code().into(), reason: close.reason().to_owned().into() };
    // Reading on until the client has closed too, so that the frame is not lost to a reset.
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = tokio::time::timeout(FAREWELL, goodbye).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(lines: &[&'static str]) -> Offer {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(line));
        }
        Offer::of(&headers)
    }

    #[test]
    fn ours_is_echoed_others_are_not() {
        assert_eq!(offer(&[]), Offer::default());
        assert_eq!(offer(&["graphql-ws, soap"]), Offer::default());
        let ours = offer(&["charge.v2", "bearer.a.b.c, charge.v1"]);
        assert_eq!(
            ours,
            Offer { echo: Some("charge.v1".into()), unknown_version: false, bearer: Some("a.b.c".into()) }
        );
        let newer = offer(&["charge.v2, bearer.a.b.c"]);
        assert!(newer.unknown_version && newer.echo.as_deref() == Some("charge.v2"));
        assert_eq!(offer(&["bearer.a.b.c"]), Offer { bearer: Some("a.b.c".into()), ..Offer::default() });
    }
}
