//! Floor 4: `charge doctor`: looks at everything a start needs and says what to mend.
//!
//! Owns the checks and their table. Never mends anything and never changes the database's schema.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr, TcpListener},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    app::{public_url, store_options},
    config::{Config, ConfigError, LOCAL_FILE, Variables},
    metrics::Metrics,
    secrets::{is_in_use, read_secret},
    store::{Store, migrations},
    terminal::{say, table},
};

/// Time for a server on our port to say who it is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for the database to be opened, written and read.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(20);
/// A clock before this (January 2025) was never set: tokens and certificates would be refused.
const EARLIEST: u64 = 1_735_689_600;
/// A clock after this (January 2100) is wrong too.
const LATEST: u64 = 4_102_444_800;
/// Files under this hard limit leave no room for a busy day.
const FEW_FILES: u64 = 4_096;

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Good,
    /// Works, but somebody should know.
    Note,
    Wrong,
}

struct Finding {
    subject: &'static str,
    state: State,
    text: String,
}

fn good(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { subject, state: State::Good, text: text.into() }
}

fn note(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { subject, state: State::Note, text: text.into() }
}

fn wrong(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { subject, state: State::Wrong, text: text.into() }
}

/// Prints the table; false when something is wrong.
pub async fn examine(config: &Config, variables: &Variables) -> bool {
    let settings = &config.settings;
    let dir = &settings.server.data_dir;
    let served = served_from(settings.server.listen).await;
    let findings = [
        configuration(config, variables),
        data_dir(dir),
        secrets(dir),
        port(settings.server.listen, served, is_in_use(dir)),
        database(config).await,
        microphones(config),
        clock(SystemTime::now()),
        open_files(),
    ];
    say(&render(&findings));
    findings.iter().all(|finding| finding.state != State::Wrong)
}

/// The table when the configuration itself cannot be read: nothing else can be looked at then.
#[must_use]
pub fn bad_configuration(error: &ConfigError) -> String {
    render(&[wrong("configuration", error.to_string())])
}

fn render(findings: &[Finding]) -> String {
    let row = |finding: &Finding| {
        let mark = match finding.state {
            State::Good => "ok",
            State::Note => "note",
            State::Wrong => "WRONG",
        };
        vec![mark.to_owned(), finding.subject.to_owned(), finding.text.clone()]
    };
    table(&findings.iter().map(row).collect::<Vec<_>>())
}

fn configuration(config: &Config, variables: &Variables) -> Finding {
    const SUBJECT: &str = "configuration";
    if let Some(file) = variables.local_file()
        && fs::metadata(file).is_ok_and(|found| found.mode() & 0o077 != 0)
    {
        return note(
            SUBJECT,
            format!("{LOCAL_FILE} can be read by others; if it holds secrets: chmod 600 {LOCAL_FILE}"),
        );
    }
    match config.unused.as_slice() {
        [] => good(SUBJECT, "every value can be read"),
        names => note(SUBJECT, format!("this version does not use {} yet", names.join(", "))),
    }
}

fn data_dir(dir: &Path) -> Finding {
    const SUBJECT: &str = "data directory";
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = dir.ancestors().skip(1).find(|above| above.is_dir() || above.as_os_str().is_empty());
            let parent = parent.filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if is_writable(parent) {
                good(SUBJECT, format!("{shown} is not there yet; the first start creates it"))
            } else {
                let parent = parent.display();
                wrong(SUBJECT, format!("{shown} cannot be created in {parent}: make it, or set DATA_DIR"))
            }
        }
        Err(error) => wrong(SUBJECT, format!("{shown}: {error}; set DATA_DIR to a directory of yours")),
        Ok(found) if !found.is_dir() => wrong(SUBJECT, format!("{shown} is not a directory: set DATA_DIR to one")),
        Ok(found) if !is_writable(dir) => wrong(
            SUBJECT,
            format!("{shown} is not writable for this user (owner {}): chown it, or set DATA_DIR", found.uid()),
        ),
        Ok(found) if found.mode() & 0o022 != 0 => {
            wrong(SUBJECT, format!("others may write to {shown} (mode {:o}): chmod 700 {shown}", found.mode() & 0o777))
        }
        Ok(found) if found.mode() & 0o055 != 0 => {
            note(SUBJECT, format!("others may look into {shown} (mode {:o}): chmod 700 {shown}", found.mode() & 0o777))
        }
        Ok(_) => good(SUBJECT, format!("{shown} is ours alone")),
    }
}

fn is_writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

fn secrets(dir: &Path) -> Finding {
    const SUBJECT: &str = "generated secrets";
    for name in ["jwt_secret_key", "turn_secret"] {
        if let Err(error) = read_secret(&dir.join(name)) {
            return wrong(SUBJECT, error.to_string());
        }
    }
    good(SUBJECT, "readable by this user alone, or not made yet")
}

/// Who answers at `listen`: `Some(true)` a server of ours, `Some(false)` something else, `None` nobody.
async fn served_from(listen: SocketAddr) -> Option<bool> {
    if listen.port() == 0 {
        return None;
    }
    let mut target = listen;
    if listen.ip().is_unspecified() {
        target.set_ip(if listen.is_ipv4() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])
        });
    }
    let asked = async {
        let mut stream = TcpStream::connect(target).await.ok()?;
        let request = format!("GET /api/config/client HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        if stream.write_all(request.as_bytes()).await.is_ok() {
            let _ = stream.take(64 * 1024).read_to_end(&mut answer).await;
        }
        let answer = String::from_utf8_lossy(&answer);
        Some(answer.starts_with("HTTP/1.1 200") && answer.contains("\"message_max_length\""))
    };
    timeout(ANSWER_TIMEOUT, asked).await.unwrap_or(Some(false))
}

fn port(listen: SocketAddr, served: Option<bool>, data_dir_in_use: bool) -> Finding {
    const SUBJECT: &str = "port";
    match served {
        Some(true) if data_dir_in_use => return good(SUBJECT, format!("{listen}: this server is running and answers")),
        Some(true) => {
            return wrong(
                SUBJECT,
                format!("{listen}: another charge server, with other data, answers there; choose another LISTEN"),
            );
        }
        Some(false) => {
            return wrong(
                SUBJECT,
                format!("{listen}: another program holds it; stop that one or choose another LISTEN"),
            );
        }
        None => {}
    }
    match TcpListener::bind(listen) {
        Ok(_) if data_dir_in_use => {
            note(SUBJECT, format!("{listen} is free, but a server with this data runs elsewhere"))
        }
        Ok(_) => good(SUBJECT, format!("{listen} is free")),
        Err(error) => wrong(SUBJECT, format!("{listen}: {error}; choose another LISTEN")),
    }
}

async fn database(config: &Config) -> Finding {
    const SUBJECT: &str = "database";
    let options = store_options(&config.settings);
    let path = options.url.trim_start_matches("sqlite://").split('?').next().unwrap_or_default().to_owned();
    if !Path::new(&path).exists() {
        return good(SUBJECT, format!("{path} is not there yet; the first start creates it"));
    }
    let looked = async {
        migrations::validate(&options.url).await?;
        let known = migrations::info(&options.url).await?;
        if known.iter().any(|migration| migration.state == migrations::MigrationState::Pending) {
            return Ok(note(SUBJECT, format!("{path}: migrations are pending; the next start applies them")));
        }
        let metrics = Metrics::new().map_err(|error| crate::store::StoreError::Unavailable(error.to_string()))?;
        let (store, _committed) = Store::open(&options, &metrics).await?;
        let works = store.check().await;
        store.close().await;
        works.map(|()| good(SUBJECT, format!("{path} opens, reads and writes")))
    };
    match timeout(DATABASE_TIMEOUT, looked).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(error)) => wrong(SUBJECT, format!("{path}: {error}")),
        Err(_) => wrong(SUBJECT, format!("{path}: no answer; is the disk well, does another program hold a lock?")),
    }
}

/// Browsers give a page the microphone only over https or from this machine.
fn microphones(config: &Config) -> Finding {
    const SUBJECT: &str = "public address";
    let Ok(url) = public_url(&config.settings, config.settings.server.listen) else {
        return wrong(SUBJECT, "no address follows from LISTEN: set PUBLIC_URL");
    };
    if url.is_secure() {
        good(SUBJECT, format!("{url}: microphones work"))
    } else if !url.is_local() {
        let how = "put a TLS proxy in front and set PUBLIC_URL to its https address";
        wrong(SUBJECT, format!("{url}: browsers refuse microphones over plain http: {how}"))
    } else if config.settings.server.listen.ip().is_loopback() {
        good(SUBJECT, format!("{url}: microphones work, for people at this machine"))
    } else {
        note(SUBJECT, format!("{url}: links lead to this machine only; set PUBLIC_URL to what others open (https)"))
    }
}

fn clock(now: SystemTime) -> Finding {
    const SUBJECT: &str = "clock";
    match now.duration_since(UNIX_EPOCH).map(|since| since.as_secs()) {
        Ok(seconds) if (EARLIEST..LATEST).contains(&seconds) => good(SUBJECT, "plausible"),
        _ => wrong(SUBJECT, "the date cannot be right; set it, and keep it with NTP"),
    }
}

fn open_files() -> Finding {
    const SUBJECT: &str = "open files";
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum {
        Some(files) if files < FEW_FILES => note(
            SUBJECT,
            format!("at most {files}: about as many connections less 128; raise it (ulimit -n, LimitNOFILE)"),
        ),
        Some(files) => good(SUBJECT, format!("up to {files}")),
        None => good(SUBJECT, "without limit"),
    }
}

#[cfg(test)]
mod tests {
    //! The checks that need no server; the whole is seen in `tests/cli.rs`.

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_unset_clock_is_wrong() {
        assert_eq!(clock(UNIX_EPOCH).state, State::Wrong);
        assert_eq!(clock(UNIX_EPOCH + Duration::from_secs(LATEST)).state, State::Wrong);
        assert_eq!(clock(UNIX_EPOCH + Duration::from_secs(EARLIEST)).state, State::Good);
    }

    #[test]
    fn a_data_directory_for_everybody_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o700);
        assert_eq!(data_dir(dir.path()).state, State::Good);
        mode(0o755);
        assert_eq!(data_dir(dir.path()).state, State::Note);
        mode(0o777);
        assert_eq!(data_dir(dir.path()).state, State::Wrong);
        assert_eq!(data_dir(&dir.path().join("new/deep")).state, State::Good);
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(data_dir(&dir.path().join("file")).state, State::Wrong);
    }

    #[tokio::test]
    async fn another_program_on_the_port_is_told_from_nobody() {
        let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = other.local_addr().unwrap();
        let serving = async {
            let (mut stream, _) = other.accept().await.unwrap();
            stream.write_all(b"220 mail.example.org\r\n").await.unwrap();
        };
        let (served, ()) = tokio::join!(served_from(address), serving);
        assert_eq!(served, Some(false));
        assert_eq!(port(address, served, false).state, State::Wrong);
        drop(other);
        assert_eq!(served_from(address).await, None);
        assert_eq!(port(address, None, false).state, State::Good);
        assert_eq!(port(address, Some(true), true).state, State::Good);
        assert_eq!(port(address, Some(true), false).state, State::Wrong);
    }
}
