//! Parts of messages that are set aside: of one that is not yet whole, or not yet given out whole.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::handles::lock;

/// Parts in their order. Mostly there are none, which is known without the lock.
#[derive(Debug)]
pub(crate) struct Aside<T> {
    has_some: AtomicBool,
    parts: Mutex<VecDeque<T>>,
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self {
            has_some: AtomicBool::new(false),
            parts: Mutex::default(),
        }
    }
}

impl<T> Aside<T> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_some.load(Ordering::Acquire)
    }

    /// Looks at them, or changes them.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let mut parts = lock(&self.parts);
        let outcome = change(&mut parts);
        self.has_some.store(!parts.is_empty(), Ordering::Release);
        outcome
    }

    /// Takes the first one.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        self.with(VecDeque::pop_front)
    }

    /// Takes them all.
    pub(crate) fn take(&self) -> VecDeque<T> {
        self.with(std::mem::take)
    }
}
