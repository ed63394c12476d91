//! Loops that keep all CPUs busy: races that a quiet machine never shows.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// The loops that run: tests that want them at the same time share them.
static RUNNING: Mutex<Weak<Loops>> = Mutex::new(Weak::new());

/// Busy loops until the last of these is dropped: one more than there are CPUs.
#[derive(Debug, Clone)]
pub struct Busy(#[expect(dead_code, reason = "held, not read")] Arc<Loops>);

#[derive(Debug)]
struct Loops {
    stop: Arc<AtomicBool>,
}

impl Busy {
    /// Starts the loops.
    #[must_use]
    pub fn start() -> Self {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let loops = running.upgrade().unwrap_or_else(Loops::start);
        *running = Arc::downgrade(&loops);
        Self(loops)
    }
}

impl Loops {
    fn start() -> Arc<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let cpus = thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..=cpus {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Arc::new(Self { stop })
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
