//! The built `charge` binary as a child process, in a folder and an environment of its own.
//!
//! Owns its life: whatever a test does, the process ends with the value. Never looks inside it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test gives up; far above what it should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `charge` with nothing but the given variables.
pub(crate) fn charge(dir: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_charge"));
    command.current_dir(dir).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run<S: AsRef<OsStr>>(dir: &Path, variables: &[(&str, &str)], line: &[S]) -> Output {
    charge(dir, variables).args(line).output().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running server on a free port.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) setup_token: Option<String>,
    log: Receiver<String>,
    said: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it in `dir` (its data in `dir/data`) and waits for its greeting.
    pub(crate) fn start(dir: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = charge(dir, variables);
        command.env("LISTEN", "127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let greeting = lines(child.stdout.take().unwrap(), &said);
        let log = lines(child.stderr.take().unwrap(), &said);
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, address: unknown, setup_token: None, log, said };
        loop {
            let Ok(line) = greeting.recv_timeout(PATIENCE) else {
                panic!("the server did not start:\n{}", server.said());
            };
            if let Some((_, token)) = line.split_once("/setup#") {
                server.setup_token = Some(token.to_owned());
            }
            if let Some(address) = line.strip_prefix("Listening  ") {
                server.address = address.parse().unwrap();
                return server;
            }
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for a log line that contains `part`.
    pub(crate) fn wait_for_log(&self, part: &str) {
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return,
                Ok(_) => {}
                Err(_) => panic!("no line with {part:?} in:\n{}", self.said.lock().unwrap()),
            }
        }
    }

    /// Everything it has said so far, on stdout and stderr.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// As a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe as they come, kept in `said` too.
fn lines(pipe: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> Receiver<String> {
    let (sender, receiver) = channel();
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            said.lock().unwrap().push_str(&format!("{line}\n"));
            let _ = sender.send(line);
        }
    });
    receiver
}
