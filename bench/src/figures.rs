//! Figures of runs and what is made of several: medians and spread.
//!
//! Owns arithmetic on measurements. Never measures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Named figures; the unit is the end of the name.
#[derive(Serialize, Deserialize, Default, Clone, PartialEq, Debug)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Adds a figure.
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), value);
    }

    /// A figure, where the mode has it.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// All figures by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The median of each figure over `runs`.
    #[must_use]
    pub(crate) fn median(runs: &[Self]) -> Self {
        let names = runs.iter().flat_map(|run| run.0.keys());
        let of = |name: &String| {
            let mut values: Vec<f64> = runs.iter().filter_map(|run| run.value(name)).collect();
            median(&mut values).map(|value| (name.clone(), value))
        };
        Self(names.filter_map(of).collect())
    }
}

/// The middle value, or the mean of the middle two.
#[must_use]
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(*upper);
    }
    let lower = values.get((values.len() / 2).checked_sub(1)?)?;
    Some(f64::midpoint(*lower, *upper))
}

/// p50, p99, p99.9 and the highest of `values`, by nearest rank; nothing of nothing.
#[must_use]
pub(crate) fn percentiles(values: &mut [u64]) -> Vec<(&'static str, u64)> {
    values.sort_unstable();
    let rank = |per_mille: usize| {
        let rank = (values.len() * per_mille).div_ceil(1000);
        values.get(rank.saturating_sub(1)).copied()
    };
    [("p50", 500), ("p99", 990), ("p999", 999), ("max", 1000)]
        .into_iter()
        .filter_map(|(name, per_mille)| Some((name, rank(per_mille)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn the_median_is_taken_of_each_figure_by_itself() {
        let run = |a: f64, b: Option<f64>| {
            let mut figures = Figures::default();
            figures.set("a", a);
            if let Some(b) = b {
                figures.set("b", b);
            }
            figures
        };
        let median = Figures::median(&[run(1.0, Some(30.0)), run(3.0, Some(10.0)), run(2.0, None)]);
        assert_eq!((median.value("a"), median.value("b"), median.value("c")), (Some(2.0), Some(20.0), None));
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let mut values: Vec<u64> = (1..=1000).rev().collect();
        assert_eq!(percentiles(&mut values), [("p50", 500), ("p99", 990), ("p999", 999), ("max", 1000)]);
        assert_eq!(percentiles(&mut [7]), [("p50", 7), ("p99", 7), ("p999", 7), ("max", 7)]);
        assert!(percentiles(&mut []).is_empty());
    }
}
