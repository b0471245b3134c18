//! Memory of large frames, used again.
//!
//! Tens of KiB that are fresh from the system cost more than to fill them: they come page by page, each
//! zeroed when it is first touched, and what is freed at the end of a heap goes back at once. What was
//! in use a moment ago is there, and most of it still in a cache.
//!
//! ```text
//!   a frame made of a slice  ──┐                                    ┌── the last who refers to it
//!   a large body to be read  ──┴── take ──► filled ──► share ──►────┴──► back here, or freed
//! ```
//!
//! One for the process, as memory is: limited in bytes, so that nobody can make it grow, and given back
//! when connections fall idle. The latest comes first. Nobody waits for it: who finds another at it does
//! without. (That also goes for a child that was forked off while somebody was.)

use std::collections::VecDeque;
use std::sync::TryLockError;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;

/// From this size on a buffer is worth keeping: smaller ones the allocator has at hand.
pub(crate) const SMALLEST: usize = 8 << 10;

/// What is kept at most, all in all: a few of the largest, or as many as a socket's buffers hold of
/// others.
const KEPT: usize = 8 << 20;

/// So many are looked at for one of the right size: of one kind of traffic the first is.
const LOOKS: usize = 8;

// Not one of the library's own locks: there is none to meet under it, and a model of it would have
// nothing to show.
static POOL: Mutex<Pool> = Mutex::new(Pool {
    buffers: VecDeque::new(),
    bytes: 0,
    used: false,
});

struct Pool {
    /// The latest at the end.
    buffers: VecDeque<Vec<u8>>,
    /// Their capacities.
    bytes: usize,
    /// Whether any was taken since this was looked at last.
    used: bool,
}

impl Pool {
    fn take(&mut self, room: usize) -> Option<Vec<u8>> {
        let fits = |buf: &Vec<u8>| (room..=2 * room).contains(&buf.capacity());
        let latest = self.buffers.iter().rev().take(LOOKS);
        let (back, _) = latest.enumerate().find(|(_, buf)| fits(buf))?;
        let buf = self.buffers.remove(self.buffers.len() - 1 - back)?;
        self.bytes -= buf.capacity();
        self.used = true;
        Some(buf)
    }

    /// Gives back those that there is no room for any more.
    fn keep(&mut self, buf: Vec<u8>) -> Vec<Vec<u8>> {
        self.bytes += buf.capacity();
        self.buffers.push_back(buf);
        let mut left = Vec::new();
        while self.bytes > KEPT
            && let Some(oldest) = self.buffers.pop_front()
        {
            self.bytes -= oldest.capacity();
            left.push(oldest);
        }
        left
    }

    fn trim(&mut self) -> VecDeque<Vec<u8>> {
        if std::mem::take(&mut self.used) {
            return VecDeque::new();
        }
        self.bytes = 0;
        std::mem::take(&mut self.buffers)
    }
}

fn pool() -> Option<MutexGuard<'static, Pool>> {
    match POOL.try_lock() {
        Ok(pool) => Some(pool),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A buffer with room for so many bytes. What is in it is of no meaning, but need not be zeroed.
pub(crate) fn take(room: usize) -> Vec<u8> {
    let found = if room < SMALLEST {
        None
    } else {
        pool().and_then(|mut pool| pool.take(room))
    };
    found.unwrap_or_else(|| Vec::with_capacity(room))
}

/// The first `len` bytes of a buffer, which comes back once nobody refers to them.
pub(crate) fn share(buf: Vec<u8>, len: usize) -> Bytes {
    if buf.capacity() < SMALLEST || buf.capacity() > KEPT / 2 {
        let mut buf = buf;
        buf.truncate(len);
        return Bytes::from(buf);
    }
    Bytes::from_owner(Pooled { buf, len })
}

/// A copy of `data`, in such a buffer if it is large.
#[inline]
pub(crate) fn copy(data: &[u8]) -> Bytes {
    if data.len() < SMALLEST {
        return Bytes::copy_from_slice(data);
    }
    copy_large(data)
}

fn copy_large(data: &[u8]) -> Bytes {
    let mut buf = take(data.len());
    put(data, &mut buf);
    share(buf, data.len())
}

/// Puts `data` first into a buffer that was taken. What is there behind it stays, to be overwritten.
pub(crate) fn put(data: &[u8], buf: &mut Vec<u8>) {
    let (over, beyond) = data.split_at(data.len().min(buf.len()));
    if let Some(there) = buf.get_mut(..over.len()) {
        there.copy_from_slice(over);
    }
    buf.extend_from_slice(beyond);
}

/// Gives all back, if nothing was taken since this was called last.
pub(crate) fn trim() {
    let idle = pool().map(|mut pool| pool.trim());
    drop(idle);
}

/// A buffer that comes back.
struct Pooled {
    buf: Vec<u8>,
    len: usize,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or(&self.buf)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let buf = std::mem::take(&mut self.buf);
        let left = pool().map(|mut pool| pool.keep(buf));
        drop(left);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn empty() -> Pool {
        Pool {
            buffers: VecDeque::new(),
            bytes: 0,
            used: false,
        }
    }

    #[test]
    fn the_latest_that_fits_is_taken() {
        let mut pool = empty();
        for capacity in [64 << 10, 1 << 20, 65 << 10, 16 << 10] {
            assert!(pool.keep(Vec::with_capacity(capacity)).is_empty());
        }
        let taken = |pool: &mut Pool, room| pool.take(room).map(|buf| buf.capacity());
        assert_eq!(taken(&mut pool, 60 << 10), Some(65 << 10));
        assert_eq!(taken(&mut pool, 60 << 10), Some(64 << 10));
        assert_eq!(taken(&mut pool, 60 << 10), None);
        assert_eq!(pool.bytes, (1 << 20) + (16 << 10));
    }

    #[test]
    fn it_is_limited_and_lets_the_oldest_go() {
        let mut pool = empty();
        let first = 64 << 10;
        assert!(pool.keep(Vec::with_capacity(first)).is_empty());
        let mut left = Vec::new();
        for _ in 0..KEPT >> 20 {
            left.extend(pool.keep(Vec::with_capacity(1 << 20)));
        }
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].capacity(), first);
        assert_eq!(pool.bytes, KEPT);
    }

    #[test]
    fn it_is_given_back_once_nothing_is_taken_any_more() {
        let mut pool = empty();
        for _ in 0..2 {
            pool.keep(Vec::with_capacity(64 << 10));
        }
        assert!(pool.take(64 << 10).is_some());
        assert!(pool.trim().is_empty());
        assert_eq!(pool.trim().len(), 1);
        assert_eq!(pool.bytes, 0);
    }

    #[test]
    fn a_copy_is_what_was_copied_whatever_was_there() {
        for (n, len) in [SMALLEST, 20_000, 10_000, 20_001, KEPT, SMALLEST - 1, 30_000]
            .into_iter()
            .enumerate()
        {
            let data = vec![n as u8; len];
            let copied = copy(&data);
            assert_eq!(copied, data);
            assert_eq!(copied.slice(1..), data[1..]);
        }
    }
}
