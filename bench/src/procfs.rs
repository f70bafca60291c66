//! What Linux tells of a process: CPU time, memory; and of the machine.
//!
//! Owns the reading of /proc. Never starts or stops a process.

use std::{
    fs,
    io::{Error, ErrorKind},
    path::Path,
};

use rustix::process::{Resource, Rlimit};

/// Descriptors that this process and its children may open: 15,000 connections and room to spare.
const DESCRIPTORS: u64 = 65_536;
/// The magic number of tmpfs, where `fsync` costs nothing and a durable write is none.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// CPU seconds (user and system, all threads) that a process has used.
///
/// # Errors
/// The process is gone.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64, Error> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or_else(|| Error::new(ErrorKind::InvalidData, "/proc/PID/stat"))?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// utime and stime, the 14th and 15th field; the 2nd is a name that may hold blanks and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let utime: u64 = fields.next()?.parse().ok()?;
    let stime: u64 = fields.next()?.parse().ok()?;
    Some(utime + stime)
}

/// Resident memory of a process in KiB: now, and at its highest.
///
/// # Errors
/// The process is gone.
pub(crate) fn resident_kib(pid: u32) -> Result<(u64, u64), Error> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status_kib(&status, "VmRSS:")
        .zip(status_kib(&status, "VmHWM:"))
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "/proc/PID/status"))
}

fn status_kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Runnable processes averaged over the last minute.
#[must_use]
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Processors this process may use.
#[must_use]
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Whether a folder lies in memory.
///
/// # Errors
/// It cannot be looked at.
pub(crate) fn in_memory(folder: &Path) -> Result<bool, Error> {
    Ok(u64::try_from(rustix::fs::statfs(folder)?.f_type).is_ok_and(|kind| kind == TMPFS_MAGIC))
}

/// Lets this process and its children open [`DESCRIPTORS`] files, or as many as the hard limit grants.
pub(crate) fn raise_descriptors() {
    let now = rustix::process::getrlimit(Resource::Nofile);
    let granted = now.maximum.unwrap_or(DESCRIPTORS);
    let wanted = granted.max(DESCRIPTORS);
    let raised = Rlimit { current: Some(wanted), maximum: Some(wanted) };
    if rustix::process::setrlimit(Resource::Nofile, raised).is_err() {
        // Only root may raise the hard limit.
        let most = Rlimit { current: Some(granted), maximum: now.maximum };
        let _ = rustix::process::setrlimit(Resource::Nofile, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "42 (a b) c) d) S 1 2 3 4 5 6 7 8 9 10 111 222 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(333));
        assert_eq!(cpu_ticks("42 (x) S 1"), None);
    }

    #[test]
    fn memory_lines() {
        let status = "Name:\tx\nVmHWM:\t    5000 kB\nVmRSS:\t    4321 kB\n";
        assert_eq!(status_kib(status, "VmRSS:"), Some(4321));
        assert_eq!(status_kib(status, "VmHWM:"), Some(5000));
        assert_eq!(status_kib(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let own = std::process::id();
        assert!(cpu_seconds(own).unwrap() >= 0.0);
        let (now, highest) = resident_kib(own).unwrap();
        assert!(now > 0 && highest >= now / 2);
        assert!(cores() > 0);
    }
}
