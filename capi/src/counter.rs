//! A counter that several threads may use.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::border::{Handle, answer, answer_or, quietly};
use crate::errno::{EFAULT, ENOMEM};
use crate::handles::Table;

static COUNTERS: Table<AtomicI32> = Table::new(7);

#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_new() -> Handle {
    answer(|| COUNTERS.insert(Arc::default()).ok_or(ENOMEM))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_set(counter: Handle, value: c_int) {
    quietly(|| {
        if let Some(counter) = COUNTERS.get(counter) {
            counter.store(value, Ordering::SeqCst);
        }
    });
}

/// Gives the value that it had.
#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_inc(counter: Handle) -> c_int {
    answer_or(0, || {
        let counter = COUNTERS.get(counter).ok_or(EFAULT)?;
        Ok(counter.fetch_add(1, Ordering::SeqCst))
    })
}

/// Says whether it is above zero still.
#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_dec(counter: Handle) -> c_int {
    answer_or(0, || {
        let counter = COUNTERS.get(counter).ok_or(EFAULT)?;
        Ok((counter.fetch_sub(1, Ordering::SeqCst) != 1).into())
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_value(counter: Handle) -> c_int {
    answer_or(0, || {
        let counter = COUNTERS.get(counter).ok_or(EFAULT)?;
        Ok(counter.load(Ordering::SeqCst))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_destroy(counter: *mut Handle) {
    quietly(|| {
        // SAFETY: it is where the program keeps the handle, or null.
        if let Some(place) = unsafe { counter.as_mut() } {
            COUNTERS.remove(*place);
            *place = std::ptr::null_mut();
        }
    });
}
