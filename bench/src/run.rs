//! One run of one measurement: start, warm up, measure, check.
//!
//! Owns the order of things and the verdict. A run in which anything was lost, refused or out of order is an error, not
//! a figure.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    cli::{Mode, TextArgs},
    connection::Connection,
    dialect::Part,
    error::BenchError,
    figures::{Figures, percentiles},
    procfs,
    progress::Progress,
    publisher::{Bursts, Pace, Publisher},
    server::{Commits, Server},
    stamp,
    subscriber::{Subscribers, Tally},
};

/// Quiet time after the last connection: presence of the newcomers is told meanwhile, and is not what is measured.
const SETTLE: Duration = Duration::from_millis(1000);
/// Quiet time before memory is read, so that what the openings needed can be given back.
const SETTLE_MEMORY: Duration = Duration::from_secs(3);
/// Time for what was sent to arrive, after which it counts as lost.
const DRAIN: Duration = Duration::from_secs(30);
/// Messages that warm up, over all publishers.
const WARM_UP: u64 = 64;
/// Fewest messages of one publisher that warm up.
const WARM_UP_EACH: u64 = 2;
/// Publishers that are being opened at once.
const OPENING: usize = 64;

/// Runs what `args` describe once, with a fresh server.
///
/// # Errors
/// The run could not be made or does not count.
pub(crate) async fn once(args: &TextArgs) -> Result<Figures, BenchError> {
    let server = Server::start(args, args.subscriber_count() + args.publisher_count()).await?;
    if args.mode == Mode::Idle { idle(args, &server).await } else { messages(args, &server).await }
}

async fn idle(args: &TextArgs, server: &Server) -> Result<Figures, BenchError> {
    let progress = Arc::new(Progress::new(args.connections));
    sleep(SETTLE).await;
    let (before, _) = procfs::resident_kib(server.pid())?;
    let cpu_before = procfs::cpu_seconds(server.pid())?;
    let start = Instant::now();
    let subscribers = open_subscribers(args, server, &progress).await?;
    let opening = start.elapsed();
    let cpu_open = procfs::cpu_seconds(server.pid())? - cpu_before;
    sleep(SETTLE_MEMORY).await;
    let (after, highest) = procfs::resident_kib(server.pid())?;
    subscribers.finish()?;
    if progress.errors() > 0 {
        return Err(mismatch(&progress, "connections were lost"));
    }
    let connections = f64::from(args.connections);
    let mut figures = Figures::default();
    figures.set("kib_per_connection", after.saturating_sub(before) as f64 / connections);
    figures.set("rss_before_mib", before as f64 / 1024.0);
    figures.set("rss_mib", after as f64 / 1024.0);
    figures.set("peak_rss_mib", highest as f64 / 1024.0);
    figures.set("connections", connections);
    figures.set("opened_per_s", connections / opening.as_secs_f64());
    figures.set("server_cpu_ms_per_open", cpu_open * 1000.0 / connections);
    Ok(figures)
}

async fn messages(args: &TextArgs, server: &Server) -> Result<Figures, BenchError> {
    let progress = Arc::new(Progress::new(args.subscriber_count()));
    let subscribers = open_subscribers(args, server, &progress).await?;
    let publishers = open_publishers(args, server, &progress).await?;
    sleep(SETTLE).await;
    let warm_up = (WARM_UP / u64::from(args.publisher_count())).max(WARM_UP_EACH);
    let paces = vec![Pace::Count(warm_up); publishers.len()];
    let publishers = publish(publishers, 0, paces, &progress).await?;
    settle(&progress).await;

    let warmed = progress.sent();
    let before = Usage::now(server).await?;
    let start_ns = stamp::now_ns();
    let bursts = Arc::new(Bursts::default());
    let paces = paces_of(args, &bursts);
    let burst_control = async {
        if args.mode == Mode::Burst {
            drive_bursts(args, &bursts, &progress).await;
        }
    };
    let (publishers, ()) = tokio::join!(publish(publishers, 1, paces, &progress), burst_control);
    let publishers = publishers?;
    settle(&progress).await;
    let after = Usage::now(server).await?;
    let tally = subscribers.finish()?;

    let sent = progress.sent() - warmed;
    verify(&progress, sent, &tally, &publishers)?;
    Ok(measured(args, sent, start_ns, &before, &after, &tally, &publishers))
}

struct Usage {
    server_cpu: f64,
    client_cpu: f64,
    rss_kib: u64,
    peak_kib: u64,
    commits: Option<Commits>,
}

impl Usage {
    async fn now(server: &Server) -> Result<Self, BenchError> {
        let commits = server.commits().await?;
        let (rss_kib, peak_kib) = procfs::resident_kib(server.pid())?;
        let server_cpu = procfs::cpu_seconds(server.pid())?;
        Ok(Self { server_cpu, client_cpu: procfs::cpu_seconds(std::process::id())?, rss_kib, peak_kib, commits })
    }
}

async fn open_subscribers(
    args: &TextArgs,
    server: &Server,
    progress: &Arc<Progress>,
) -> Result<Subscribers, BenchError> {
    let entrances = (0..args.subscriber_count() as usize).map(|index| server.entrance(Part::Subscriber, index));
    Subscribers::open(entrances.collect(), args.publisher_count() as usize, args.threads, progress).await
}

async fn open_publishers(
    args: &TextArgs,
    server: &Server,
    progress: &Arc<Progress>,
) -> Result<Vec<Publisher>, BenchError> {
    let first = args.subscriber_count() as usize;
    let mut entrances = (0..args.publisher_count()).map(|n| (n, server.entrance(Part::Publisher, first + n as usize)));
    let (mut opening, mut publishers) = (JoinSet::new(), Vec::new());
    loop {
        while opening.len() < OPENING
            && let Some((number, entrance)) = entrances.next()
        {
            opening.spawn(async move { (number, Connection::open(entrance, &mut [0; 4096]).await) });
        }
        let Some(opened) = opening.join_next().await else { break };
        let (number, connection) = opened.map_err(|error| BenchError::defect(&error))?;
        let connection = connection.map_err(|error| BenchError::Setup(format!("a publisher: {error}")))?;
        publishers.push(Publisher::new(connection, u64::from(number), args.text_bytes, Arc::clone(progress)));
    }
    Ok(publishers)
}

fn paces_of(args: &TextArgs, bursts: &Arc<Bursts>) -> Vec<Pace> {
    let publishers = args.publisher_count();
    let now = Instant::now();
    let until = now + args.duration();
    let pace = |number: u32| match args.mode {
        Mode::Paced => {
            let every = Duration::from_secs(1) / args.rate;
            let total = args.rate.saturating_mul(args.seconds);
            let mine = total / publishers + u32::from(number < total % publishers);
            Pace::Rate { start: now + every * number, every: every * publishers, count: u64::from(mine) }
        }
        Mode::Saturated => {
            let own = u64::from(args.window.div_ceil(publishers));
            Pace::Window { own, total: u64::from(args.window), until }
        }
        Mode::Durable | Mode::Idle => Pace::Window { own: 1, total: u64::MAX, until },
        Mode::Burst => Pace::Burst(Arc::clone(bursts)),
    };
    (0..publishers).map(pace).collect()
}

async fn publish(
    publishers: Vec<Publisher>,
    phase: u64,
    paces: Vec<Pace>,
    progress: &Progress,
) -> Result<Vec<Publisher>, BenchError> {
    let mut running = JoinSet::new();
    for (publisher, pace) in publishers.into_iter().zip(paces) {
        running.spawn(publisher.run(phase, pace));
    }
    let mut done = Vec::new();
    let mut give_up = None;
    loop {
        let next = running.join_next();
        let joined = match give_up {
            None => next.await,
            // One has ended, so the phase is over: the others wait for their last answers only.
            Some(deadline) => match tokio::time::timeout_at(deadline, next).await {
                Ok(joined) => joined,
                Err(_) => return Err(mismatch(progress, "sends were not answered")),
            },
        };
        let Some(joined) = joined else { return Ok(done) };
        done.push(joined.map_err(|error| BenchError::defect(&error))?);
        give_up.get_or_insert_with(|| Instant::now() + DRAIN);
    }
}

async fn drive_bursts(args: &TextArgs, bursts: &Bursts, progress: &Progress) {
    let share = u64::from(args.size.div_ceil(args.publisher_count()));
    let size = share * u64::from(args.publisher_count());
    let until = Instant::now() + args.duration();
    let first = progress.sent();
    let mut rounds = 0;
    while Instant::now() < until && progress.errors() == 0 {
        rounds += 1;
        bursts.allowed.store(rounds * share, SeqCst);
        progress.wake();
        let everywhere = async {
            loop {
                let changed = progress.changed();
                if (progress.sent() >= first + rounds * size && progress.settled()) || progress.errors() > 0 {
                    return;
                }
                changed.await;
            }
        };
        if timeout(DRAIN, everywhere).await.is_err() {
            break;
        }
    }
    bursts.over.store(true, SeqCst);
    progress.wake();
}

/// Returns when everything sent has arrived, or will not.
async fn settle(progress: &Progress) {
    let settled = async {
        loop {
            let changed = progress.changed();
            if progress.settled() || progress.errors() > 0 {
                return;
            }
            changed.await;
        }
    };
    // What has not come by then shows in the counts.
    let _ = timeout(DRAIN, settled).await;
}

fn mismatch(progress: &Progress, what: &str) -> BenchError {
    BenchError::Mismatch(format!("{what} ({} errors) {}", progress.errors(), progress.samples().join("; ")))
}

fn verify(progress: &Progress, sent: u64, tally: &Tally, publishers: &[Publisher]) -> Result<(), BenchError> {
    if progress.errors() > 0 {
        return Err(mismatch(progress, "errors"));
    }
    if progress.answered() != progress.sent() {
        return Err(mismatch(progress, "sends were not answered"));
    }
    if let Some(short) = tally.seen.iter().find(|seen| seen.measured != sent) {
        let what = format!("a subscriber got {} of {sent} messages", short.measured);
        return Err(mismatch(progress, &what));
    }
    let mut seqs: Vec<u64> = publishers.iter().flat_map(|publisher| publisher.seqs.iter().copied()).collect();
    check_seqs(&mut seqs, progress.answered()).map_err(|what| mismatch(progress, &what))
}

/// The numbers of all answers must be each there once and without a gap; a server that gives none is not asked.
fn check_seqs(seqs: &mut [u64], answered: u64) -> Result<(), String> {
    if seqs.is_empty() {
        return Ok(());
    }
    if seqs.len() as u64 != answered {
        return Err(format!("{} of {answered} answers had a seq", seqs.len()));
    }
    seqs.sort_unstable();
    let broken = seqs.iter().zip(seqs.iter().skip(1)).find(|(one, next)| **one + 1 != **next);
    broken.map_or(Ok(()), |(one, next)| Err(format!("seq {next} after {one} among the answers")))
}

fn measured(
    args: &TextArgs,
    sent: u64,
    start_ns: u64,
    before: &Usage,
    after: &Usage,
    tally: &Tally,
    publishers: &[Publisher],
) -> Figures {
    let last_answer = publishers.iter().map(|publisher| publisher.last_ns).max().unwrap_or(0);
    let seconds = tally.last_ns.max(last_answer).saturating_sub(start_ns).max(1) as f64 / 1e9;
    let cpu = after.server_cpu - before.server_cpu;
    let mut figures = Figures::default();
    figures.set("messages", sent as f64);
    figures.set("sends_per_s", sent as f64 / seconds);
    if args.mode == Mode::Durable {
        figures.set("server_cpu_s_per_million_sends", cpu * 1e6 / sent.max(1) as f64);
    } else {
        let deliveries = sent as f64 * f64::from(args.subscriber_count());
        figures.set("deliveries_per_s", deliveries / seconds);
        figures.set("server_cpu_s_per_million", cpu * 1e6 / deliveries.max(1.0));
        figures.set("client_cpu_s_per_million", (after.client_cpu - before.client_cpu) * 1e6 / deliveries.max(1.0));
        figures.set("duplicates", tally.seen.iter().map(|seen| seen.duplicates as f64).sum());
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            figures.set(&format!("latency_{name}_ms"), tally.latency.value_at_quantile(quantile) as f64 / 1e6);
        }
    }
    let mut answers: Vec<u64> = publishers.iter().flat_map(|publisher| publisher.answer_ns.iter().copied()).collect();
    for (name, value) in percentiles(&mut answers) {
        figures.set(&format!("answer_{name}_ms"), value as f64 / 1e6);
    }
    if let Some((writes, ms)) = after.commits.zip(before.commits).and_then(|(after, before)| after.since(&before)) {
        figures.set("sends_per_commit", writes);
        figures.set("commit_mean_ms", ms);
    }
    figures.set("seconds", seconds);
    figures.set("server_cores", cpu / seconds);
    figures.set("client_cores", (after.client_cpu - before.client_cpu) / seconds);
    figures.set("rss_mib", after.rss_kib as f64 / 1024.0);
    figures.set("peak_rss_mib", after.peak_kib as f64 / 1024.0);
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_must_be_numbered_once_each_without_gap() {
        assert_eq!(check_seqs(&mut [], 9), Ok(()));
        assert_eq!(check_seqs(&mut [5, 3, 4], 3), Ok(()));
        assert!(check_seqs(&mut [3, 4], 3).is_err(), "an answer had no number");
        assert!(check_seqs(&mut [3, 5], 2).is_err(), "a gap");
        assert!(check_seqs(&mut [3, 3], 2).is_err(), "the same number twice");
    }

    fn args(arguments: &[&str]) -> TextArgs {
        use clap::Parser;
        match crate::cli::Cli::parse_from(["bench", "text"].iter().chain(arguments)).command {
            crate::cli::Command::Text(args) => args,
            crate::cli::Command::Table(_) => unreachable!("asked for text"),
        }
    }

    #[test]
    fn the_publishers_of_a_paced_run_send_the_rate_together() {
        let paces = paces_of(&args(&["--rate", "25", "--seconds", "3", "--publishers", "4"]), &Arc::default());
        let mut total = 0;
        for pace in paces {
            let Pace::Rate { every, count, .. } = pace else { panic!("not a rate") };
            assert_eq!(every, Duration::from_millis(160));
            total += count;
        }
        assert_eq!(total, 75);
    }

    #[test]
    fn the_publishers_of_a_saturated_run_share_the_window() {
        let paces = paces_of(&args(&["--mode", "saturated", "--window", "30"]), &Arc::default());
        assert_eq!(paces.len(), 4);
        assert!(paces.iter().all(|pace| matches!(pace, Pace::Window { own: 8, total: 30, .. })));
    }

    #[tokio::test]
    async fn bursts_end_when_the_run_fails() {
        let progress = Progress::new(1);
        let bursts = Bursts::default();
        progress.fail("x".to_owned());
        drive_bursts(&args(&["--mode", "burst"]), &bursts, &progress).await;
        assert!(bursts.over.load(SeqCst));
    }
}
