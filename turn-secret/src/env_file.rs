//! The change of one variable inside an env file, all or nothing.
//!
//! Owns the file's form: comments, order, line ends and every other variable stay as they are. Never follows a
//! symbolic link and never leaves a half-written file.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use crate::keyring;

/// Largest env file that is edited, in bytes.
const FILE_MAX: u64 = 1024 * 1024;

/// Why a file was left as it was. No variant carries a value.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// A link, a directory, a device.
    #[error("{0} is not a regular file (symbolic links are refused)")]
    NotAFile(PathBuf),
    /// More than an env file holds.
    #[error("{0} is too large for an env file")]
    TooLarge(PathBuf),
    /// Which of the two counts is anybody's guess.
    #[error("{1} is set twice in {0} (lines {2} and {3}): remove one")]
    Twice(PathBuf, String, usize, usize),
    /// A quote that is never closed, or a value over several lines.
    #[error("{0}, line {1}: a quoted value that does not end on its line is not edited")]
    Quotes(PathBuf, usize),
    /// `${...}` or a backslash in the value that is to be kept.
    #[error("{0}, line {1}: the value holds escapes or substitutions and is not edited")]
    Unusual(PathBuf, usize),
    /// Not the name of a variable.
    #[error("{0:?} is not a variable name (letters, digits and _)")]
    Name(String),
    /// The caller refused the old value.
    #[error("{0}: {1}")]
    Value(PathBuf, String),
    /// Reading or writing failed.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// Whether `name` can be a variable.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The value `name` has in the file, `None` when it has none or there is no file.
///
/// # Errors
/// See [`EnvFileError`].
pub fn value(path: &Path, name: &str) -> Result<Option<String>, EnvFileError> {
    let Some((text, _)) = read(path)? else { return Ok(None) };
    Ok(Draft::read(path, &text, name)?.value)
}

/// Sets `name` to what `new` makes of its old value (`None`: there is none, or it is empty), creating the file where
/// missing. What `new` answers must be visible ASCII without quotes, `#`, `$` or backslash.
///
/// The new content is a file of its own (0600, the owner of the old one) in the same directory, on disk before it takes
/// the name; two runs at once wait for each other.
///
/// # Errors
/// See [`EnvFileError`]; the file is then as it was.
pub fn update(
    path: &Path,
    name: &str,
    new: impl FnOnce(Option<&str>) -> Result<String, String>,
) -> Result<(), EnvFileError> {
    if !is_name(name) {
        return Err(EnvFileError::Name(name.to_owned()));
    }
    let failed = |error| EnvFileError::Io(path.to_owned(), error);
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let directory = File::open(dir).map_err(failed)?;
    directory.lock().map_err(failed)?;
    let found = read(path)?;
    let text = found.as_ref().map_or("", |(text, _)| text.as_str());
    let draft = Draft::read(path, text, name)?;
    let value = new(draft.value.as_deref()).map_err(|why| EnvFileError::Value(path.to_owned(), why))?;
    let usable = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\'' | b'"' | b'#' | b'$' | b'\\' | b'`');
    if value.is_empty() || !value.bytes().all(usable) {
        return Err(EnvFileError::Value(path.to_owned(), format!("{name} would need quoting")));
    }
    let owner = found.as_ref().map(|(_, metadata)| (metadata.uid(), metadata.gid()));
    replace(path, dir, &draft.with(name, &value), owner).map_err(failed)?;
    directory.sync_all().map_err(failed)
}

/// A regular file's text and what the system knows of it; `None` when it is not there.
fn read(path: &Path) -> Result<Option<(String, fs::Metadata)>, EnvFileError> {
    let failed = |error| EnvFileError::Io(path.to_owned(), error);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() {
        return Err(EnvFileError::NotAFile(path.to_owned()));
    }
    if metadata.len() > FILE_MAX {
        return Err(EnvFileError::TooLarge(path.to_owned()));
    }
    Ok(Some((fs::read_to_string(path).map_err(failed)?, metadata)))
}

fn replace(path: &Path, dir: &Path, text: &str, owner: Option<(u32, u32)>) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = dir.join(format!(".{name}.{}", keyring::random_secret(6)));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let mine = file.metadata()?;
        if let Some((uid, gid)) = owner.filter(|owner| *owner != (mine.uid(), mine.gid())) {
            // Root editing a service's file: the service must still be able to read it.
            fchown(&file, Some(uid), Some(gid))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The file around the one assignment: what is before its value, the value, what is after.
struct Draft<'a> {
    before: &'a str,
    value: Option<String>,
    after: &'a str,
    found: bool,
}

impl<'a> Draft<'a> {
    fn read(path: &Path, text: &'a str, name: &str) -> Result<Self, EnvFileError> {
        let mut found: Option<(usize, Self)> = None;
        let mut start = 0usize;
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let number = at.saturating_add(1);
            let end = start.saturating_add(line.len());
            if let Some((known, rest)) = assignment(line) {
                let value_start = end.saturating_sub(rest.len());
                let (value, length) = value_at(rest).ok_or_else(|| EnvFileError::Quotes(path.to_owned(), number))?;
                if known == name {
                    if let Some((first, _)) = found {
                        return Err(EnvFileError::Twice(path.to_owned(), name.to_owned(), first, number));
                    }
                    if value.contains(['$', '\\']) {
                        return Err(EnvFileError::Unusual(path.to_owned(), number));
                    }
                    let before = text.get(..value_start).unwrap_or_default();
                    let after = text.get(value_start.saturating_add(length)..).unwrap_or_default();
                    let value = (!value.is_empty()).then(|| value.to_owned());
                    found = Some((number, Self { before, value, after, found: true }));
                }
            }
            start = end;
        }
        Ok(found.map_or(Self { before: text, value: None, after: "", found: false }, |(_, draft)| draft))
    }

    fn with(&self, name: &str, value: &str) -> String {
        if self.found {
            return format!("{}{value}{}", self.before, self.after);
        }
        let line_end = if self.before.contains("\r\n") { "\r\n" } else { "\n" };
        let gap = if self.before.is_empty() || self.before.ends_with('\n') { "" } else { line_end };
        format!("{}{gap}{name}={value}{line_end}", self.before)
    }
}

/// The name a line assigns to and everything after the `=` and the blanks behind it; `None` for comments and the like.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches([' ', '\t']);
    let line = line.strip_prefix("export ").map_or(line, |rest| rest.trim_start_matches([' ', '\t']));
    let (name, rest) = line.split_once('=')?;
    let name = name.trim_end_matches([' ', '\t']);
    is_name(name).then(|| (name, rest.trim_start_matches([' ', '\t'])))
}

/// The value without its quotes, and how many bytes it takes with them; `None` when a quote does not end on the line.
fn value_at(rest: &str) -> Option<(&str, usize)> {
    for quote in ['\'', '"'] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let end = inner.find(quote).filter(|end| !inner.get(..*end).is_some_and(|text| text.contains('\n')))?;
            return Some((inner.get(..end)?, end.saturating_add(2)));
        }
    }
    // Unquoted values end at white space: a comment may follow.
    let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
    let value = rest.get(..end)?;
    if value.starts_with('#') { Some(("", 0)) } else { Some((value, end)) }
}

#[cfg(test)]
mod tests {
    //! Files in directories that go away.

    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn edited(before: &str, name: &str, value: &str) -> Result<String, EnvFileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env.local");
        fs::write(&path, before).unwrap();
        let changed = update(&path, name, |_| Ok(value.to_owned()));
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing else is left behind");
        let after = fs::read_to_string(&path).unwrap();
        if changed.is_err() {
            assert_eq!(after, before, "a refusal changes nothing");
        }
        changed.map(|()| after)
    }

    #[test]
    fn everything_else_stays() {
        for (before, after) in [
            ("", "N=v\n"),
            ("A=1", "A=1\nN=v\n"),
            ("# c\nA=1\nN=old # why\nB='2 3'\n", "# c\nA=1\nN=v # why\nB='2 3'\n"),
            ("N='old'\r\nB=2\r\n", "N=v\r\nB=2\r\n"),
            ("A=1\r\n", "A=1\r\nN=v\r\n"),
            ("export N = \"old\"\n#N=not\n", "export N = v\n#N=not\n"),
            ("N=\nA=1\n", "N=v\nA=1\n"),
            ("N=#c\n", "N=v#c\n"),
            ("NN=1\nXN=2\n", "NN=1\nXN=2\nN=v\n"),
        ] {
            assert_eq!(edited(before, "N", "v").unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn what_is_unclear_is_refused() {
        assert!(matches!(edited("N=1\nA=2\nN=3\n", "N", "v"), Err(EnvFileError::Twice(_, _, 1, 3))));
        assert!(matches!(edited("A='one\nN=two'\n", "N", "v"), Err(EnvFileError::Quotes(_, 1))));
        assert!(matches!(edited("N=${OTHER}\n", "N", "v"), Err(EnvFileError::Unusual(_, 1))));
        assert!(matches!(edited("A=1\n", "1N", "v"), Err(EnvFileError::Name(_))));
        for value in ["", "a b", "a#b", "a'b", "$a", "a\nB=c", "ä"] {
            assert!(matches!(edited("N=1\n", "N", value), Err(EnvFileError::Value(..))), "{value:?}");
        }
    }

    #[test]
    fn errors_show_no_value() {
        let error = edited("N=hunter2\nN=hunter3\n", "N", "hunter4").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter"));
    }

    #[test]
    fn the_file_is_for_its_owner_alone_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        fs::write(&path, "N=1\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        update(&path, "N", |old| Ok(format!("{}2", old.unwrap()))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "N=12\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(update(&link, "N", |_| Ok("x".into())), Err(EnvFileError::NotAFile(_))));
        assert!(matches!(update(dir.path(), "N", |_| Ok("x".into())), Err(EnvFileError::NotAFile(_))));
        assert_eq!(value(&path, "N").unwrap().as_deref(), Some("12"));
    }

    #[test]
    fn runs_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || update(path, &format!("N{n}"), |_| Ok("v".into())).unwrap());
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 8, "{text}");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_the_rest_is_untouched(
            lines in prop::collection::vec("(#[ -~]{0,20}|[A-M][A-Z]{0,5}=[a-z0-9]{0,10}( # [a-z]{3})?|)", 0..8),
            value in "[A-Za-z0-9:,_-]{1,40}",
        ) {
            let before: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("env");
            fs::write(&path, &before).unwrap();
            update(&path, "ZZ", |_| Ok(value.clone())).unwrap();
            prop_assert_eq!(super::value(&path, "ZZ").unwrap(), Some(value.clone()));
            prop_assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}ZZ={value}\n"));
            update(&path, "ZZ", |_| Ok("w".into())).unwrap();
            prop_assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}ZZ=w\n"));
        }
    }
}
