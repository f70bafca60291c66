//! What only the SQLite file can do: be locked, fill its disk, belong to another program, be changed by hand.
//!
//! Owns these failures. Whatever happens, an `Ok` was stored and what was not stored was no `Ok`.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use charge::{
    domain::{ChannelId, Slug, UserId, wire::LogEvent},
    metrics::Metrics,
    store::{
        Appended, Store, StoreError, StoreOptions,
        migrations::{self, MigrationState},
    },
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::world::{logged, sqlite, sqlite_at};

/// Names the directory that a test of this file, run as a child process, works in.
const CHILD: &str = "CHARGE_STORE_TEST_CHILD";

async fn raw(options: &StoreOptions) -> SqliteConnection {
    let path = options.url.strip_prefix("sqlite://").unwrap();
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

async fn execute(conn: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(conn).await.unwrap();
}

/// This test binary again, running only the ignored test `name`, in a shell so that limits can be set first.
fn child(name: &str, dir: &Path, before: &str) -> Child {
    let binary = std::env::current_exe().unwrap();
    Command::new("sh")
        .arg("-c")
        .arg(format!("{before} exec \"$0\" \"$@\""))
        .arg(binary)
        .args(["--exact", &format!("sqlite_files::{name}"), "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The room "attic" of "ada" in an existing store.
async fn attic(store: &Store) -> (UserId, ChannelId) {
    let ada = store.users(None, 1).await.unwrap()[0].id;
    let (room, _) = store.room_for(&Slug::parse("attic").unwrap(), ada).await.unwrap().unwrap();
    (ada, store.channels_of(room.id).await.unwrap()[0].id)
}

async fn log(store: &Store, channel: ChannelId) -> Vec<LogEvent> {
    let all = store.log_after(channel, 0, 1_000_000).await.unwrap();
    let seqs: Vec<u64> = all.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=all.len() as u64).collect::<Vec<_>>(), "gapless");
    all
}

/// Sends until killed, and tells every answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of acknowledged_writes_survive_a_kill"]
async fn child_sends_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let world = sqlite_at(Path::new(&dir), Duration::from_secs(5)).await;
    let (ada, channel) = attic(&world.store).await;
    let start = world.store.head(channel).await.unwrap();
    let senders = (0..16).map(|sender| {
        let (world, start) = (&world, start);
        async move {
            for n in 0u64.. {
                let key = format!("{start}-{sender}-{n}");
                let event = logged(world.store.append(world.sending(channel, ada, &key, &key)).await.unwrap());
                println!("ack {} {key}", event.seq);
            }
        }
    });
    futures_util::future::join_all(senders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_a_kill() {
    let world = sqlite().await;
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let dir = world.close_keeping().await;
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    for round in 1..=3 {
        let mut process = child("child_sends_until_killed", dir.path(), "");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut read = |line: String| {
            if let Some((seq, key)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) {
                acknowledged.push((seq.parse().unwrap(), key.to_owned()));
            }
            acknowledged.len()
        };
        while read(lines.next().expect("the child ended by itself").unwrap()) < round * 300 {}
        process.kill().unwrap();
        process.wait().unwrap();
        // What it said before it died counts too, but for a line cut short.
        lines.map_while(Result::ok).for_each(|line| {
            read(line);
        });
    }
    let world = sqlite_at(dir.path(), Duration::from_secs(5)).await;
    let log = log(&world.store, channel).await;
    for (seq, key) in &acknowledged {
        let again = world.store.append(world.sending(channel, ada.id, key, key)).await.unwrap();
        let Appended::Duplicate(message) = again else { panic!("{key} was acknowledged and is lost") };
        assert_eq!((message.seq, &message.text), (*seq, key));
    }
    assert!(log.len() >= acknowledged.len());
    let mut seqs: Vec<u64> = acknowledged.iter().map(|(seq, _)| *seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), acknowledged.len(), "a seq was given out twice");
}

/// Fills what the limit allows, sees errors and no false `ok`, gets room again, goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of a_full_disk_costs_no_acknowledged_write"]
async fn child_fills_its_disk() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let world = sqlite_at(Path::new(&dir), Duration::from_secs(5)).await;
    let (ada, channel) = attic(&world.store).await;
    let text = "x".repeat(2000);
    let send = async |key: String| world.store.append(world.sending(channel, ada, &key, &text)).await;
    let mut stored = Vec::new();
    let mut failed = Vec::new();
    for round in 0..100 {
        let sends = (0..50).map(|n| {
            let key = format!("{round}-{n}");
            async { (key.clone(), send(key).await) }
        });
        for (key, answer) in futures_util::future::join_all(sends).await {
            match answer {
                Ok(appended) => stored.push(logged(appended)),
                Err(StoreError::Unavailable(_)) => failed.push(key),
                Err(error) => panic!("{error}"),
            }
        }
        if failed.len() > 500 {
            break;
        }
    }
    assert!(!stored.is_empty() && failed.len() > 500, "{} stored, {} failed", stored.len(), failed.len());
    // A heartbeat is small: a few may fit where a batch did not.
    let mut ready = Ok(());
    for _ in 0..1000 {
        ready = world.store.check().await;
        if ready.is_err() {
            break;
        }
    }
    assert!(matches!(ready, Err(StoreError::Unavailable(_))), "readiness must see it");
    assert!(world.metrics.store_errors.get() > 0);
    // Reading goes on.
    stored.sort_by_key(|event| event.seq);
    assert_eq!(log(&world.store, channel).await, stored);
    let room = Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &std::process::id().to_string()]).status();
    assert!(room.unwrap().success());
    world.store.check().await.unwrap();
    let again = logged(send(failed[0].clone()).await.unwrap());
    assert_eq!(again.seq, stored.len() as u64 + 1);
    stored.push(again);
    assert_eq!(log(&world.store, channel).await, stored);
    // Published: what was stored, once, in order.
    assert_eq!(world.finish().await, stored);
    println!("done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_acknowledged_write() {
    let world = sqlite().await;
    let ada = world.user("ada").await;
    world.room(ada.id, "attic").await;
    let dir = world.close_keeping().await;
    // Files of at most 512 KiB, as a full disk would have it; the signal that goes with it is for nobody.
    let mut process = child("child_fills_its_disk", dir.path(), "trap '' XFSZ; ulimit -S -f 1024;");
    let lines: Vec<String> = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok).collect();
    assert!(process.wait().unwrap().success(), "{}", lines.join("\n"));
    assert!(lines.iter().any(|line| line.ends_with("done")), "the child did nothing: {}", lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_gives_errors_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let world = sqlite_at(dir.path(), Duration::from_millis(50)).await;
    let ada = world.user("ada").await;
    let (_, channel) = world.room(ada.id, "attic").await;
    let before = world.say(channel, ada.id, "before").await;
    let mut other = raw(&world.options).await;
    execute(&mut other, "BEGIN IMMEDIATE").await;
    let sends = (0..20).map(|n| world.store.append(world.sending(channel, ada.id, &format!("key-{n}"), "x")));
    for answer in futures_util::future::join_all(sends).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert!(matches!(world.store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(world.store.set_admin(ada.id, true).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(world.store.mark_read(channel, ada.id, 1).await, Err(StoreError::Unavailable(_))));
    assert_eq!(world.store.message(before.id, ada.id).await.unwrap(), Some(before));
    execute(&mut other, "ROLLBACK").await;
    world.store.check().await.unwrap();
    assert_eq!(logged(world.store.append(world.sending(channel, ada.id, "key-0", "x")).await.unwrap()).seq, 2);
    assert_eq!(log(&world.store, channel).await.len(), 2);
    assert!(!world.store.user(ada.id).await.unwrap().unwrap().admin);
    assert_eq!(world.finish().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_may_write_too() {
    let world = sqlite().await;
    let ada = world.user("ada").await;
    let (room, channel) = world.room(ada.id, "attic").await;
    let (other, _committed) = Store::open(&world.options, &Metrics::new().unwrap()).await.unwrap();
    for n in 0..10 {
        let store = if n % 2 == 0 { &world.store } else { &other };
        let event = logged(store.append(world.sending(channel, ada.id, &format!("key-{n}"), "x")).await.unwrap());
        assert_eq!(event.seq, n + 1);
    }
    // Twice, so that whatever the writer remembers it remembers now.
    world.say(channel, ada.id, "one").await;
    world.say(channel, ada.id, "two").await;
    let name = Some(charge::domain::DisplayName::parse("Another Name").unwrap());
    other.update_user(ada.id, charge::store::UserChange { display_name: name, settings: None }).await.unwrap();
    assert_eq!(world.say(channel, ada.id, "whose").await.author.name, "Another Name");
    other.delete_room(room.id).await.unwrap();
    let late = world.store.append(world.sending(channel, ada.id, "late", "x")).await;
    assert!(matches!(late, Err(StoreError::Missing)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_room_leaves_no_rows() {
    let world = sqlite().await;
    let ada = world.user("ada").await;
    let (room, channel) = world.room(ada.id, "attic").await;
    let sends = (0..1300).map(|n| world.store.append(world.sending(channel, ada.id, &format!("key-{n}"), "x")));
    for answer in futures_util::future::join_all(sends).await {
        answer.unwrap();
    }
    world.store.mark_read(channel, ada.id, 5).await.unwrap();
    world.store.delete_room(room.id).await.unwrap();
    let mut conn = raw(&world.options).await;
    let mut rest = i64::MAX;
    // Each write lets the purge take a step; 1,300 entries need three, and a few more for the channels.
    for _ in 0..1000 {
        world.store.check().await.unwrap();
        let sql = "SELECT (SELECT COUNT(*) FROM log) + (SELECT COUNT(*) FROM messages) + \
                   (SELECT COUNT(*) FROM channels) + (SELECT COUNT(*) FROM read_markers)";
        rest = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
        if rest == 0 {
            break;
        }
    }
    assert_eq!(rest, 0);
    let broken: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut conn).await.unwrap();
    assert_eq!(broken, ["ok"]);
}

#[tokio::test]
async fn migrations_are_listed_run_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::in_dir(dir.path());
    let fresh = migrations::info(&options.url).await.unwrap();
    assert!(!fresh.is_empty() && fresh.iter().all(|one| one.state == MigrationState::Pending));
    assert!(!dir.path().join("charge.db").exists(), "looking created something");
    migrations::validate(&options.url).await.unwrap();
    assert_eq!(migrations::run(&options.url).await.unwrap(), fresh);
    assert!(migrations::run(&options.url).await.unwrap().is_empty());
    let done = migrations::info(&options.url).await.unwrap();
    assert!(done.iter().all(|one| one.state == MigrationState::Applied));
    assert_eq!((done[0].version, done[0].description.as_str()), (1, "rooms and log"));
    Store::open(&options, &Metrics::new().unwrap()).await.unwrap().0.close().await;
}

/// What opening and validating say after `sql` was done to a good database.
async fn verdicts(sql: &'static str) -> (String, MigrationState) {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::in_dir(dir.path());
    migrations::run(&options.url).await.unwrap();
    execute(&mut raw(&options).await, sql).await;
    let Err(StoreError::Schema(why)) = Store::open(&options, &Metrics::new().unwrap()).await.map(|_| ()) else {
        panic!("opened");
    };
    assert!(matches!(migrations::validate(&options.url).await, Err(StoreError::Schema(same)) if same == why));
    assert!(matches!(migrations::run(&options.url).await, Err(StoreError::Schema(same)) if same == why));
    (why, migrations::info(&options.url).await.unwrap().last().unwrap().state)
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (9999, 'from the future', TRUE, x'00', 0)";
    let (why, state) = verdicts(sql).await;
    assert_eq!(state, MigrationState::Newer);
    assert!(why.contains("newer") && why.contains("9999"), "{why}");
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let (why, state) = verdicts("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").await;
    assert_eq!(state, MigrationState::Changed);
    assert!(why.contains("changed") && why.contains("restore"), "{why}");
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::in_dir(dir.path());
    std::fs::File::create(dir.path().join("charge.db")).unwrap();
    execute(&mut raw(&options).await, "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('theirs')").await;
    let refused = Store::open(&options, &Metrics::new().unwrap()).await.map(|_| ());
    assert!(matches!(&refused, Err(StoreError::Schema(why)) if why.contains("another program")), "{refused:?}");
    let theirs: String =
        sqlx::query_scalar("SELECT name FROM users").fetch_one(&mut raw(&options).await).await.unwrap();
    assert_eq!(theirs, "theirs");
    std::fs::write(dir.path().join("charge.db"), "not a database at all, only text of some length").unwrap();
    let refused = Store::open(&options, &Metrics::new().unwrap()).await.map(|_| ());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

#[tokio::test]
async fn two_starts_at_once_migrate_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::in_dir(dir.path());
    let starts = (0..6).map(|_| {
        let options = options.clone();
        tokio::spawn(async move {
            let (store, _committed) = Store::open(&options, &Metrics::new().unwrap()).await?;
            Ok::<_, StoreError>(store.epoch())
        })
    });
    let mut epochs = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        epochs.push(start.await.unwrap().unwrap());
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1, "one database, one epoch");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let world = sqlite_at(&dir.path().join("deep").join("er"), Duration::from_secs(5)).await;
    world.user("ada").await;
    let mut seen = 0;
    for entry in std::fs::read_dir(dir.path().join("deep").join("er")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert!(seen >= 2, "the database and its write-ahead log");
    let mode = std::fs::metadata(dir.path().join("deep")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_leaves_one_file() {
    let world = sqlite().await;
    let ada = world.user("ada").await;
    assert!(world.store.user(ada.id).await.unwrap().is_some());
    let dir = world.close_keeping().await;
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["charge.db"], "a copy of the file is a copy of the database");
}

#[tokio::test]
async fn an_address_that_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    let below_a_file = format!("sqlite://{}/file/charge.db", dir.path().display());
    for (url, word) in [
        (below_a_file.as_str(), "directory"),
        ("postgres://localhost/charge", "postgres"),
        ("sqlite://", "path"),
        ("sqlite://x.db?mode=memory", "nothing after"),
    ] {
        let options = StoreOptions { url: url.to_owned(), busy_timeout: Duration::from_secs(1) };
        match Store::open(&options, &Metrics::new().unwrap()).await.map(|_| ()) {
            Err(StoreError::Unavailable(why)) => assert!(why.contains(word), "{url}: {why}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}
