//! One statement for many rows.
//!
//! Owns the shape of such statements, and that they come in few sizes, so that they stay prepared. Never knows a table.

use sqlx::{
    AssertSqlSafe, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::store::Result;

/// Rows of one statement: 256 rows of 10 columns stay far below SQLite's 32,766 parameters.
const ROWS_AT_ONCE: usize = 256;

/// A statement whose parameters are being bound.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;
/// Binds one row's columns.
pub(super) type Bind<T> = for<'q> fn(Statement<'q>, &T) -> Statement<'q>;

/// The rows that `WITH wanted (..) AS (VALUES .. <after>` finds for `keys`.
pub(super) async fn select<T>(
    conn: &mut SqliteConnection,
    keys: &[T],
    (names, after): (&[&str], &str),
    bind: Bind<T>,
) -> Result<Vec<SqliteRow>> {
    let mut found = Vec::new();
    let before = format!("WITH wanted ({}) AS (VALUES ", names.join(", "));
    for chunk in chunks(keys) {
        let sql = values(&before, chunk.len(), names.len(), &format!(") {after}"));
        let query = chunk.iter().fold(sqlx::query(AssertSqlSafe(sql)), bind);
        found.extend(query.fetch_all(&mut *conn).await?);
    }
    Ok(found)
}

/// `<before> VALUES .. <after>` for all `rows` of so many columns.
pub(super) async fn insert<T>(
    conn: &mut SqliteConnection,
    rows: &[T],
    columns: usize,
    (before, after): (&str, &str),
    bind: Bind<T>,
) -> Result<()> {
    for chunk in chunks(rows) {
        let sql = values(&format!("{before} VALUES "), chunk.len(), columns, after);
        chunk.iter().fold(sqlx::query(AssertSqlSafe(sql)), bind).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Slices of a power of two rows.
fn chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = match rest.len() {
            0 => return None,
            n if n >= ROWS_AT_ONCE => ROWS_AT_ONCE,
            n => 1 << n.ilog2(),
        };
        let (chunk, after) = rest.split_at_checked(size)?;
        rest = after;
        Some(chunk)
    })
}

/// `<before>(?,?),(?,?)<after>`.
fn values(before: &str, rows: usize, columns: usize, after: &str) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    let mut sql = String::with_capacity(before.len() + after.len() + rows * (row.len() + 1));
    sql.push_str(before);
    for n in 0..rows {
        if n > 0 {
            sql.push(',');
        }
        sql.push_str(&row);
    }
    sql.push_str(after);
    sql
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_leave_nothing_out_and_come_in_few_sizes(n in 0usize..3000) {
            let rows: Vec<usize> = (0..n).collect();
            let parts: Vec<&[usize]> = chunks(&rows).collect();
            prop_assert_eq!(parts.concat(), rows.clone());
            prop_assert!(parts.iter().all(|part| part.len().is_power_of_two() && part.len() <= ROWS_AT_ONCE));
        }
    }

    #[test]
    fn values_have_a_placeholder_for_everything() {
        assert_eq!(values("a ", 2, 3, " b"), "a (?,?,?),(?,?,?) b");
    }
}
