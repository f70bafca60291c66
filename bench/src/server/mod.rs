//! Servers under test: start, describe how to get in, stop.
//!
//! Owns the processes and their data. Every one listens on loopback only, and is killed when its [`Server`] is dropped,
//! be it by the end of the run, an error, a panic or a signal.

mod accounts;
mod commits;
mod process;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use accounts::Accounts;
pub(crate) use commits::Commits;
use process::Process;

use crate::{
    cli::{ServerKind, TextArgs},
    connection::Entrance,
    dialect::{Charge, Nats, Part, Socketio, Ws},
    error::BenchError,
    procfs,
};

/// Time for a server to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a starting server is asked.
const START_POLL: Duration = Duration::from_millis(20);
/// Ports tried: below the ephemeral range, so that no client's port is in the way.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// One running server.
pub(crate) struct Server {
    kind: ServerKind,
    address: SocketAddr,
    accounts: Option<Accounts>,
    // Order matters: the process ends before its data goes.
    process: Process,
    _data: tempfile::TempDir,
}

impl Server {
    /// Starts the server that `args` names, ready for `connections` connections.
    ///
    /// # Errors
    /// It is not installed, does not start, or does not let us sign in.
    pub(crate) async fn start(args: &TextArgs, connections: u32) -> Result<Self, BenchError> {
        let data = match &args.data_parent {
            Some(parent) => tempfile::tempdir_in(parent)?,
            None => tempfile::tempdir()?,
        };
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port()?);
        let mut command = match args.server {
            ServerKind::Charge => charge(args, address, data.path())?,
            ServerKind::Ws => node(&args.peers, "ws.js", address)?,
            ServerKind::Socketio => node(&args.peers, "socketio.js", address)?,
            ServerKind::Nats => nats(address, data.path())?,
        };
        let log = data.path().join("server.log");
        command
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&log)?)
            .stderr(fs::File::create(data.path().join("err"))?);
        let mut process = Process::start(command)?;
        let started = tokio::time::timeout(START_TIMEOUT, wait_until_ready(args.server, address, &mut process)).await;
        if !matches!(started, Ok(Ok(()))) {
            let last = last_words(data.path());
            return Err(BenchError::Setup(format!("{} did not start: {last}", args.server.as_str())));
        }
        let accounts = match args.server {
            ServerKind::Charge => Some(Accounts::create(address, connections).await?),
            _ => None,
        };
        Ok(Self { kind: args.server, address, accounts, process, _data: data })
    }

    /// The process id, for /proc.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Commits so far, where the server keeps anything.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn commits(&self) -> Result<Option<Commits>, BenchError> {
        match self.kind {
            ServerKind::Charge => {
                let text = reqwest::get(format!("http://{}/metrics", self.address)).await?.text().await?;
                Ok(Some(Commits::read(&text)))
            }
            ServerKind::Ws | ServerKind::Socketio | ServerKind::Nats => Ok(None),
        }
    }

    /// How connection number `index` of the run gets in.
    #[must_use]
    pub(crate) fn entrance(&self, part: Part, index: usize) -> Entrance {
        let account = self.accounts.as_ref().and_then(|accounts| accounts.of_connection(index));
        let (path, dialect): (String, Box<dyn crate::dialect::Dialect>) = match (self.kind, part) {
            (ServerKind::Charge, _) => {
                let channel = self.accounts.as_ref().map(|accounts| accounts.channel.clone()).unwrap_or_default();
                // A publisher's door has no channel of its own, so that it is no subscriber by the way.
                let path = match part {
                    Part::Subscriber => format!("/ws/text/{channel}"),
                    Part::Publisher => "/ws".to_owned(),
                };
                (path, Box::new(Charge::new(part, channel, index)))
            }
            (ServerKind::Ws, Part::Subscriber) => ("/subscribe".to_owned(), Box::new(Ws)),
            (ServerKind::Ws, Part::Publisher) => ("/publish".to_owned(), Box::new(Ws)),
            (ServerKind::Socketio, _) => {
                let role = if part == Part::Subscriber { "subscribe" } else { "publish" };
                (format!("/socket.io/?EIO=4&transport=websocket&role={role}"), Box::new(Socketio))
            }
            (ServerKind::Nats, _) => ("/".to_owned(), Box::new(Nats::new(part))),
        };
        Entrance {
            address: self.address,
            source: account.map_or(Ipv4Addr::LOCALHOST, |account| account.source),
            path,
            bearer: account.map(|account| account.access_token.clone()),
            dialect,
        }
    }
}

fn charge(args: &TextArgs, address: SocketAddr, data: &Path) -> Result<Command, BenchError> {
    let binary = match &args.charge_binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("charge"),
    };
    let binary = binary.canonicalize().map_err(|error| BenchError::Setup(format!("{}: {error}", binary.display())))?;
    if procfs::in_memory(data)? {
        let hint = "the data directory lies in memory, where a commit costs nothing: name a disk with --data-parent";
        return Err(BenchError::Setup(hint.to_owned()));
    }
    let mut command = Command::new(binary);
    // A clean environment and an empty folder: no .env of the working directory takes part.
    command.env_clear().current_dir(data);
    command.env("LISTEN", address.to_string()).env("DATA_DIR", data.join("data"));
    command.env("RATE_LIMIT_MESSAGES_PER_10S", "0").env("LOG_LEVEL", "warn");
    command.envs(args.settings.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

fn node(peers: &Path, script: &str, address: SocketAddr) -> Result<Command, BenchError> {
    let installed = peers.join("node_modules").is_dir();
    if !installed {
        let hint = format!("the peers are not installed: run `npm ci` in {}", peers.display());
        return Err(BenchError::Setup(hint));
    }
    let mut command = Command::new("node");
    command.arg(peers.join(script)).arg(address.port().to_string()).env("NODE_ENV", "production");
    Ok(command)
}

fn nats(address: SocketAddr, data: &Path) -> Result<Command, BenchError> {
    let config = data.join("nats.conf");
    let client_port = free_port()?;
    fs::write(
        &config,
        format!(
            "listen: \"127.0.0.1:{client_port}\"\nmax_connections: 20000\n\
             websocket {{ listen: \"{address}\", no_tls: true, compression: false }}\n"
        ),
    )?;
    // Debian puts it beside the system's own programs.
    let installed = ["/usr/sbin/nats-server", "/usr/bin/nats-server"].map(PathBuf::from);
    let binary = installed.into_iter().find(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("nats-server"));
    let mut command = Command::new(binary);
    command.arg("--config").arg(config);
    Ok(command)
}

fn free_port() -> Result<u16, BenchError> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // Not from the first port on, and never the same one twice: whoever asked before may not be listening yet.
    let count = u32::from(PORTS.end - PORTS.start);
    let start = std::process::id().wrapping_mul(7);
    for _ in 0..count {
        let place = start.wrapping_add(ASKED.fetch_add(1, Relaxed)) % count;
        let port = PORTS.start + u16::try_from(place).unwrap_or(0);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(BenchError::Setup("no free port".to_owned()))
}

async fn wait_until_ready(kind: ServerKind, address: SocketAddr, process: &mut Process) -> Result<(), BenchError> {
    let ready = format!("http://{address}/readyz");
    loop {
        process.check_alive()?;
        let is_ready = match kind {
            ServerKind::Charge => reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()),
            _ => tokio::net::TcpStream::connect(address).await.is_ok(),
        };
        if is_ready {
            return Ok(());
        }
        tokio::time::sleep(START_POLL).await;
    }
}

/// The last line of the server's error output, for a message.
fn last_words(data: &Path) -> String {
    let text = fs::read_to_string(data.join("err")).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word of why").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_lie_below_the_ephemeral_range_and_are_free() {
        let (one, other) = (free_port().unwrap(), free_port().unwrap());
        assert!(PORTS.contains(&one) && PORTS.contains(&other));
        assert_ne!(one, other, "asked for twice before anybody listens");
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, one)).is_ok());
    }

    #[test]
    fn the_last_words_are_the_last_line_with_any() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(last_words(data.path()), "no word of why");
        fs::write(data.path().join("err"), "one\ntwo\n\n").unwrap();
        assert_eq!(last_words(data.path()), "two");
    }
}
