//! Parsed names: a value of these types has been checked, so nothing below checks it again.
//!
//! Owns what may be in a name and what the refusal says. Never touches storage or uniqueness.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a name was refused; the text is fit to show to the person who typed it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing was left after trimming.
    #[error("must not be empty")]
    Empty,
    /// Fewer characters than needed.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// More characters than allowed.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// A character outside the set.
    #[error("may contain only {0}")]
    Characters(&'static str),
    /// Control characters, or characters that reorder or hide text (Unicode bidi controls and the like).
    #[error("contains invisible or control characters")]
    Invisible,
}

/// Whether `c` would let a name lie about itself: controls, bidi overrides and isolates, zero-width and tag characters.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// One line of visible text of 1 to `max` characters, with runs of white space folded.
fn visible_line(text: &str, max: usize) -> Result<String, NameError> {
    if text.chars().any(|c| is_deceptive(c) && !c.is_whitespace()) {
        return Err(NameError::Invisible);
    }
    let mut line = String::with_capacity(text.len().min(max * 4));
    let mut count = 0usize;
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
            count += 1;
        }
        count += word.chars().count();
        if count > max {
            return Err(NameError::TooLong(max));
        }
        line.push_str(word);
    }
    if line.chars().all(|c| matches!(c, '\u{200C}' | '\u{200D}' | ' ')) {
        return Err(NameError::Empty);
    }
    Ok(line)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// Checks and normalises `text`.
            ///
            /// # Errors
            /// What is wrong with it, in words for the person who typed it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let parse: fn(&str) -> Result<String, NameError> = $parse;
                parse(text).map(Self)
            }

            /// The checked text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The checked text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn ascii_name(
    text: &str,
    min: usize,
    max: usize,
    allowed: fn(char) -> bool,
    set: &'static str,
) -> Result<String, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if !text.chars().all(allowed) {
        return Err(NameError::Characters(set));
    }
    if text.len() < min {
        return Err(NameError::TooShort(min));
    }
    if text.len() > max {
        return Err(NameError::TooLong(max));
    }
    Ok(text.to_owned())
}

name!(
    /// An account's name: 3 to 32 of `a-z 0-9 . _ -`, kept in lower case so that case never tells two apart.
    Username,
    |text| {
        let lower = text.trim().to_ascii_lowercase();
        ascii_name(&lower, 3, 32, |c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-'),
            "the letters a to z, digits, '.', '_' and '-'")
    }
);
name!(
    /// What people see as someone's name: 1 to 64 visible characters on one line.
    DisplayName,
    |text| visible_line(text, 64)
);
name!(
    /// A room's title: 1 to 80 visible characters on one line.
    RoomTitle,
    |text| visible_line(text, 80)
);
name!(
    /// A room's or channel's topic: 1 to 250 visible characters on one line.
    Topic,
    |text| visible_line(text, 250)
);
name!(
    /// A channel's name: 1 to 48 visible characters on one line.
    ChannelName,
    |text| visible_line(text, 48)
);
name!(
    /// A room's name in addresses: 2 to 48 of `a-z 0-9 -`, no dash at either end.
    Slug,
    |text| {
        let slug = ascii_name(text, 2, 48, |c| matches!(c, 'a'..='z' | '0'..='9' | '-'),
            "the letters a to z, digits and '-'")?;
        if slug.starts_with('-') || slug.ends_with('-') {
            return Err(NameError::Characters("a dash inside, not at either end"));
        }
        Ok(slug)
    }
);
name!(
    /// An invite's secret: 22 to 64 of the base64url alphabet (128 bits and more).
    InviteToken,
    |text| ascii_name(text, 22, 64, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'),
        "letters, digits, '-' and '_'")
);
name!(
    /// A sender's key for one message: 1 to 64 printable ASCII characters.
    IdempotencyKey,
    |text| ascii_name(text, 1, 64, |c| c.is_ascii_graphic(), "printable ASCII characters")
);

impl Slug {
    /// A slug made from a title, or `None` where nothing usable is left (a title without Latin letters or digits).
    #[must_use]
    pub fn from_title(title: &RoomTitle) -> Option<Self> {
        let mut slug = String::new();
        for c in title.as_str().chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() >= 40 {
                break;
            }
        }
        Self::parse(slug.trim_end_matches('-')).ok()
    }
}

/// A channel's letter, `a` to `z`, unique in its room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct ChannelLetter(char);

impl ChannelLetter {
    /// All letters in order.
    pub fn all() -> impl Iterator<Item = Self> {
        ('a'..='z').map(Self)
    }

    /// The letter named by `text`, upper or lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        match (chars.next().map(|c| c.to_ascii_lowercase()), chars.next()) {
            (Some(c @ 'a'..='z'), None) => Some(Self(c)),
            _ => None,
        }
    }

    /// The letter itself.
    #[must_use]
    pub fn as_char(self) -> char {
        self.0
    }
}

impl fmt::Display for ChannelLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A password as typed: 8 to 128 characters. Never printed, never compared, only hashed.
#[derive(Clone, ToSchema)]
#[schema(value_type = String, format = Password)]
pub struct Password(String);

impl Password {
    /// Checks the length, in characters.
    ///
    /// # Errors
    /// Too short or too long.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.chars().take(129).count() {
            0..=7 => Err(NameError::TooShort(8)),
            8..=128 => Ok(Self(text.to_owned())),
            _ => Err(NameError::TooLong(128)),
        }
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The text of a message: not blank, at most the configured number of characters (Unicode scalar values), kept as typed
/// but for trailing white space and characters that no text needs (NUL and other C0 controls except tab and line feed).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct MessageText(String);

impl MessageText {
    /// Checks `text` against `max` characters.
    ///
    /// # Errors
    /// Blank, or too long.
    pub fn parse(text: &str, max: usize) -> Result<Self, NameError> {
        let kept = text.trim_end();
        // Cheap bound first: no character is longer than four bytes.
        if kept.len() > max.saturating_mul(4) || kept.chars().count() > max {
            return Err(NameError::TooLong(max));
        }
        let clean: String = kept.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        if clean.chars().all(|c| c.is_whitespace() || is_deceptive(c)) {
            return Err(NameError::Empty);
        }
        Ok(Self(clean))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usernames_fold_case_and_refuse_the_rest() {
        assert_eq!(Username::parse(" Ada.Okafor_9- ").unwrap().as_str(), "ada.okafor_9-");
        assert_eq!(Username::parse("ab"), Err(NameError::TooShort(3)));
        assert_eq!(Username::parse(&"a".repeat(33)), Err(NameError::TooLong(32)));
        assert!(matches!(Username::parse("léa"), Err(NameError::Characters(_))));
        assert!(matches!(Username::parse("a b c"), Err(NameError::Characters(_))));
    }

    #[test]
    fn display_names_cannot_hide() {
        assert_eq!(DisplayName::parse("  Léa \t Fontaine ").unwrap().as_str(), "Léa Fontaine");
        for hostile in ["\u{202E}evil", "a\u{0000}b", "\u{200B}", "\u{3164}", "x\u{E0041}", "\u{1b}[31mred"] {
            assert_eq!(DisplayName::parse(hostile), Err(NameError::Invisible), "{hostile:?}");
        }
        assert_eq!(DisplayName::parse(" \n "), Err(NameError::Empty));
        assert_eq!(DisplayName::parse(&"é".repeat(65)), Err(NameError::TooLong(64)));
    }

    #[test]
    fn slugs_come_from_titles() {
        let slug = |title: &str| Slug::from_title(&RoomTitle::parse(title).unwrap()).map(Slug::into_string);
        assert_eq!(slug("Foxglove & Friends!"), Some("foxglove-friends".into()));
        assert_eq!(slug("  --  A1"), Some("a1".into()));
        assert_eq!(slug("日本"), None);
    }

    #[test]
    fn a_message_counts_characters_not_bytes() {
        assert!(MessageText::parse(&"é".repeat(2000), 2000).is_ok());
        assert_eq!(MessageText::parse(&"é".repeat(2001), 2000), Err(NameError::TooLong(2000)));
        assert_eq!(MessageText::parse(" \n\u{200B}", 2000), Err(NameError::Empty));
        assert_eq!(MessageText::parse("a\u{7}b\n", 2000).unwrap().as_str(), "ab");
    }

    proptest! {
        #[test]
        fn parsing_is_stable(text in "\\PC{0,100}") {
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert_eq!(DisplayName::parse(name.as_str()).unwrap(), name);
            }
            if let Ok(title) = RoomTitle::parse(&text)
                && let Some(slug) = Slug::from_title(&title) {
                prop_assert!(Slug::parse(slug.as_str()).is_ok());
            }
        }

        #[test]
        fn no_message_outgrows_its_limit(text in any::<String>(), max in 1usize..50) {
            if let Ok(message) = MessageText::parse(&text, max) {
                prop_assert!(message.as_str().chars().count() <= max);
                prop_assert!(!message.as_str().contains('\0'));
            }
        }
    }
}
