//! How long calls wait that were told nothing else.

use std::time::Duration;

use crate::options::Options;
use crate::sync::{AtomicU64, Ordering};

/// How long calls wait that were told nothing else: asked for with no lock.
pub(crate) struct Timeouts {
    /// In nanoseconds; the largest number is for ever.
    send: AtomicU64,
    recv: AtomicU64,
}

impl Timeouts {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            send: AtomicU64::new(nanoseconds(options.send_timeout)),
            recv: AtomicU64::new(nanoseconds(options.recv_timeout)),
        }
    }

    pub(crate) fn set(&self, options: &Options) {
        // Nothing else is told by these.
        let set = |timeout: &AtomicU64, to| timeout.store(nanoseconds(to), Ordering::Relaxed);
        set(&self.send, options.send_timeout);
        set(&self.recv, options.recv_timeout);
    }

    pub(crate) fn send(&self) -> Option<Duration> {
        duration(self.send.load(Ordering::Relaxed))
    }

    pub(crate) fn recv(&self) -> Option<Duration> {
        duration(self.recv.load(Ordering::Relaxed))
    }
}

/// One that is too long to be counted, some 584 years, is as good as for ever.
fn nanoseconds(time: Option<Duration>) -> u64 {
    time.map_or(u64::MAX, |time| {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    })
}

fn duration(nanoseconds: u64) -> Option<Duration> {
    (nanoseconds != u64::MAX).then(|| Duration::from_nanos(nanoseconds))
}
