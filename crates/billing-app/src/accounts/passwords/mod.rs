//! Passwords: hashed with argon2id, by a bounded number of threads.
//!
//! A hash costs 19 MiB and tens of milliseconds of a CPU, on purpose. So few are made at once, off the threads that
//! serve requests; some requests wait in line, and the rest are refused at once. A client that hangs up while it waits
//! leaves the line. No text of a password is kept or logged.
//!
//! - `argon2id`: one hash.

mod argon2id;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use platform::problem::Problem;
use secrecy::SecretString;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, spawn_blocking},
    time::timeout,
};

use argon2id::Memory;

/// The most common passwords of 8 or more characters, in lower case; most are from Django, whose notice is in `common.LICENSE`.
const COMMON: &str = include_str!("common.txt");

/// How many passwords are hashed, and how many wait for it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Hashed at once.
    pub running: usize,
    /// Waiting in line.
    pub waiting: usize,
    /// How long one waits: less than the 5 s that the gateway gives an answer, so that the client reads why.
    pub wait: Duration,
}

impl Default for Limits {
    /// Half of the CPUs are left for every other route.
    fn default() -> Self {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        Self {
            running: (cpus / 2).max(1),
            waiting: 256,
            wait: Duration::from_secs(4),
        }
    }
}

/// Hashes and verifies passwords; clones share the limits.
#[derive(Clone)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    wait: Duration,
    /// One for each hash that has run at the same time as others. Allocated for each hash anew, the allocator was seen to
    /// keep 300 MiB after 200 of them, each on another thread.
    memories: Arc<Mutex<Vec<Memory>>>,
}

/// A password was neither hashed nor verified.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordError {
    /// The line is full.
    #[error("too many passwords wait to be hashed")]
    Full,
    /// The line did not move on in time.
    #[error("no password could be hashed within {0:?}")]
    Late(Duration),
    /// The library refused, or there were no random bits for the salt.
    #[error("a password could not be hashed")]
    Hash(#[source] argon2id::Error),
    /// A bug.
    #[error("hashing a password panicked")]
    Panicked(#[source] JoinError),
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Passwords {
    /// Hashes within these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            running: Arc::new(Semaphore::new(limits.running)),
            waiting: Arc::new(Semaphore::new(limits.waiting)),
            wait: limits.wait,
            memories: Arc::default(),
        }
    }

    /// The hash of a new password, as a PHC string with its salt and cost.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.work(move |memory| argon2id::hash(&password, memory))
            .await?
    }

    /// Whether `password` is the one that was hashed. Without a hash it is not, and that takes the same time: a caller
    /// must not learn from it whether there is such a user.
    pub(super) async fn verify(
        &self,
        password: SecretString,
        hashed: Option<String>,
    ) -> Result<bool, PasswordError> {
        let verify = move |memory: &mut Memory| match hashed {
            Some(hashed) => argon2id::matches(&password, &hashed, memory),
            None => argon2id::hash(&password, memory).map(|_| false),
        };
        self.work(verify).await?
    }

    /// The permit moves into the work: a request that is dropped does not make room before its hash has ended.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = self.permit().await?;
        let memories = Arc::clone(&self.memories);
        let work = spawn_blocking(move || {
            let memories = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = memories().pop().unwrap_or_default();
            let done = work(&mut memory);
            memories().push(memory);
            drop(permit);
            done
        });
        work.await.map_err(PasswordError::Panicked)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| PasswordError::Full)?;
        let permit = timeout(self.wait, Arc::clone(&self.running).acquire_owned()).await;
        // The semaphore is never closed.
        permit.map_or(Err(PasswordError::Late(self.wait)), |permit| {
            permit.map_err(|_| PasswordError::Full)
        })
    }
}

/// Whether `password` is among the most common ones, whatever its case.
pub(super) fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    COMMON.lines().any(|common| common == password)
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        let problem = match error {
            PasswordError::Full | PasswordError::Late(_) => {
                Self::unavailable("too many passwords are checked at once; try again in a moment")
            }
            PasswordError::Hash(_) | PasswordError::Panicked(_) => {
                let detail = "the request could not be carried out";
                Self::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        };
        problem.because(error)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use std::time::Instant;

    fn few(running: usize, waiting: usize) -> Passwords {
        Passwords::new(Limits {
            running,
            waiting,
            wait: Duration::from_millis(50),
        })
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::default();
        let hashed = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(
            hashed,
            passwords.hash("correct horse".into()).await.unwrap()
        );
        let verify = async |password: &str, hashed: Option<&String>| {
            let verified = passwords.verify(password.into(), hashed.cloned()).await;
            verified.unwrap()
        };
        assert!(verify("correct horse", Some(&hashed)).await);
        assert!(!verify("Correct horse", Some(&hashed)).await);
        assert!(!verify("correct horse", None).await);
    }

    /// The shortest of several: what else the machine does only adds to a time.
    #[tokio::test]
    async fn an_unknown_user_takes_as_long_as_a_known_one() {
        let passwords = Passwords::default();
        let hashed = passwords.hash("correct horse".into()).await.unwrap();
        let mut shortest = [Duration::MAX; 2];
        for _ in 0..8 {
            for (shortest, hashed) in shortest.iter_mut().zip([Some(hashed.clone()), None]) {
                let began = Instant::now();
                assert!(!passwords.verify("wrong".into(), hashed).await.unwrap());
                *shortest = began.elapsed().min(*shortest);
            }
        }
        let [known, unknown] = shortest.map(|time| time.as_secs_f64());
        assert!((0.5..2.0).contains(&(unknown / known)), "{known} {unknown}");
    }

    #[tokio::test]
    async fn more_than_may_run_wait_and_more_than_may_wait_are_refused() {
        let passwords = few(1, 1);
        let running = passwords.permit().await.unwrap();
        let waiting = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.permit().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(matches!(passwords.permit().await, Err(PasswordError::Full)));
        assert!(matches!(
            waiting.await.unwrap(),
            Err(PasswordError::Late(_))
        ));
        drop(running);
        assert!(passwords.permit().await.is_ok());
    }

    #[tokio::test]
    async fn a_request_that_is_gone_makes_no_room_before_its_hash_has_ended() {
        let passwords = few(1, 1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let work = passwords.work(move |_| ended.recv().is_ok());
        assert!(timeout(Duration::from_millis(10), work).await.is_err());
        assert!(matches!(
            passwords.permit().await,
            Err(PasswordError::Late(_))
        ));
        end.send(()).unwrap();
        assert!(passwords.permit().await.is_ok());
    }

    #[test]
    fn the_most_common_passwords_are_known_in_any_case() {
        for common in ["password", "PassWord1", "12345678", "qwertyuiop"] {
            assert!(is_common(common), "{common}");
        }
        assert!(!is_common("correct horse battery staple"));
        assert!(!is_common(""));
        assert!(
            COMMON
                .lines()
                .all(|line| line.len() >= 8 && line == line.to_lowercase())
        );
    }
}
