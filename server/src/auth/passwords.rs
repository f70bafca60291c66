//! Password hashes: Argon2id, bounded in memory and time.
//!
//! Owns hashing, checking and how many of them run at once. Never stores a hash and never logs anything.

use std::{fmt, num::NonZeroUsize, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use prometheus::IntCounter;
use tokio::sync::Semaphore;

use crate::domain::Password;

/// Memory of one hash, in KiB; with [`PASSES`] and [`LANES`] the first of OWASP's recommended sets.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// One lane: requests run beside each other, a single hash does not.
const LANES: u32 = 1;
/// Hashes that may wait for a core: at 15 ms each about two seconds on two cores, the longest a person should wait.
const WAITING: usize = 256;

/// Why no hash came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordError {
    /// More are waiting than the queue holds.
    #[error("too many password checks are waiting")]
    Busy,
    /// The hash function failed (no memory, no randomness) or the stored hash is not one.
    #[error("the password could not be hashed")]
    Failed,
}

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Another password, or nobody to compare with.
    Wrong,
    /// The password.
    Right,
    /// The password, hashed with parameters of the past: hash it anew.
    RightButOld,
}

/// Hashes and checks passwords off the async threads, so many at once and no more. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    queue: Arc<Semaphore>,
    running: Arc<Semaphore>,
    hashes: IntCounter,
}

impl Passwords {
    /// At most `concurrency` hashes at once (the number of cores), each counted in `hashes`.
    ///
    /// # Errors
    /// Parameters the library refuses, which is a defect of this file.
    pub fn new(concurrency: NonZeroUsize, hashes: IntCounter) -> Result<Self, PasswordError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Failed)?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            queue: Arc::new(Semaphore::new(concurrency.get().saturating_add(WAITING).min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(concurrency.get().min(Semaphore::MAX_PERMITS))),
            hashes,
        })
    }

    /// One hash at a time per core of this machine.
    ///
    /// # Errors
    /// As [`Passwords::new`].
    pub fn for_this_machine(hashes: IntCounter) -> Result<Self, PasswordError> {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), hashes)
    }

    /// The PHC string to store.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many are waiting.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        self.run(move |argon2| {
            argon2.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| PasswordError::Failed)
        })
        .await
    }

    /// Compares; `stored` = `None` (no such user, or one without a password) takes as long and is [`Verdict::Wrong`].
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many are waiting.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict, PasswordError> {
        self.run(move |argon2| verify(argon2, &password, stored.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let core = Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        let argon2 = self.argon2.clone();
        self.hashes.inc();
        // The permits go with the work: a caller that gives up does not free the core before the hash is done.
        tokio::task::spawn_blocking(move || {
            let _held = (place, core);
            work(&argon2)
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }
}

fn verify(argon2: &Argon2<'static>, password: &Password, stored: Option<&str>) -> Result<Verdict, PasswordError> {
    let Some(stored) = stored else {
        let mut out = [0u8; Params::DEFAULT_OUTPUT_LEN];
        argon2
            .hash_password_into(password.as_bytes(), b"nobody of that name", &mut out)
            .map_err(|_| PasswordError::Failed)?;
        return Ok(Verdict::Wrong);
    };
    let hash = PasswordHash::new(stored).map_err(|_| PasswordError::Failed)?;
    match argon2.verify_password(password.as_bytes(), &hash) {
        Ok(()) if is_current(argon2, &hash) => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(_) => Err(PasswordError::Failed),
    }
}

/// Whether `hash` was made with today's algorithm and parameters.
fn is_current(argon2: &Argon2<'static>, hash: &PasswordHash) -> bool {
    let now = argon2.params();
    Params::try_from(hash)
        .is_ok_and(|then| (then.m_cost(), then.t_cost(), then.p_cost()) == (now.m_cost(), now.t_cost(), now.p_cost()))
        && hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && hash.version == Some(u32::from(Version::V0x13))
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(concurrency: usize) -> Passwords {
        let hashes = IntCounter::new("hashes", "hashes").unwrap();
        Passwords::new(NonZeroUsize::new(concurrency).unwrap(), hashes).unwrap()
    }

    fn typed(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_right_password_and_no_other() {
        let passwords = passwords(2);
        let stored = passwords.hash(typed("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(passwords.verify(typed("correct horse"), Some(stored.clone())).await, Ok(Verdict::Right));
        assert_eq!(passwords.verify(typed("correct horsf"), Some(stored.clone())).await, Ok(Verdict::Wrong));
        assert_ne!(passwords.hash(typed("correct horse")).await.unwrap(), stored);
        assert_eq!(passwords.verify(typed("correct horse"), Some("nonsense".into())).await, Err(PasswordError::Failed));
    }

    #[tokio::test]
    async fn nobody_costs_as_much_as_somebody() {
        let passwords = passwords(1);
        let before = passwords.hashes.get();
        assert_eq!(passwords.verify(typed("correct horse"), None).await, Ok(Verdict::Wrong));
        assert_eq!(passwords.hashes.get(), before + 1);
    }

    #[tokio::test]
    async fn old_parameters_are_noticed() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
        let stored = weak.hash_password(b"correct horse").unwrap().to_string();
        let passwords = passwords(1);
        assert_eq!(passwords.verify(typed("correct horse"), Some(stored.clone())).await, Ok(Verdict::RightButOld));
        assert_eq!(passwords.verify(typed("another one"), Some(stored)).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let passwords = passwords(1);
        let all = u32::try_from(WAITING + 1).unwrap();
        let taken = Arc::clone(&passwords.queue).try_acquire_many_owned(all).unwrap();
        assert_eq!(passwords.hash(typed("correct horse")).await, Err(PasswordError::Busy));
        drop(taken);
        assert!(passwords.hash(typed("correct horse")).await.is_ok());
    }
}
