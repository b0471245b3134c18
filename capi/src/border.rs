//! The border: what every function that C calls has in common.

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::errno::{self, Errno};

/// What a function that C calls returns.
pub(crate) trait Answer {
    /// That it has failed; `errno` says why.
    const FAILED: Self;
}

impl Answer for c_int {
    const FAILED: Self = -1;
}

impl Answer for c_long {
    const FAILED: Self = -1;
}

impl<T> Answer for *mut T {
    const FAILED: Self = std::ptr::null_mut();
}

impl<T> Answer for *const T {
    const FAILED: Self = std::ptr::null();
}

/// Does what a function of the library is called for: an error becomes its answer and `errno`, and so
/// does a panic, which must not unwind into C.
pub(crate) fn answer<T: Answer>(body: impl FnOnce() -> Result<T, Errno>) -> T {
    // What a panic leaves behind is behind locks that are not poisoned by it, or is the caller's own.
    let outcome = catch_unwind(AssertUnwindSafe(body));
    match outcome.unwrap_or(Err(errno::BROKEN)) {
        Ok(answer) => answer,
        Err(error) => {
            error.set();
            T::FAILED
        }
    }
}

/// The same where there is nothing to answer.
pub(crate) fn quietly(body: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(body));
}

/// The same where failing is an answer of its own.
pub(crate) fn answer_or<T>(failed: T, body: impl FnOnce() -> Result<T, Errno>) -> T {
    match catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(errno::BROKEN)) {
        Ok(answer) => answer,
        Err(error) => {
            error.set();
            failed
        }
    }
}

/// What C calls a handle.
pub(crate) type Handle = *mut c_void;
