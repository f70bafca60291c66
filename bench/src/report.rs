//! What a measurement leaves behind: a record for machines, a table for people, the tables of RESULTS.md.
//!
//! Owns forms and targets. Never measures.

use std::{collections::BTreeMap, fmt::Write};

use serde::{Deserialize, Serialize};

use crate::{cli::TextArgs, error::BenchError, figures::Figures, procfs};

/// Where `bench table --into` begins to replace.
const BEGIN: &str = "<!-- bench:begin -->";
/// Where it ends.
const END: &str = "<!-- bench:end -->";
/// Load average up to which the machine was ours alone; one measurement right after another leaves about this much.
const QUIET: f64 = 2.0;
/// The server the others are compared with.
const OURS: &str = "charge";

/// One measurement: all its runs and their median.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) struct Record {
    /// Day of the measurement, UTC.
    pub(crate) date: String,
    /// The command that repeats it.
    pub(crate) command: String,
    /// Which server.
    pub(crate) server: String,
    /// Which mode.
    pub(crate) mode: String,
    /// Everything that must be equal for two servers to be compared, as written on the command line.
    pub(crate) work: String,
    /// Processors of the machine.
    pub(crate) cores: usize,
    /// Load average before the first run: above a few tenths others were working too.
    pub(crate) load_before: f64,
    /// Figure by figure, the median of `runs`.
    pub(crate) median: Figures,
    /// Each run.
    pub(crate) runs: Vec<Figures>,
}

impl Record {
    /// The record of `runs` of what `args` describe.
    #[must_use]
    pub(crate) fn new(args: &TextArgs, load_before: f64, runs: Vec<Figures>) -> Self {
        let work = args.work().into_iter().map(|(name, value)| format!("--{name} {value}"));
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            command: args.command_line(),
            server: args.server.as_str().to_owned(),
            mode: args.mode.as_str().to_owned(),
            work: work.collect::<Vec<_>>().join(" "),
            cores: procfs::cores(),
            load_before,
            median: Figures::median(&runs),
            runs,
        }
    }

    /// For the terminal: every figure, its median and its extremes.
    #[must_use]
    pub(crate) fn for_people(&self) -> String {
        let mut text = format!("{}\n{} cores, load before {:.2}\n", self.command, self.cores, self.load_before);
        for (name, median) in self.median.iter() {
            let values = self.runs.iter().filter_map(|run| run.value(name));
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<32} {:>12}   ({} .. {})", short(median), short(low), short(high));
        }
        text
    }
}

/// A target of the bar: a figure of Charge, or its ratio to a peer's.
struct Target {
    mode: &'static str,
    /// Part of the work it is set for.
    with: &'static str,
    figure: &'static str,
    bound: Bound,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// A peer's figure divided by Charge's.
    Times(&'static str, f64),
}

const CPU: &str = "server_cpu_s_per_million";
const TARGETS: &[Target] = &[
    Target { mode: "paced", with: "--subscribers 1000 ", figure: CPU, bound: Bound::Times("ws", 1.3) },
    Target { mode: "paced", with: "--subscribers 1000 ", figure: CPU, bound: Bound::Times("socketio", 1.8) },
    Target { mode: "paced", with: "--subscribers 1000 ", figure: CPU, bound: Bound::Times("nats", 1.4) },
    Target { mode: "paced", with: "--subscribers 1000 ", figure: "latency_p99_ms", bound: Bound::AtMost(10.0) },
    Target { mode: "saturated", with: "--subscribers 1000 ", figure: CPU, bound: Bound::Times("ws", 4.0) },
    Target { mode: "saturated", with: "--subscribers 1000 ", figure: CPU, bound: Bound::Times("socketio", 5.0) },
    Target { mode: "saturated", with: "--subscribers 1000 ", figure: CPU, bound: Bound::Times("nats", 2.0) },
    Target { mode: "burst", with: "--subscribers 100 ", figure: CPU, bound: Bound::Times("ws", 20.0) },
    Target { mode: "burst", with: "--subscribers 100 ", figure: CPU, bound: Bound::Times("socketio", 20.0) },
    Target { mode: "burst", with: "--subscribers 100 ", figure: CPU, bound: Bound::Times("nats", 1.5) },
    Target { mode: "idle", with: "--connections 10000", figure: "kib_per_connection", bound: Bound::AtMost(12.0) },
    Target { mode: "durable", with: "--clients 1024 ", figure: "sends_per_s", bound: Bound::AtLeast(30_000.0) },
];

/// The figures a mode is about, in the order of the table.
fn headline(mode: &str) -> &'static [&'static str] {
    match mode {
        "idle" => &["kib_per_connection", "rss_mib"],
        "durable" => &["sends_per_s", "answer_p50_ms", "answer_p99_ms", "server_cpu_s_per_million_sends"],
        "paced" => &[CPU, "latency_p50_ms", "latency_p99_ms", "latency_p999_ms", "rss_mib"],
        _ => &[CPU, "deliveries_per_s", "latency_p50_ms", "latency_p99_ms", "latency_p999_ms", "rss_mib"],
    }
}

/// Reads the lines that `--json` wrote; of two with the same command the later one counts.
///
/// # Errors
/// A line is no record.
pub(crate) fn read_records(text: &str) -> Result<Vec<Record>, BenchError> {
    let mut records: Vec<Record> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record: Record =
            serde_json::from_str(line).map_err(|error| BenchError::Record { line: index + 1, error })?;
        match records.iter_mut().find(|earlier| earlier.command == record.command) {
            Some(earlier) => *earlier = record,
            None => records.push(record),
        }
    }
    Ok(records)
}

/// The tables of RESULTS.md: targets first, then every measurement.
#[must_use]
pub(crate) fn tables(records: &[Record]) -> String {
    let mut text =
        String::from("### Targets\n\n| date | command | figure | median of runs | target | ratio to peer | met |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for target in TARGETS {
        for ours in records.iter().filter(|record| record.server == OURS && applies(target, record)) {
            text.push_str(&target_row(target, ours, records));
        }
    }
    let loads: Vec<f64> = records.iter().map(|record| record.load_before).collect();
    let (low, high) =
        loads.iter().fold((f64::MAX, 0.0), |(low, high): (f64, f64), load| (low.min(*load), high.max(*load)));
    if let Some(record) = records.first() {
        let _ = writeln!(text, "\n{} cores; load average before the measurements {low:.2} to {high:.2}.", record.cores);
    }
    if high > QUIET {
        text.push_str(
            "**Preliminary**: others were using the machine, or the measurements themselves left it no rest.\n",
        );
    }
    let mut by_work: BTreeMap<(&str, &str), Vec<&Record>> = BTreeMap::new();
    for record in records {
        by_work.entry((&record.mode, &record.work)).or_default().push(record);
    }
    for ((mode, work), records) in by_work {
        text.push_str(&work_table(mode, work, &records));
    }
    text
}

fn applies(target: &Target, record: &Record) -> bool {
    // A blank behind, so that `1000` is not found in `10000`.
    target.mode == record.mode
        && format!("{} ", record.work).contains(target.with.trim_end())
        && format!("{} ", record.work).contains(&format!("{} ", target.with.trim_end()))
}

fn target_row(target: &Target, ours: &Record, records: &[Record]) -> String {
    let Some(value) = ours.median.value(target.figure) else { return String::new() };
    let (wanted, ratio, met) = match target.bound {
        Bound::AtMost(bound) => (format!("<= {bound}"), String::from("-"), value <= bound),
        Bound::AtLeast(bound) => (format!(">= {bound}"), String::from("-"), value >= bound),
        Bound::Times(peer, bound) => {
            let theirs = records
                .iter()
                .find(|other| (other.server.as_str(), &other.mode, &other.work) == (peer, &ours.mode, &ours.work));
            let Some(theirs) = theirs.and_then(|theirs| theirs.median.value(target.figure)) else {
                return String::new();
            };
            let ratio = theirs / value;
            (
                format!("{peer} / charge >= {bound}"),
                format!("{} / {} = {ratio:.2}", short(theirs), short(value)),
                ratio >= bound,
            )
        }
    };
    let met = if met { "yes" } else { "**no**" };
    format!(
        "| {} | `{}` | {} | {} | {wanted} | {ratio} | {met} |\n",
        ours.date,
        ours.command,
        target.figure,
        short(value)
    )
}

fn work_table(mode: &str, work: &str, records: &[&Record]) -> String {
    let figures = headline(mode);
    let mut text = format!("\n### {mode} `{work}`\n\n| server | {} | command |\n|---|", figures.join(" | "));
    text.push_str(&"---|".repeat(figures.len() + 1));
    text.push('\n');
    for record in records {
        let cells = figures.iter().map(|figure| record.median.value(figure).map_or_else(|| "-".to_owned(), short));
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(text, "| {} | {} | `{}` |", record.server, cells.join(" | "), record.command);
    }
    text
}

/// `page` with the part between the marks replaced; `None` where it has no marks.
#[must_use]
pub(crate) fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// Three figures or more that mean something.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(server: &str, work: &str, cpu: f64) -> Record {
        let mut median = Figures::default();
        median.set(CPU, cpu);
        median.set("latency_p99_ms", 7.0);
        let (date, mode) = ("2025-01-01".to_owned(), "paced".to_owned());
        let command = format!("bench text --server {server} {work}");
        let (server, work) = (server.to_owned(), work.to_owned());
        Record { date, command, server, mode, work, cores: 2, load_before: 0.1, runs: vec![median.clone()], median }
    }

    const WORK: &str = "--subscribers 1000 --publishers 1 --rate 20";

    #[test]
    fn a_target_is_a_ratio_over_equal_work() {
        let records = [record("charge", WORK, 5.0), record("ws", WORK, 10.0), record("nats", "--subscribers 10", 99.0)];
        let text = tables(&records);
        assert!(text.contains("| ws / charge >= 1.3 | 10.0 / 5.00 = 2.00 | yes |"), "{text}");
        assert!(!text.contains("nats / charge"), "other work is not compared: {text}");
        assert!(text.contains("| <= 10 | - | yes |"), "{text}");
    }

    #[test]
    fn a_busy_machine_makes_figures_preliminary() {
        let quiet = record("charge", WORK, 5.0);
        assert!(!tables(std::slice::from_ref(&quiet)).contains("Preliminary"));
        assert!(tables(&[quiet.clone(), Record { load_before: 9.0, ..quiet }]).contains("**Preliminary**"));
    }

    #[test]
    fn a_missed_target_says_so() {
        let text = tables(&[record("charge", WORK, 5.0), record("ws", WORK, 5.5)]);
        assert!(text.contains("= 1.10 | **no** |"), "{text}");
    }

    #[test]
    fn targets_are_not_taken_for_work_of_another_size() {
        let target = &TARGETS[0];
        assert!(applies(target, &record("charge", WORK, 1.0)));
        assert!(!applies(target, &record("charge", "--subscribers 10000 --rate 20", 1.0)));
    }

    #[test]
    fn records_round_trip_and_the_later_one_counts() {
        let (first, second) = (record("ws", WORK, 1.0), record("ws", WORK, 2.0));
        let lines = [&first, &second].map(|record| serde_json::to_string(record).unwrap()).join("\n");
        assert_eq!(read_records(&lines).unwrap(), [second]);
        assert!(matches!(read_records("\n{}"), Err(BenchError::Record { line: 2, .. })));
    }

    #[test]
    fn only_the_marked_part_of_a_page_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nz\n");
        assert_eq!(replaced(&page, "new").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nz\n"));
        assert_eq!(replaced("a", "new"), None);
    }

    #[test]
    fn numbers_are_short() {
        let shorts = [1234.5, 12.345, 1.2345, 0.12345].map(short);
        assert_eq!(shorts, ["1234", "12.3", "1.23", "0.123"]);
    }
}
