//! One client WebSocket: connect, upgrade, read and write whole messages.
//!
//! Owns the socket and its buffers. It reads into a scratch buffer shared by all connections of a thread and parses in
//! place, so that a delivery costs the client one system call and no allocation. Never looks into messages itself: the
//! dialect does. The server's `Sec-WebSocket-Accept` is not checked; that is for conformance tests.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpSocket, TcpStream},
};

use crate::{
    dialect::{Dialect, Incoming},
    frame::{self, FrameError},
};

/// Size of the scratch buffer: a burst of a hundred messages in one read.
pub(crate) const SCRATCH_BYTES: usize = 256 * 1024;
/// Reads of one connection before others get their turn.
const READS_PER_TURN: usize = 4;
/// Longest answer to the upgrade.
const UPGRADE_BYTES: usize = 16 * 1024;
/// Time for connect and upgrade, and again for the server's protocol to be ready.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// How to get in: everything that differs between servers and connections.
pub(crate) struct Entrance {
    /// The server.
    pub(crate) address: SocketAddr,
    /// The loopback address to come from.
    pub(crate) source: Ipv4Addr,
    /// Path and query of the upgrade.
    pub(crate) path: String,
    /// An access token for the upgrade.
    pub(crate) bearer: Option<String>,
    /// What is spoken afterwards.
    pub(crate) dialect: Box<dyn Dialect>,
}

/// Why a connection ended or did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// The server sent no WebSocket frames.
    #[error("framing: {0}")]
    Frame(#[from] FrameError),
    /// No 101.
    #[error("upgrade refused: {0}")]
    Upgrade(String),
    /// The server closed.
    #[error("closed by the server, code {0}")]
    Closed(u16),
    /// Nothing came in time.
    #[error("not ready in time")]
    Timeout,
    /// The server refused something during set-up.
    #[error("refused: {0}")]
    Refused(String),
}

/// One open WebSocket.
pub(crate) struct Connection {
    stream: TcpStream,
    dialect: Box<dyn Dialect>,
    /// Bytes of a frame that is not all there.
    partial: Vec<u8>,
    /// Fragments of a message that is not all there.
    fragments: Vec<u8>,
    /// Frames not yet written.
    out: Vec<u8>,
    payload: Vec<u8>,
    mask: u32,
}

impl Connection {
    /// Connects, upgrades and waits until the server's protocol is ready.
    ///
    /// # Errors
    /// Any end before that.
    pub(crate) async fn open(entrance: Entrance, scratch: &mut [u8]) -> Result<Self, ConnectionError> {
        let mut connection = tokio::time::timeout(OPEN_TIMEOUT, Self::upgrade(entrance))
            .await
            .map_err(|_| ConnectionError::Timeout)??;
        tokio::time::timeout(OPEN_TIMEOUT, connection.set_up(scratch))
            .await
            .map_err(|_| ConnectionError::Timeout)??;
        Ok(connection)
    }

    async fn upgrade(entrance: Entrance) -> Result<Self, ConnectionError> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(entrance.source), 0))?;
        let mut stream = socket.connect(entrance.address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: Y2hhcmdlLWJlbmNoLWtleQ==\r\n",
            entrance.path, entrance.address
        );
        if let Some(token) = &entrance.bearer {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut chunk = [0; 1024];
        let end = loop {
            let read = stream.read(&mut chunk).await?;
            answer.extend_from_slice(chunk.get(..read).unwrap_or_default());
            if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
                break end + 4;
            }
            if read == 0 || answer.len() > UPGRADE_BYTES {
                return Err(ConnectionError::Upgrade(first_line(&answer)));
            }
        };
        if !answer.starts_with(b"HTTP/1.1 101") {
            return Err(ConnectionError::Upgrade(first_line(&answer)));
        }
        let partial = answer.split_off(end);
        let (fragments, out, payload) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { stream, dialect: entrance.dialect, partial, fragments, out, payload, mask: 0x9E37_79B9 })
    }

    async fn set_up(&mut self, scratch: &mut [u8]) -> Result<(), ConnectionError> {
        let (mut set_up, mut refused) = (false, None);
        let mut take = |incoming: Incoming<'_>| match incoming {
            Incoming::Ready => set_up = true,
            Incoming::Refused { reason } => refused = Some(reason),
            _ => {}
        };
        // The server may have spoken in the same segment as its 101.
        let early = std::mem::take(&mut self.partial);
        let taken = self.frames(&early, &mut take)?;
        self.partial = early.get(taken..).unwrap_or_default().to_vec();
        loop {
            if let Some(reason) = refused {
                return Err(ConnectionError::Refused(reason));
            }
            if set_up {
                return Ok(());
            }
            let mut take = |incoming: Incoming<'_>| match incoming {
                Incoming::Ready => set_up = true,
                Incoming::Refused { reason } => refused = Some(reason),
                _ => {}
            };
            std::future::poll_fn(|cx| self.poll_step(cx, scratch, &mut take)).await?;
        }
    }

    /// Queues a send of `text`; [`Connection::poll_step`] writes it.
    pub(crate) fn publish(&mut self, id: u64, text: &str) {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        self.dialect.publish(id, text, &mut payload);
        self.queue(self.dialect.opcode(), &payload);
        self.payload = payload;
    }

    fn queue(&mut self, opcode: u8, payload: &[u8]) {
        // Masks must differ; against what they guard (proxies on the way) loopback needs no randomness.
        self.mask = self.mask.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        frame::encode(opcode, payload, self.mask.to_ne_bytes(), &mut self.out);
    }

    /// Writes what is queued and reads what is there; ready once something was read.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        take: &mut dyn FnMut(Incoming<'_>),
    ) -> Poll<Result<(), ConnectionError>> {
        self.write_some(cx)?;
        let mut any = false;
        for _ in 0..READS_PER_TURN {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer)? {
                Poll::Pending if any => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => any = true,
            }
            let read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Err(ConnectionError::Closed(1006)));
            }
            let full = read.len() == buffer.capacity();
            self.take_bytes(read, take)?;
            self.write_some(cx)?;
            if !full {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn write_some(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out)? {
                Poll::Ready(written) => drop(self.out.drain(..written)),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn take_bytes(&mut self, read: &[u8], take: &mut dyn FnMut(Incoming<'_>)) -> Result<(), ConnectionError> {
        if self.partial.is_empty() {
            let taken = self.frames(read, take)?;
            self.partial.extend_from_slice(read.get(taken..).unwrap_or_default());
            return Ok(());
        }
        let mut partial = std::mem::take(&mut self.partial);
        partial.extend_from_slice(read);
        let taken = self.frames(&partial, take)?;
        partial.drain(..taken);
        self.partial = partial;
        Ok(())
    }

    /// Handles all whole frames of `bytes`; returns how many bytes they were.
    fn frames(&mut self, bytes: &[u8], take: &mut dyn FnMut(Incoming<'_>)) -> Result<usize, ConnectionError> {
        let mut done = 0;
        while let Some(frame) = frame::parse(bytes.get(done..).unwrap_or_default())? {
            done += frame.taken;
            match frame.opcode {
                frame::TEXT | frame::BINARY if frame.fin => self.message(frame.payload, take),
                frame::TEXT | frame::BINARY | frame::CONTINUATION => {
                    self.fragments.extend_from_slice(frame.payload);
                    if frame.fin {
                        let whole = std::mem::take(&mut self.fragments);
                        self.message(&whole, take);
                    }
                }
                frame::PING => self.queue(frame::PONG, frame.payload),
                frame::CLOSE => return Err(ConnectionError::Closed(frame::close_code(frame.payload))),
                _ => {}
            }
        }
        Ok(done)
    }

    fn message(&mut self, payload: &[u8], take: &mut dyn FnMut(Incoming<'_>)) {
        let mut replies = Vec::new();
        self.dialect.decode(payload, &mut |incoming| match incoming {
            Incoming::Reply(reply) => replies.push(reply),
            other => take(other),
        });
        for reply in replies {
            self.queue(self.dialect.opcode(), &reply);
        }
    }
}

/// The status line of an HTTP answer, for an error text.
fn first_line(answer: &[u8]) -> String {
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::dialect::{Part, Socketio, Ws};

    async fn server(frames: Vec<u8>) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            request.truncate(read);
            let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec();
            answer.extend(frames);
            stream.write_all(&answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            request.extend(rest);
            request
        });
        (address, task)
    }

    fn entrance(address: SocketAddr, dialect: Box<dyn Dialect>) -> Entrance {
        let (source, path) = (Ipv4Addr::new(127, 0, 7, 9), "/subscribe".to_owned());
        Entrance { address, source, path, bearer: Some("secret".to_owned()), dialect }
    }

    fn text(payload: &str) -> Vec<u8> {
        let mut bytes = vec![0x81, u8::try_from(payload.len()).unwrap()];
        bytes.extend(payload.as_bytes());
        bytes
    }

    #[tokio::test]
    async fn frames_behind_the_upgrade_in_one_segment_are_not_lost() {
        let mut frames = text(r#"{"ev":"hello"}"#);
        frames.extend(text(r#"{"id":1,"ok":true}"#));
        let (address, task) = server(frames).await;
        let mut scratch = vec![0; SCRATCH_BYTES];
        let connection = Connection::open(entrance(address, Box::new(Ws)), &mut scratch).await.unwrap();
        drop(connection);
        let request = String::from_utf8(task.await.unwrap()).unwrap();
        assert!(request.starts_with("GET /subscribe HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Authorization: Bearer secret\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_message_in_two_fragments_and_a_reply() {
        let mut frames = vec![0x01, 1, b'0', 0x80, 2, b'{', b'}'];
        frames.extend(text("40{}"));
        let (address, task) = server(frames).await;
        let mut scratch = vec![0; SCRATCH_BYTES];
        let mut connection = Connection::open(entrance(address, Box::new(Socketio)), &mut scratch).await.unwrap();
        let end = std::future::poll_fn(|cx| connection.poll_step(cx, &mut scratch, &mut |_| {})).await;
        assert!(matches!(end, Err(ConnectionError::Closed(1006))));
        drop(connection);
        let sent = task.await.unwrap();
        // The masked frame of "40": two bytes of header, four of mask, two of payload.
        let reply = &sent[sent.len() - 8..];
        assert_eq!((reply[0], reply[1]), (0x81, 0x82));
        assert_eq!([reply[6] ^ reply[2], reply[7] ^ reply[3]], *b"40");
    }

    #[tokio::test]
    async fn a_close_before_ready_is_an_error_with_its_code() {
        let (address, _task) = server(vec![0x88, 2, 0x11, 0x94]).await;
        let mut scratch = vec![0; SCRATCH_BYTES];
        let charge = crate::dialect::Charge::new(Part::Subscriber, "c".to_owned(), 0);
        let error = Connection::open(entrance(address, Box::new(charge)), &mut scratch).await.err().unwrap();
        assert_eq!(error.to_string(), "closed by the server, code 4500");
    }
}
