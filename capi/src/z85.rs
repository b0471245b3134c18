//! Z85, a text form of binary keys, and the keys themselves.

use std::ffi::{c_char, c_int};

use zocket::curve::{KeyPair, SecretKey, public_from_secret, z85_decode, z85_encode};

use crate::border::answer;
use crate::errno::{EFAULT, EINVAL, EIO, Errno};
use crate::memory;

#[unsafe(no_mangle)]
extern "C" fn zmq_z85_encode(to: *mut c_char, data: *const u8, size: usize) -> *mut c_char {
    answer(|| {
        if to.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the program says that so many bytes are there.
        let text = z85_encode(unsafe { memory::bytes(data.cast(), size) }?).map_err(|_| EINVAL)?;
        // SAFETY: the program has room for five characters for each four bytes, and a zero.
        unsafe {
            memory::copy_out(text.as_bytes(), to.cast(), text.len())?;
            memory::put(to.add(text.len()), 0);
        }
        Ok(to)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_z85_decode(to: *mut u8, text: *const c_char) -> *mut u8 {
    answer(|| {
        if to.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the program gives a text that ends with a zero, or null.
        let text = unsafe { memory::text(text) }?;
        if text.is_empty() {
            return Err(EINVAL);
        }
        let data = z85_decode(text).map_err(|_| EINVAL)?;
        // SAFETY: the program has room for four bytes for each five characters.
        unsafe { memory::copy_out(&data, to.cast(), data.len()) }?;
        Ok(to)
    })
}

/// The text of a key, and a zero.
const KEY_ROOM: usize = 41;

#[unsafe(no_mangle)]
extern "C" fn zmq_curve_keypair(public: *mut c_char, secret: *mut c_char) -> c_int {
    answer(|| {
        if public.is_null() || secret.is_null() {
            return Err(EFAULT);
        }
        let pair = KeyPair::generate().map_err(|_| EIO)?;
        // SAFETY: the program has room for the text of a key, and a zero, at each.
        unsafe {
            put_text(&pair.public_key().to_string(), public)?;
            put_text(pair.secret_key().to_z85().as_ref(), secret)?;
        }
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_curve_public(public: *mut c_char, secret: *const c_char) -> c_int {
    answer(|| {
        if public.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: the program gives a text that ends with a zero, or null.
        let secret: SecretKey = unsafe { memory::text(secret) }?
            .parse()
            .map_err(|_| EINVAL)?;
        // SAFETY: the program has room for the text of a key, and a zero.
        unsafe { put_text(&public_from_secret(&secret).to_string(), public) }?;
        Ok(0)
    })
}

/// # Safety
///
/// There is room for the text of a key, and a zero.
unsafe fn put_text(text: &str, to: *mut c_char) -> Result<(), Errno> {
    // SAFETY: the caller promises it.
    unsafe {
        memory::copy_out(text.as_bytes(), to.cast(), KEY_ROOM - 1)?;
        memory::put(to.add(KEY_ROOM - 1), 0);
    }
    Ok(())
}
