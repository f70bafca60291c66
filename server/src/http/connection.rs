//! One accepted connection: HTTP/1.1 until it ends or becomes a WebSocket.
//!
//! Owns hyper's settings and the way back from hyper to the raw stream. Never accepts connections itself.

use std::{future::Future, marker::PhantomData, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade::Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    client::Peer,
    socket::{Visit, receive},
};
use crate::live::Live;

/// Time for a request's head to arrive, and for the next one on an idle connection to start.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// hyper's buffer of one connection, in bytes; also the largest head. A browser's is under 2 KiB.
const HEAD_BYTES: usize = 16 * 1024;
/// Headers of one request.
const HEADERS: usize = 64;

/// Serves `stream` until the client closes it, it became a WebSocket (which then lives in a task of its own), or
/// `stop` is cancelled and the request in flight was answered.
pub async fn serve_connection<S>(stream: S, peer: Peer, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let way_back = WayBack(Arc::new(Transport::<S>(PhantomData)));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(way_back.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that went away or spoke something else: its business, not ours.
        tracing::debug!(client.address = %peer.address.ip(), %error, "connection ended");
    }
}

/// Leads from an upgraded request back to the stream it came by: only [`serve_connection`] knows its type.
#[derive(Clone)]
pub(crate) struct WayBack(Arc<dyn Receive>);

impl WayBack {
    /// Serves the upgraded connection to its end.
    pub(crate) fn receive(
        &self,
        upgraded: Upgraded,
        live: Live,
        visit: Visit,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.receive(upgraded, live, visit)
    }
}

trait Receive: Send + Sync {
    fn receive(&self, upgraded: Upgraded, live: Live, visit: Visit) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

struct Transport<S>(PhantomData<fn() -> S>);

impl<S> Receive for Transport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn receive(&self, upgraded: Upgraded, live: Live, visit: Visit) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match upgraded.downcast::<TokioIo<S>>() {
            Ok(parts) => Box::pin(receive(parts.io.into_inner(), parts.read_buf, live, visit)),
            Err(_) => {
                tracing::error!("an upgraded connection is not of the type it was served as");
                Box::pin(std::future::ready(()))
            }
        }
    }
}
