//! What this library says it is, and has.

use std::ffi::{c_char, c_int};

use crate::border::{answer_or, quietly};
use crate::memory;

/// The version of libzmq whose place it takes.
const VERSION: (c_int, c_int, c_int) = (4, 3, 5);

/// Of the capabilities that programs ask for, those that are there.
const CAPABILITIES: &[&str] = &["ipc", "curve"];

#[unsafe(no_mangle)]
extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    quietly(|| {
        // SAFETY: the program has room for a number at each, or they are null.
        unsafe {
            memory::put(major, VERSION.0);
            memory::put(minor, VERSION.1);
            memory::put(patch, VERSION.2);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    answer_or(0, || {
        // SAFETY: the program gives a text that ends with a zero, or null.
        let asked = unsafe { memory::text(capability) }?;
        Ok(CAPABILITIES.contains(&asked).into())
    })
}
