//! One WebSocket as the session uses it: frames in, shared bytes out.
//!
//! Owns what is half written. Reading goes through the WebSocket library, which also answers pings and closes; frames go
//! out past it, straight from the shared bytes in vectored writes: nothing is copied or kept for each session, and
//! whatever is queued leaves in one flush. The two never write in the middle of each other's frame.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message, Utf8Bytes,
        error::{CapacityError, ProtocolError},
        protocol::CloseFrame,
    },
};

use super::feed::Feed;
use crate::{
    domain::{limits::CLIENT_FRAME_BYTES, wire::Close},
    live::{frame::Frame, outbox::Outbox},
};

/// Slices of one vectored write: enough for a burst, small enough for the stack.
const SLICES: usize = 64;
/// Places for frames that an idle session keeps.
const IDLE_FRAMES: usize = 8;
/// After a frame that cannot be read on, what the client still sends is thrown away up to this many bytes, so that the
/// close frame is not lost to a connection reset.
const LINGER_BYTES: usize = 1024 * 1024;

/// What came from the client.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Incoming {
    /// A text frame.
    Text(Utf8Bytes),
    /// A ping or pong of the WebSocket protocol: a sign of life.
    Alive,
    /// A close frame with its code.
    Closed(Option<u16>),
    /// What must not be sent; the session ends.
    Bad(Close),
    /// The connection broke.
    Broken,
}

/// The WebSocket and what is on its way out.
pub(super) struct Socket<S> {
    ws: WebSocketStream<S>,
    batch: VecDeque<Arc<Frame>>,
    /// Bytes of the first frame of `batch` that are written.
    partial: usize,
    unflushed: bool,
    /// The library has something of its own to write.
    pong_due: bool,
    /// The last write had to wait.
    blocked: bool,
    /// After such a wait there was room again: the other end took something.
    taken: bool,
    /// A close frame of ours is in the library's hands.
    closing: bool,
    /// Reading through the library is over.
    unreadable: bool,
    lingered: usize,
}

impl<S> Socket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(ws: WebSocketStream<S>) -> Self {
        Self {
            ws,
            batch: VecDeque::new(),
            partial: 0,
            unflushed: false,
            pong_due: false,
            blocked: false,
            taken: false,
            closing: false,
            unreadable: false,
            lingered: 0,
        }
    }

    /// Whether [`Socket::poll_read`] may be called: the library must not write into a frame that is half out, nor pile up
    /// answers to pings for a client that does not read.
    pub(super) fn may_read(&self) -> bool {
        self.partial == 0 && !self.pong_due && !self.unreadable
    }

    /// The next thing from the client.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let incoming = match ready!(Pin::new(&mut self.ws).poll_next(cx)) {
            Some(Ok(Message::Text(text))) if text.len() > CLIENT_FRAME_BYTES => Incoming::Bad(too_large()),
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Ping(_))) => {
                self.pong_due = true;
                Incoming::Alive
            }
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Incoming::Alive,
            Some(Ok(Message::Binary(_))) => Incoming::Bad(Close::BadFrame("binary frame".into())),
            Some(Ok(Message::Close(frame))) => {
                // The library has its answer ready.
                self.closing = true;
                Incoming::Closed(frame.map(|frame| frame.code.into()))
            }
            Some(Err(error)) => {
                self.unreadable = true;
                failure(&error)
            }
            None => {
                self.unreadable = true;
                Incoming::Broken
            }
        };
        Poll::Ready(incoming)
    }

    /// Writes all that `feed` has, then flushes once. `Ready` when nothing is left.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        feed: &mut Feed,
        outbox: &Outbox,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.partial == 0 && self.pong_due {
                ready!(Pin::new(&mut self.ws).poll_flush(cx)).map_err(to_io)?;
                self.pong_due = false;
            }
            if self.batch.is_empty() {
                feed.fill(&mut self.batch);
                if self.batch.is_empty() {
                    break;
                }
            }
            ready!(self.poll_write_batch(cx, outbox))?;
        }
        if self.unflushed {
            ready!(Pin::new(self.ws.get_mut()).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the other end took something that had to wait, since this was last asked: a sign of life, for while a frame
    /// is half out nothing is read.
    pub(super) fn was_taken(&mut self) -> bool {
        std::mem::take(&mut self.taken)
    }

    /// Throws away what is queued, but for the rest of a frame that is half out.
    pub(super) fn give_up(&mut self, outbox: &Outbox) {
        let keep = usize::from(self.partial > 0);
        outbox.written(self.batch.drain(keep.min(self.batch.len())..));
    }

    /// Says goodbye with `close`, waits for the client's answer, and shuts the connection down. What is left of a frame
    /// goes first. The caller bounds the time.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>, outbox: &Outbox, close: &Close) -> Poll<()> {
        if ready!(self.poll_goodbye(cx, outbox, close)).is_err() {
            return Poll::Ready(());
        }
        while !self.unreadable {
            match ready!(Pin::new(&mut self.ws).poll_next(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) => self.unreadable = true,
                None => break,
            }
        }
        // A client that is gone already needs no notice.
        let _ = ready!(Pin::new(self.ws.get_mut()).poll_shutdown(cx));
        if self.unreadable {
            // It sees the end of our side behind the close frame, and ends its own.
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(())
    }

    fn poll_goodbye(&mut self, cx: &mut Context<'_>, outbox: &Outbox, close: &Close) -> Poll<io::Result<()>> {
        while !self.batch.is_empty() {
            ready!(self.poll_write_batch(cx, outbox))?;
        }
        if !self.closing {
            if self.pong_due {
                ready!(Pin::new(&mut self.ws).poll_flush(cx)).map_err(to_io)?;
                self.pong_due = false;
            }
            self.closing = true;
            let frame = CloseFrame { code: close.code().into(), reason: close.reason().to_owned().into() };
            let message = Message::Close((close.code() != 1000).then_some(frame));
            match Pin::new(&mut self.ws).start_send(message) {
                Ok(()) | Err(tungstenite::Error::ConnectionClosed) => {}
                Err(error) => return Poll::Ready(Err(to_io(error))),
            }
        }
        match ready!(Pin::new(&mut self.ws).poll_flush(cx)) {
            // The client's close is answered: nothing more will come.
            Err(tungstenite::Error::AlreadyClosed) | Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(to_io(error))),
        }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0u8; 1024];
        while self.lingered < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(self.ws.get_mut()).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.lingered = self.lingered.saturating_add(buffer.filled().len());
        }
        Poll::Ready(())
    }

    fn poll_write_batch(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut skip = self.partial;
        let mut used = 0usize;
        for (slice, frame) in slices.iter_mut().zip(&self.batch) {
            *slice = IoSlice::new(frame.bytes().get(skip..).unwrap_or_default());
            skip = 0;
            used = used.saturating_add(1);
        }
        let slices = slices.get(..used).unwrap_or_default();
        let Poll::Ready(written) = Pin::new(self.ws.get_mut()).poll_write_vectored(cx, slices) else {
            self.blocked = true;
            return Poll::Pending;
        };
        let written = written?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.taken |= std::mem::take(&mut self.blocked);
        self.unflushed = true;
        self.advance(written, outbox);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize, outbox: &Outbox) {
        let mut end = self.partial.saturating_add(written);
        let mut whole = 0usize;
        for frame in &self.batch {
            if end < frame.len() {
                break;
            }
            end -= frame.len();
            whole += 1;
        }
        self.partial = end;
        outbox.written(self.batch.drain(..whole));
        if self.batch.is_empty() && self.batch.capacity() > IDLE_FRAMES {
            // An idle session keeps no memory for a burst that is over.
            self.batch = VecDeque::new();
        }
    }
}

fn too_large() -> Close {
    Close::BadFrame(format!("frame larger than {CLIENT_FRAME_BYTES} bytes").into())
}

fn to_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// What an error of reading means.
fn failure(error: &tungstenite::Error) -> Incoming {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => Incoming::Bad(too_large()),
        tungstenite::Error::Utf8(_) => Incoming::Bad(Close::BadFrame("not UTF-8".into())),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Broken,
        tungstenite::Error::Protocol(error) => Incoming::Bad(Close::BadFrame(error.to_string().into())),
        _ => Incoming::Broken,
    }
}
