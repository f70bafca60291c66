//! Checking a request's fields one by one, so that a form learns of all its mistakes at once.
//!
//! Owns the collecting. Never knows what a field means.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer};

use super::problem::{FieldError, Problem};

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    /// The value, or `None` and a note of what is wrong with it.
    pub(crate) fn check<T, E: Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.refuse(field, error.to_string())).ok()
    }

    /// The same for a field that may be left out; the outer `None` is a mistake.
    pub(crate) fn check_optional<T, E: Display>(
        &mut self,
        field: &str,
        result: Option<Result<T, E>>,
    ) -> Option<Option<T>> {
        result.map_or(Some(None), |result| self.check(field, result).map(Some))
    }

    /// Notes a mistake.
    pub(crate) fn refuse(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(FieldError { field: field.to_owned(), detail: detail.into() });
    }

    /// The answer, when some field was refused.
    pub(crate) fn problem(self) -> Problem {
        Problem::validation(self.0)
    }

    /// `Err` when some field was refused.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(self.problem()) }
    }
}

/// For `Option<Option<T>>` with `#[serde(default, deserialize_with = "nullable")]`: absent = `None`, null = `Some(None)`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A whole number of a query, within a range; absent = `None`.
pub(crate) fn number<T>(
    fields: &mut Fields,
    name: &str,
    text: Option<&str>,
    range: std::ops::RangeInclusive<T>,
) -> Option<T>
where
    T: FromStr + PartialOrd + Display,
{
    match text?.parse::<T>() {
        Ok(number) if range.contains(&number) => Some(number),
        _ => {
            fields.refuse(name, format!("must be a whole number from {} to {}", range.start(), range.end()));
            None
        }
    }
}
