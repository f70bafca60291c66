//! Floor 1: the one port.
//!
//! Owns the listening socket, the accept loop and how many connections there may be, in all and from one address.
//! Never reads a byte of what they carry and never imports a neighbour: streams leave through the function that app
//! gives it.

mod census;
mod stream;

pub use stream::Stream;

use std::{future::Future, io, net::SocketAddr, time::Duration};

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{domain::limits::SOCKET_SEND_BUFFER_BYTES, metrics::Metrics};
use census::Census;

/// Open connections in all. Each costs a file descriptor and about 12 KiB; the process's own limit may be lower.
pub const CONNECTIONS: usize = 50_000;
/// Open connections from one address (IPv6: one /64): an office behind one NAT fits, one script does not take all.
/// Loopback and trusted proxies speak for many and are not counted.
pub const CONNECTIONS_PER_ADDRESS: usize = 1_000;
/// File descriptors left to the database, logs and listeners when connections take theirs.
const RESERVED_FILES: usize = 128;
/// Connections the kernel completes while the loop is busy; it cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;
/// First pause after the kernel had no descriptor or memory for us; doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(10);
/// Longest such pause: recovery is noticed within a second.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How many connections there may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// In all.
    pub connections: usize,
    /// From one address.
    pub per_address: usize,
    /// Networks that are not counted by address.
    pub uncounted: Vec<IpNet>,
}

impl Limits {
    /// [`CONNECTIONS`], or what `open_files` (the process's limit) leaves for them; [`CONNECTIONS_PER_ADDRESS`].
    #[must_use]
    pub fn within(open_files: usize, uncounted: Vec<IpNet>) -> Self {
        let left = open_files.saturating_sub(RESERVED_FILES).max(1);
        Self { connections: CONNECTIONS.min(left), per_address: CONNECTIONS_PER_ADDRESS, uncounted }
    }
}

/// The bound port, accepting once it runs.
pub struct Listener {
    socket: TcpListener,
    census: Census,
}

impl Listener {
    /// Binds `address` (port 0 = any free one). IPv6 addresses take IPv6 only, except `[::]`, which takes both.
    ///
    /// # Errors
    /// Those of the system: in use, not ours, not permitted.
    pub fn bind(address: SocketAddr, limits: Limits, metrics: &Metrics) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        // A restart must not wait for the connections of the process before it; two live listeners still exclude
        // each other.
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit it: a stalled reader then pins this much kernel memory, not megabytes.
        socket.set_send_buffer_size(SOCKET_SEND_BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        Ok(Self { socket, census: Census::new(limits, metrics) })
    }

    /// Where it listens, with the real port.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop` and hands each stream with the other end's address to `serve`; then closes the socket.
    /// `serve` must not block: it spawns or queues.
    pub async fn run(self, stop: CancellationToken, serve: impl FnMut(Stream, SocketAddr)) {
        let Self { socket, census } = self;
        accept_loop(|| socket.accept(), &census, &stop, serve).await;
    }
}

/// The loop itself, over any source of connections so that its failures can be tried.
async fn accept_loop<A, F>(
    mut accept: A,
    census: &Census,
    stop: &CancellationToken,
    mut serve: impl FnMut(Stream, SocketAddr),
) where
    A: FnMut() -> F,
    F: Future<Output = io::Result<(TcpStream, SocketAddr)>>,
{
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = accept() => accepted,
        };
        match accepted {
            Ok((socket, address)) => {
                pause = Pause::default();
                match census.admit(address.ip()) {
                    Ok(place) => {
                        // Frames are flushed whole, so waiting for more only adds delay. A socket that refuses the
                        // option is closed already and will say so on its first read.
                        let _ = socket.set_nodelay(true);
                        serve(Stream::new(socket, place), address);
                    }
                    Err(refused) => census.note(refused),
                }
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if pause.is_first() {
                    tracing::warn!(error = %error, "cannot accept connections now, trying again");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause.next_pause()) => {}
                }
            }
        }
    }
}

/// Whether an accept error is about the connection that was to be accepted, not about us (accept(2), "Error handling").
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}

/// Pauses between failed accepts: doubling, bounded, back to the first after a success.
#[derive(Default)]
struct Pause(Option<Duration>);

impl Pause {
    fn is_first(&self) -> bool {
        self.0.is_none()
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.0.map_or(PAUSE_FIRST, |last| last.saturating_mul(2).min(PAUSE_MAX));
        self.0 = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    //! Real sockets on port 0; accept failures come from a scripted source, time is virtual.

    use std::{cell::RefCell, collections::VecDeque};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn limits(connections: usize) -> Limits {
        Limits { connections, per_address: 2, uncounted: Vec::new() }
    }

    fn listener(limits: Limits) -> Listener {
        Listener::bind(([127, 0, 0, 1], 0).into(), limits, &Metrics::new().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn hands_over_streams_and_stops() {
        let listener = listener(limits(10));
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (sender, mut streams) = tokio::sync::mpsc::unbounded_channel();
        let running = tokio::spawn(listener.run(stop.clone(), move |stream, _| sender.send(stream).unwrap()));

        let mut client = TcpStream::connect(address).await.unwrap();
        let mut served = streams.recv().await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        served.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");

        stop.cancel();
        running.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
        served.write_all(b"still here").await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_too_many_is_closed_and_a_freed_place_taken_again() {
        let listener = listener(limits(1));
        let address = listener.local_addr().unwrap();
        let (sender, mut streams) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(listener.run(CancellationToken::new(), move |stream, _| sender.send(stream).unwrap()));

        let _first_client = TcpStream::connect(address).await.unwrap();
        let first = streams.recv().await.unwrap();
        let mut second_client = TcpStream::connect(address).await.unwrap();
        assert!(matches!(second_client.read(&mut [0; 1]).await, Ok(0) | Err(_)), "closed without a word");

        drop(first);
        let _third_client = TcpStream::connect(address).await.unwrap();
        streams.recv().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn goes_on_after_the_kernel_ran_out() {
        let source = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = std::net::TcpStream::connect(source.local_addr().unwrap()).unwrap();
        let (socket, address) = source.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let script = RefCell::new(VecDeque::from([
            Err(io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error())),
            Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            Err(io::Error::from_raw_os_error(rustix::io::Errno::NFILE.raw_os_error())),
            Ok((TcpStream::from_std(socket).unwrap(), address)),
        ]));
        let stop = CancellationToken::new();
        let census = Census::new(limits(1), &Metrics::new().unwrap());
        let mut served = 0;
        accept_loop(
            || {
                let next = script.borrow_mut().pop_front();
                async move {
                    match next {
                        Some(next) => next,
                        None => std::future::pending().await,
                    }
                }
            },
            &census,
            &stop,
            |_, _| {
                served += 1;
                stop.cancel();
            },
        )
        .await;
        assert_eq!(served, 1);
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        let mut pause = Pause::default();
        assert!(pause.is_first());
        let pauses: Vec<_> = (0..9).map(|_| pause.next_pause().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert!(!pause.is_first());
    }

    #[test]
    fn few_open_files_lower_the_limit() {
        assert_eq!(Limits::within(1_024, Vec::new()).connections, 1_024 - RESERVED_FILES);
        assert_eq!(Limits::within(usize::MAX, Vec::new()).connections, CONNECTIONS);
        assert_eq!(Limits::within(1, Vec::new()).connections, 1);
    }

    #[tokio::test]
    async fn a_port_in_use_is_refused() {
        let first = listener(limits(1));
        let again = Listener::bind(first.local_addr().unwrap(), limits(1), &Metrics::new().unwrap());
        assert_eq!(again.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }
}
