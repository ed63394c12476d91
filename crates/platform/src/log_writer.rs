//! Log lines on their way to standard error: a request never waits for them, a thread writes them.
//!
//! Promises: lines stay in order and whole; the thread takes all that wait at once, at most [`PAUSE`] after the first; above
//! [`MAX_WAITING`] bytes, and where standard error fails, they are dropped and counted; when the [`LogWriter`] is dropped,
//! every line that was logged before is written, if standard error takes them within [`END_LIMIT`]. Lines after that are
//! not written. A channel with a message for each line was measured to
//! cost 15 us of a request of 60, for it wakes the thread each time.

use std::{
    io::{self, Write, stderr},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait.
const MAX_WAITING: usize = 4 * 1_024 * 1_024;

/// Between two writes: lines that come meanwhile are written together.
const PAUSE: Duration = Duration::from_millis(5);

/// How long the end may wait for standard error.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Takes lines; clones share them.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

/// The thread that writes.
pub(crate) struct LogWriter {
    lines: Lines,
    ended: Receiver<()>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write, or it is the end.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    is_end: bool,
}

/// Starts the thread.
///
/// # Errors
/// When there can be no other thread.
pub(crate) fn start() -> io::Result<(Lines, LogWriter)> {
    start_with(stderr())
}

fn start_with(output: impl Write + Send + 'static) -> io::Result<(Lines, LogWriter)> {
    let lines = Lines(Arc::default());
    let (end, ended) = channel();
    let taken = lines.clone();
    let write = move || taken.write_all(output, end);
    thread::Builder::new().name("log".into()).spawn(write)?;
    let writer = LogWriter {
        lines: lines.clone(),
        ended,
    };
    Ok((lines, writer))
}

impl LogWriter {
    /// How many lines were dropped until now; also when this is gone.
    pub(crate) fn dropped_lines(&self) -> impl Fn() -> u64 + Send + use<> {
        let lines = self.lines.clone();
        move || lines.0.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.lines.waiting().is_end = true;
        self.lines.0.changed.notify_one();
        // Either it has ended, or standard error takes nothing.
        let _ = self.ended.recv_timeout(END_LIMIT);
    }
}

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.0.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.bytes.len() + line.len() > MAX_WAITING {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let is_first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.0.changed.notify_one();
        }
    }

    /// Writes until the end; `_end` is dropped with it.
    fn write_all(&self, mut output: impl Write, _end: Sender<()>) {
        let mut lines = Vec::new();
        while self.take(&mut lines) {
            if output
                .write_all(&lines)
                .and_then(|()| output.flush())
                .is_err()
            {
                let lost = lines.iter().filter(|&&byte| byte == b'\n').count();
                self.0.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            }
            lines.clear();
            thread::sleep(PAUSE);
        }
    }

    /// Waits for lines, and takes all; `false` at the end.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        let is_idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.is_end;
        let waiting = self.0.changed.wait_while(self.waiting(), is_idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(lines, &mut waiting.bytes);
        !lines.is_empty()
    }
}

impl Write for Lines {
    /// Takes a whole line, as the subscriber writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    /// An output that others can read, and that takes nothing while it is locked.
    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_once_and_whole_before_the_end() {
        let output = Output::default();
        let (lines, writer) = start_with(output.clone()).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let lines = lines.clone();
                thread::spawn(move || {
                    for line in 0..1_000 {
                        lines.push(format!("{thread} {line}\n").as_bytes());
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(writer.dropped_lines()(), 0);
        drop(writer);
        let written = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        for thread in 0..4 {
            let of_thread = format!("{thread} ");
            let own = written
                .lines()
                .filter_map(|line| line.strip_prefix(&of_thread));
            assert!(own.eq((0..1_000).map(|line| line.to_string())), "in order");
        }
        assert_eq!(written.lines().count(), 4_000);
    }

    #[test]
    fn an_output_that_takes_nothing_stops_neither_those_who_log_nor_the_end() {
        let output = Output::default();
        let (lines, writer) = start_with(output.clone()).unwrap();
        let stuck = output.0.lock().unwrap();
        let line = vec![b'x'; 1_024];
        let fitting = MAX_WAITING / line.len();
        // The thread may hold as many again.
        for _ in 0..2 * fitting + 10 {
            lines.push(&line);
        }
        let dropped = writer.dropped_lines();
        assert!((10..=fitting as u64 + 10).contains(&dropped()));
        drop(writer);
        drop(stuck);
    }
}
