//! Charge's own count of its commits, as `/metrics` tells it.
//!
//! Owns the reading of these three series. It explains figures; it is never one that is compared.

/// Commits since the start of the server.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Commits {
    count: f64,
    writes: f64,
    seconds: f64,
}

impl Commits {
    /// From the text form of Prometheus; what is missing is zero.
    #[must_use]
    pub(crate) fn read(text: &str) -> Self {
        let series = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
        };
        Self {
            count: series("charge_commit_batch_size_count"),
            writes: series("charge_commit_batch_size_sum"),
            seconds: series("charge_commit_duration_seconds_sum"),
        }
    }

    /// Durable writes of one commit and milliseconds of one, between `earlier` and now; `None` without a commit.
    #[must_use]
    pub(crate) fn since(&self, earlier: &Self) -> Option<(f64, f64)> {
        let count = self.count - earlier.count;
        let (writes, seconds) = (self.writes - earlier.writes, self.seconds - earlier.seconds);
        (count > 0.0).then(|| (writes / count, seconds * 1000.0 / count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE charge_commit_batch_size histogram\ncharge_commit_batch_size_bucket{le=\"1\"} 3\n\
        charge_commit_batch_size_sum 40\ncharge_commit_batch_size_count 10\ncharge_commit_duration_seconds_sum 0.02\n";

    #[test]
    fn series_are_found_by_their_whole_name() {
        assert_eq!(Commits::read(TEXT), Commits { count: 10.0, writes: 40.0, seconds: 0.02 });
        assert_eq!(Commits::read(""), Commits::default());
    }

    #[test]
    fn means_are_over_what_came_since() {
        let earlier = Commits { count: 5.0, writes: 5.0, seconds: 0.01 };
        assert_eq!(Commits::read(TEXT).since(&earlier), Some((7.0, 2.0)));
        assert_eq!(earlier.since(&earlier), None);
    }
}
