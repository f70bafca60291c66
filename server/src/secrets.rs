//! Floor 4: secrets that the server makes for itself, and the directory they lie in.
//!
//! Owns `DATA_DIR`'s modes, its lock and the files of generated secrets. Never prints one.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Bytes of randomness in a generated secret; base64url makes 43 characters of them.
pub const SECRET_BYTES: usize = 32;
/// Largest secret file that is read: eight keys of a generous length.
const FILE_MAX: u64 = 16 * 1024;
/// The lock file in the data directory.
const LOCK_NAME: &str = "lock";

/// Why the data directory or a secret in it cannot be used; each says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The directory cannot be made.
    #[error("DATA_DIR {0} cannot be created: {1}")]
    Create(PathBuf, io::Error),
    /// Something else is in its place.
    #[error("DATA_DIR {0} is not a directory")]
    NotADirectory(PathBuf),
    /// No file can be made in it.
    #[error("DATA_DIR {0} is not writable: {1}")]
    Unwritable(PathBuf, io::Error),
    /// Another process serves from it.
    #[error("DATA_DIR {0} is in use by another charge process; stop that one or choose another directory")]
    InUse(PathBuf),
    /// A secret that is a link may be someone else's file.
    #[error("{0} is not a regular file (a symbolic link?): put the file itself there")]
    NotAFile(PathBuf),
    /// Others can read the secret.
    #[error(
        "{0} can be read by others (mode {1:o}): run `chmod 600 {0}`, and remove it to have a new one made if others may have read it"
    )]
    Readable(PathBuf, u32),
    /// It is there and holds nothing usable.
    #[error("{0} holds no secret: remove it to have a new one made")]
    Empty(PathBuf),
    /// Reading or writing failed.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// The data directory, held by this process alone while the value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory (0700) where it is missing and locks it.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        create(path)?;
        let lock_path = path.join(LOCK_NAME);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(&lock_path)
            .map_err(|error| DataDirError::Unwritable(path.to_owned(), error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(DataDirError::Io(lock_path, error)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret in `name`, made by `make` and stored (0600) the first time.
    ///
    /// # Errors
    /// See [`DataDirError`]; a link or a file that others can read is refused, not mended.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, DataDirError> {
        let path = self.path.join(name);
        if let Some(known) = read_secret(&path)? {
            return Ok(known);
        }
        let secret = make();
        write_whole(&self.path, name, &secret).map_err(|error| DataDirError::Io(path, error))?;
        Ok(secret)
    }
}

/// Whether another process holds `path`; `false` where there is nothing yet.
#[must_use]
pub fn is_in_use(path: &Path) -> bool {
    let Ok(lock) = OpenOptions::new().write(true).custom_flags(no_follow()).open(path.join(LOCK_NAME)) else {
        return false;
    };
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

/// The secret in a file, `None` when there is no file.
///
/// # Errors
/// See [`DataDirError`].
pub fn read_secret(path: &Path) -> Result<Option<String>, DataDirError> {
    let failed = |error| DataDirError::Io(path.to_owned(), error);
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => return Err(DataDirError::NotAFile(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    // Opened without following links and looked at again: what was checked is what is read.
    let file = OpenOptions::new().read(true).custom_flags(no_follow()).open(path).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    if !opened.is_file() {
        return Err(DataDirError::NotAFile(path.to_owned()));
    }
    if opened.mode() & 0o077 != 0 {
        return Err(DataDirError::Readable(path.to_owned(), opened.mode() & 0o777));
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(DataDirError::Empty(path.to_owned()));
    }
    Ok(Some(secret.to_owned()))
}

/// Creates the directory with its parents. One that is there keeps its mode, unless everybody may write to it.
fn create(path: &Path) -> Result<(), DataDirError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Err(DataDirError::NotADirectory(path.to_owned())),
        Ok(found) => {
            if found.mode() & 0o022 != 0 {
                tracing::warn!(mode = format!("{:o}", found.mode() & 0o777), "others may write to DATA_DIR");
            }
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(DataDirError::Create(path.to_owned(), error)),
    }
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|error| DataDirError::Create(path.to_owned(), error))
}

/// All or nothing: a new file beside it, on disk before it takes the name.
fn write_whole(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let draft = dir.join(format!(".{name}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags(no_follow());
    let mut file = match options.open(&draft) {
        // Left by a process of the same id that died here; the directory is locked, so nobody else is at it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&draft)?;
            options.open(&draft)?
        }
        opened => opened?,
    };
    let placed = file
        .set_permissions(fs::Permissions::from_mode(0o600))
        .and_then(|()| writeln!(file, "{text}"))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, dir.join(name)))
        .and_then(|()| File::open(dir)?.sync_all());
    if placed.is_err() {
        let _ = fs::remove_file(&draft);
    }
    placed
}

fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

#[cfg(test)]
mod tests {
    //! Files in directories that go away.

    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn made_once_and_kept_for_ourselves() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new/data");
        let dir = DataDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(dir.secret("key", || "first".into()).unwrap(), "first");
        assert_eq!(dir.secret("key", || unreachable!()).unwrap(), "first");
        assert_eq!(mode(&path.join("key")), 0o600);
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "no draft is left: {names:?}");
    }

    #[test]
    fn one_process_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_in_use(root.path()));
        let first = DataDir::open(root.path()).unwrap();
        assert!(matches!(DataDir::open(root.path()), Err(DataDirError::InUse(_))));
        assert!(is_in_use(root.path()));
        drop(first);
        assert!(!is_in_use(root.path()));
        assert!(DataDir::open(root.path()).is_ok());
    }

    #[test]
    fn links_and_open_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::open(root.path()).unwrap();
        fs::write(root.path().join("elsewhere"), "stolen").unwrap();
        symlink(root.path().join("elsewhere"), root.path().join("link")).unwrap();
        assert!(matches!(dir.secret("link", || "x".into()), Err(DataDirError::NotAFile(_))));
        symlink(root.path().join("nowhere"), root.path().join("dangling")).unwrap();
        assert!(matches!(dir.secret("dangling", || "x".into()), Err(DataDirError::NotAFile(_))));

        let open = root.path().join("open");
        fs::write(&open, "known").unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = dir.secret("open", || "x".into()).unwrap_err();
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
        assert!(!refused.to_string().contains("known"));

        let empty = root.path().join("empty");
        fs::write(&empty, " \n").unwrap();
        fs::set_permissions(&empty, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(dir.secret("empty", || "x".into()), Err(DataDirError::Empty(_))));
    }

    #[test]
    fn a_draft_left_behind_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::open(root.path()).unwrap();
        fs::write(root.path().join(format!(".key.{}", std::process::id())), "half").unwrap();
        assert_eq!(dir.secret("key", || "whole".into()).unwrap(), "whole");
    }

    #[test]
    fn not_a_directory() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(DataDir::open(&file), Err(DataDirError::NotADirectory(_))));
    }
}
