//! What SQLite's error codes mean to the store.
//!
//! Owns the one mapping. Never sees a value: SQLite's messages name tables and columns only.

use crate::store::StoreError;

/// `UNIQUE constraint failed: <columns>`, as the word for the caller.
const NAMES: [(&str, &str); 3] =
    [("users.username", "username"), ("rooms.slug", "slug"), ("channels.room_id, channels.letter", "letter")];

// Extended result codes, https://www.sqlite.org/rescode.html
const CORRUPT: i32 = 11;
const CONSTRAINT: i32 = 19;
const NOT_A_DATABASE: i32 = 26;
const CONSTRAINT_FOREIGN_KEY: i32 = 787;
const CONSTRAINT_PRIMARY_KEY: i32 = 1555;
const CONSTRAINT_UNIQUE: i32 = 2067;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::Missing,
            sqlx::Error::Database(error) => from_code(error.code().as_deref(), error.message()),
            sqlx::Error::Decode(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => Self::Corrupt(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

fn from_code(code: Option<&str>, message: &str) -> StoreError {
    let code = code.and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
    match code {
        CONSTRAINT_FOREIGN_KEY => StoreError::Missing,
        CONSTRAINT_UNIQUE | CONSTRAINT_PRIMARY_KEY => NAMES
            .iter()
            .find(|(columns, _)| message.ends_with(columns))
            .map_or(StoreError::Conflict("duplicate"), |(_, name)| StoreError::Taken(name)),
        _ if code & 0xff == CONSTRAINT => StoreError::Conflict("constraint"),
        _ if code & 0xff == CORRUPT || code & 0xff == NOT_A_DATABASE => StoreError::Corrupt(message.to_owned()),
        _ => StoreError::Unavailable(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_become_words() {
        let unique = |message| from_code(Some("2067"), message);
        assert!(matches!(unique("UNIQUE constraint failed: users.username"), StoreError::Taken("username")));
        assert!(matches!(unique("UNIQUE constraint failed: rooms.slug"), StoreError::Taken("slug")));
        assert!(matches!(unique("UNIQUE constraint failed: messages.id"), StoreError::Conflict("duplicate")));
        assert!(matches!(from_code(Some("787"), "FOREIGN KEY constraint failed"), StoreError::Missing));
    }

    #[test]
    fn what_may_pass_is_unavailable() {
        for code in ["5", "6", "13", "10", "778", "14", "8", "261", "none"] {
            assert!(matches!(from_code(Some(code), "x"), StoreError::Unavailable(_)), "{code}");
        }
    }
}
