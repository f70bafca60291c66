//! Mentions: which names a message's text calls.
//!
//! Owns the grammar of `@name`. Never knows who has that name; the store resolves it.

use std::collections::BTreeSet;

use super::limits::MENTIONS_PER_MESSAGE;

/// Who a text calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mentions {
    /// Usernames in lower case, without the `@`, at most [`MENTIONS_PER_MESSAGE`].
    pub usernames: BTreeSet<String>,
    /// `@here`: everybody online.
    pub here: bool,
    /// `@room`: everybody.
    pub room: bool,
}

/// The mentions of `text`: `@` at the start or after a character that cannot be part of a name or an address.
#[must_use]
pub fn mentions(text: &str) -> Mentions {
    let mut found = Mentions::default();
    let mut before = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '@' && !(before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '/' | '@')) {
            let name = leading_name(after);
            record(&mut found, &name.to_ascii_lowercase());
        }
        before = c;
        rest = after;
    }
    found
}

/// The longest prefix that may be a username; a full stop or dash that ends a sentence is not part of it.
fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end_matches(['.', '-'])
}

fn record(found: &mut Mentions, name: &str) {
    match name {
        "here" => found.here = true,
        "room" => found.room = true,
        _ if (3..=32).contains(&name.len()) && found.usernames.len() < MENTIONS_PER_MESSAGE => {
            found.usernames.insert(name.to_owned());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        mentions(text).usernames.into_iter().collect()
    }

    #[test]
    fn finds_names_not_addresses() {
        assert_eq!(names("@ada, (@mio) and @Jonas.Weber."), ["ada", "jonas.weber", "mio"]);
        assert!(names("mail ada@example.org or https://x.org/@ada").is_empty());
        assert!(mentions("@here @room").here && mentions("@here @room").room);
    }

    proptest! {
        #[test]
        fn bounded_on_any_text(text in any::<String>()) {
            prop_assert!(mentions(&text).usernames.len() <= MENTIONS_PER_MESSAGE);
        }
    }
}
