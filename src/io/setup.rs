//! What an I/O thread does for itself before it serves anybody.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How the I/O threads of a context are set up.
#[derive(Clone)]
pub(crate) struct ThreadSetup {
    pub(crate) count: usize,
    /// A number is added.
    pub(crate) name: String,
    /// Which processors they may run on; none is all.
    pub(crate) processors: Vec<usize>,
    pub(crate) hook: Option<Arc<Hook>>,
}

/// What the application does on each of them.
pub(crate) type Hook = dyn Fn(usize) + Send + Sync;

/// Whether threads can be kept to processors here.
pub(crate) const HAS_AFFINITY: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl ThreadSetup {
    /// On the thread of this number, before anything else.
    pub(super) fn begin(&self, number: usize) {
        if let Err(error) = keep_to(&self.processors) {
            // The context was built with these: they are gone since.
            log::warn!("I/O thread {number} cannot be kept to its processors: {error}");
        }
        if let Some(hook) = &self.hook
            && catch_unwind(AssertUnwindSafe(|| hook(number))).is_err()
        {
            log::error!("the start hook of I/O thread {number} panicked");
        }
    }

    /// Whether the system lets threads of this process run on these processors, and on no others.
    pub(crate) fn check_processors(&self) -> Result<(), String> {
        if self.processors.is_empty() {
            return Ok(());
        }
        if !HAS_AFFINITY {
            return Err("this operating system does not have it".to_owned());
        }
        let processors = self.processors.clone();
        // Tried where nobody minds: on a thread that then ends.
        let tried = std::thread::Builder::new().spawn(move || keep_to(&processors));
        match tried.map(std::thread::JoinHandle::join) {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) | Err(error) => Err(error.to_string()),
            Ok(Err(_)) => Err("an internal error (this is a bug in zocket)".to_owned()),
        }
    }
}

/// The calling thread runs on these processors only, from now on.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn keep_to(processors: &[usize]) -> std::io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if processors.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &processor in processors {
        if processor >= CpuSet::MAX_CPU {
            let why = format!("there is no processor {processor}");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, why));
        }
        set.set(processor);
    }
    sched_setaffinity(None, &set)?;
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn keep_to(_: &[usize]) -> std::io::Result<()> {
    Ok(())
}

impl Default for ThreadSetup {
    fn default() -> Self {
        Self {
            count: 1,
            name: "zocket-io".to_owned(),
            processors: Vec::new(),
            hook: None,
        }
    }
}

impl fmt::Debug for ThreadSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadSetup")
            .field("count", &self.count)
            .field("name", &self.name)
            .field("processors", &self.processors)
            .finish_non_exhaustive()
    }
}
