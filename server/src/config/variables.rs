//! Where values come from: the environment, then `.env.local`, then `.env`.
//!
//! Owns the reading and the precedence of these layers. Never knows what a variable means.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use super::ConfigError;

/// The file whose values win over [`SHARED_FILE`]; never in version control.
pub const LOCAL_FILE: &str = ".env.local";
/// The file of defaults that may be shared.
pub const SHARED_FILE: &str = ".env";

/// Where a value was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The process's environment.
    Environment,
    /// `.env.local`.
    LocalFile,
    /// `.env`.
    SharedFile,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::LocalFile => LOCAL_FILE,
            Self::SharedFile => SHARED_FILE,
        })
    }
}

/// The merged layers; a name with an empty value is not in here.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, (OsString, Origin)>,
    local_file: Option<PathBuf>,
}

impl Variables {
    /// Merges `environment` with the two files of `dir`.
    ///
    /// # Errors
    /// A file that cannot be read or a line in it that is no assignment; the line itself is not repeated, it may hold
    /// a secret.
    pub fn read(environment: impl IntoIterator<Item = (OsString, OsString)>, dir: &Path) -> Result<Self, ConfigError> {
        let mut all = Self::default();
        for (file, origin) in [(SHARED_FILE, Origin::SharedFile), (LOCAL_FILE, Origin::LocalFile)] {
            let path = dir.join(file);
            let Some(assignments) = read_file(&path)? else { continue };
            if origin == Origin::LocalFile {
                // Absolute, so that SIGHUP reads the file found now wherever the process may stand then.
                all.local_file = Some(std::path::absolute(&path).unwrap_or(path));
            }
            for (name, value) in assignments {
                all.set(name, value.into(), origin);
            }
        }
        for (name, value) in environment {
            if let Ok(name) = name.into_string() {
                all.set(name, value, Origin::Environment);
            }
        }
        Ok(all)
    }

    /// The value of a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&OsString> {
        self.values.get(name).map(|(value, _)| value)
    }

    /// Where it was found.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.values.get(name).map(|(_, origin)| *origin)
    }

    /// The `.env.local` there was.
    #[must_use]
    pub fn local_file(&self) -> Option<&Path> {
        self.local_file.as_deref()
    }

    /// An empty value counts as not said at all, so it hides nothing of the layers below.
    fn set(&mut self, name: String, value: OsString, origin: Origin) {
        if !value.is_empty() {
            self.values.insert(name, (value, origin));
        }
    }
}

/// The assignments of an env file in order, `None` when there is no such file.
///
/// # Errors
/// See [`Variables::read`].
pub fn read_file(path: &Path) -> Result<Option<Vec<(String, String)>>, ConfigError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::new(&name, format!("cannot be read: {error}"), None)),
    };
    let assignments = dotenvy::from_read_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    assignments.map(Some).map_err(|error| {
        let line = match &error {
            dotenvy::Error::LineParse(bad, _) => {
                text.lines().position(|line| line == bad.trim_end_matches(['\r', '\n']))
            }
            _ => None,
        };
        let place = line.map(|at| format!("line {}", at.saturating_add(1)));
        let problem = format!("{} is no assignment", place.as_deref().unwrap_or("a line"));
        ConfigError::new(&name, problem, Some("NAME=value, with 'single quotes' around spaces, $ and #"))
    })
}

#[cfg(test)]
mod tests {
    //! The layers by example.

    use super::*;

    fn read(environment: &[(&str, &str)], local: Option<&str>, shared: Option<&str>) -> Result<Variables, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [(LOCAL_FILE, local), (SHARED_FILE, shared)] {
            if let Some(text) = text {
                fs::write(dir.path().join(file), text).unwrap();
            }
        }
        Variables::read(environment.iter().map(|(name, value)| (name.into(), value.into())), dir.path())
    }

    fn origins(variables: &Variables, name: &str) -> Option<(String, Origin)> {
        Some((variables.value(name)?.to_str()?.to_owned(), variables.origin(name)?))
    }

    #[test]
    fn the_nearer_layer_wins() {
        let all = read(&[("A", "env")], Some("A=local\nB=local"), Some("A=shared\nB=shared\nC=shared")).unwrap();
        assert_eq!(origins(&all, "A"), Some(("env".into(), Origin::Environment)));
        assert_eq!(origins(&all, "B"), Some(("local".into(), Origin::LocalFile)));
        assert_eq!(origins(&all, "C"), Some(("shared".into(), Origin::SharedFile)));
        assert_eq!(origins(&all, "D"), None);
        assert!(all.local_file().unwrap().is_absolute());
    }

    #[test]
    fn empty_counts_as_unset() {
        let all = read(&[("A", "")], Some("A=\nB="), Some("A=shared\nB=''")).unwrap();
        assert_eq!(origins(&all, "A"), Some(("shared".into(), Origin::SharedFile)));
        assert_eq!(origins(&all, "B"), None);
    }

    #[test]
    fn comments_quotes_and_missing_files() {
        let all = read(&[], None, Some("# c\nexport A='x # y'\nB=\"p q\" # r\n")).unwrap();
        assert_eq!(origins(&all, "A").unwrap().0, "x # y");
        assert_eq!(origins(&all, "B").unwrap().0, "p q");
        assert!(all.local_file().is_none());
    }

    #[test]
    fn a_broken_line_is_named_by_number_and_not_repeated() {
        let error = read(&[], Some("A=1\nhunter two\n"), None).err().unwrap().to_string();
        assert!(error.contains(".env.local: line 2"), "{error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}
