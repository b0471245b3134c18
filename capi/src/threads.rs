//! Threads that run a function of the program's.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::border::{Handle, answer, quietly};
use crate::errno::{EFAULT, ENOMEM};
use crate::handles::{Table, lock};

static THREADS: Table<Mutex<Option<JoinHandle<()>>>> = Table::new(6);

type ThreadFn = unsafe extern "C" fn(*mut c_void);

#[unsafe(no_mangle)]
extern "C" fn zmq_threadstart(run: Option<ThreadFn>, argument: *mut c_void) -> Handle {
    answer(|| {
        let run = run.ok_or(EFAULT)?;
        let argument = argument.expose_provenance();
        let thread = thread::Builder::new().spawn(move || {
            let argument = std::ptr::with_exposed_provenance_mut(argument);
            // SAFETY: the program gave the function to be called with this, in a thread of its own.
            unsafe { run(argument) };
        })?;
        THREADS
            .insert(Arc::new(Mutex::new(Some(thread))))
            .ok_or(ENOMEM)
    })
}

/// Waits for the end of the thread.
#[unsafe(no_mangle)]
extern "C" fn zmq_threadclose(thread: Handle) {
    quietly(|| {
        let thread = THREADS
            .remove(thread)
            .and_then(|thread| lock(&thread).take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    });
}
