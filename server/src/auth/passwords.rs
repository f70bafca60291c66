//! Password hashes: Argon2id, bounded in memory and time.
//!
//! Owns hashing, checking and how many of them run at once. Never stores a hash and never logs anything.

use std::{fmt, num::NonZeroUsize, sync::Arc};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use aws_lc_rs::rand;
use prometheus::IntCounter;
use tokio::sync::Semaphore;

use crate::domain::Password;

/// Memory of one hash, in KiB; with [`PASSES`] and [`LANES`] the first of OWASP's recommended sets.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// One lane: requests run beside each other, a single hash does not.
const LANES: u32 = 1;
/// Bytes of a salt, as RFC 9106 section 3.1 recommends.
const SALT_BYTES: usize = 16;
/// Address space reserved for one hash, in KiB. Above 32 MiB glibc maps an allocation by itself and gives it back when it
/// is freed; below, it learns to keep it, and a hundred sign-ins left 800 MB behind. What is not touched costs nothing.
const RESERVED_KIB: usize = 33 * 1024;
/// Most memory a stored hash may ask for, in KiB: one made elsewhere must not take the machine.
const STORED_MEMORY_KIB: u32 = 256 * 1024;
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
        self.run(move |argon2| hash(argon2, &password).map(|hash| hash.to_string())).await
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

fn hash(argon2: &Argon2<'static>, password: &Password) -> Result<PasswordHash, PasswordError> {
    let failed = |_| PasswordError::Failed;
    let mut salt = [0u8; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| PasswordError::Failed)?;
    let mut out = [0u8; Params::DEFAULT_OUTPUT_LEN];
    compute(argon2, password, &salt, &mut out)?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(|_| PasswordError::Failed)?,
        salt: Some(Salt::new(&salt).map_err(failed)?),
        hash: Some(Output::new(&out).map_err(failed)?),
    })
}

fn verify(argon2: &Argon2<'static>, password: &Password, stored: Option<&str>) -> Result<Verdict, PasswordError> {
    let Some(stored) = stored else {
        let mut out = [0u8; Params::DEFAULT_OUTPUT_LEN];
        compute(argon2, password, b"nobody of that name", &mut out)?;
        return Ok(Verdict::Wrong);
    };
    let hash = PasswordHash::new(stored).map_err(|_| PasswordError::Failed)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Err(PasswordError::Failed) };
    let params = Params::try_from(&hash).map_err(|_| PasswordError::Failed)?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| PasswordError::Failed)?;
    let version =
        Version::try_from(hash.version.unwrap_or(Version::V0x13.into())).map_err(|_| PasswordError::Failed)?;
    if params.m_cost() > STORED_MEMORY_KIB {
        return Err(PasswordError::Failed);
    }
    let mut out = [0u8; Output::MAX_LENGTH];
    let out = out.get_mut(..expected.len()).ok_or(PasswordError::Failed)?;
    compute(&Argon2::new(algorithm, version, params), password, salt, out)?;
    // `Output` compares in constant time.
    match Output::new(out) {
        Ok(computed) if computed != *expected => Ok(Verdict::Wrong),
        Ok(_) if is_current(argon2, &hash) => Ok(Verdict::Right),
        Ok(_) => Ok(Verdict::RightButOld),
        Err(_) => Err(PasswordError::Failed),
    }
}

/// The hash function itself, in memory that goes back to the system.
fn compute(argon2: &Argon2<'_>, password: &Password, salt: &[u8], out: &mut [u8]) -> Result<(), PasswordError> {
    let blocks = argon2.params().block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(blocks.max(RESERVED_KIB)).map_err(|_| PasswordError::Failed)?;
    memory.resize(blocks, Block::new());
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut memory)
        .map_err(|_| PasswordError::Failed)
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
    use argon2::password_hash::PasswordHasher as _;

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
    async fn hashes_are_the_librarys() {
        let passwords = passwords(1);
        let theirs =
            passwords.argon2.hash_password_with_salt(b"correct horse", b"sixteen bytes ok").unwrap().to_string();
        assert_eq!(passwords.verify(typed("correct horse"), Some(theirs)).await, Ok(Verdict::Right));
        let ours = passwords.hash(typed("correct horse")).await.unwrap();
        let ours = PasswordHash::new(&ours).unwrap();
        assert!(argon2::PasswordVerifier::verify_password(&passwords.argon2, b"correct horse", &ours).is_ok());
    }

    #[tokio::test]
    async fn a_stored_hash_cannot_take_the_machine() {
        let stored =
            "$argon2id$v=19$m=4194304,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(passwords(1).verify(typed("correct horse"), Some(stored.into())).await, Err(PasswordError::Failed));
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
