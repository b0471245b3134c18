//! Memory that C hands us, read and written under checks.

use std::ffi::{CStr, c_char, c_void};

use crate::errno::{EFAULT, EINVAL, Errno};

/// The bytes at an address; none at all may be at no address.
///
/// # Safety
///
/// Unless it is null, `size` bytes can be read there as long as the slice is used.
pub(crate) unsafe fn bytes<'a>(at: *const c_void, size: usize) -> Result<&'a [u8], Errno> {
    if size == 0 {
        return Ok(&[]);
    }
    if at.is_null() || isize::try_from(size).is_err() {
        return Err(EFAULT);
    }
    // SAFETY: it is not null, and the caller promises the rest.
    Ok(unsafe { std::slice::from_raw_parts(at.cast(), size) })
}

/// A text that ends with a zero.
///
/// # Safety
///
/// Unless it is null, it does end with one, and nobody changes it as long as the text is used.
pub(crate) unsafe fn text<'a>(at: *const c_char) -> Result<&'a str, Errno> {
    if at.is_null() {
        return Err(EINVAL);
    }
    // SAFETY: it is not null, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(at) };
    text.to_str().map_err(|_| EINVAL)
}

/// Copies to an address as much as there is room for.
///
/// # Safety
///
/// Unless it is null, `room` bytes can be written there.
pub(crate) unsafe fn copy_out(from: &[u8], to: *mut c_void, room: usize) -> Result<(), Errno> {
    let size = from.len().min(room);
    if size == 0 {
        return Ok(());
    }
    if to.is_null() {
        return Err(EFAULT);
    }
    // SAFETY: it is not null, there is room as the caller promises, and `from` is memory of ours, which
    // no buffer of the caller's can overlap.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.cast(), size) };
    Ok(())
}

/// Writes zeros.
///
/// # Safety
///
/// `size` bytes can be written there.
pub(crate) unsafe fn clear(at: *mut c_void, size: usize) {
    // SAFETY: the caller promises it.
    unsafe { std::ptr::write_bytes(at.cast::<u8>(), 0, size) };
}

/// Puts a value at an address that may be null, which is for those who do not want to know.
///
/// # Safety
///
/// Unless it is null, a `T` can be written there.
pub(crate) unsafe fn put<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: it is not null, and the caller promises the rest.
        unsafe { to.write_unaligned(value) };
    }
}
