//! Z85, a text form of binary keys, and the keys themselves.

use std::ffi::{c_char, c_int};

use crate::border::answer;
use crate::errno::{EINVAL, ENOTSUP};
use crate::memory;

const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Five characters for each four bytes; `None` if they do not come out even.
fn encode(data: &[u8]) -> Option<Vec<u8>> {
    let (groups, []) = data.as_chunks::<4>() else {
        return None;
    };
    let mut text = Vec::with_capacity(groups.len() * 5);
    for group in groups {
        let value = u32::from_be_bytes(*group);
        for power in (0..5).rev() {
            let digit = value / 85_u32.pow(power) % 85;
            text.push(DIGITS[digit as usize]);
        }
    }
    Some(text)
}

/// The way back; `None` if it is no such text.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (groups, []) = text.as_chunks::<5>() else {
        return None;
    };
    if groups.is_empty() {
        return None;
    }
    let mut data = Vec::with_capacity(groups.len() * 4);
    for group in groups {
        let mut value = 0_u32;
        for character in group {
            let digit = DIGITS.iter().position(|known| known == character)?;
            value = value
                .checked_mul(85)?
                .checked_add(u32::try_from(digit).ok()?)?;
        }
        data.extend_from_slice(&value.to_be_bytes());
    }
    Some(data)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_z85_encode(to: *mut c_char, data: *const u8, size: usize) -> *mut c_char {
    answer(|| {
        if to.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the program says that so many bytes are there.
        let mut text = encode(unsafe { memory::bytes(data.cast(), size) }?).ok_or(EINVAL)?;
        text.push(0);
        // SAFETY: the program has room for five characters for each four bytes, and a zero.
        unsafe { memory::copy_out(&text, to.cast(), text.len()) }?;
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
        let data = decode(unsafe { memory::text(text) }?.as_bytes()).ok_or(EINVAL)?;
        // SAFETY: the program has room for four bytes for each five characters.
        unsafe { memory::copy_out(&data, to.cast(), data.len()) }?;
        Ok(to)
    })
}

/// There is no CURVE yet.
#[unsafe(no_mangle)]
extern "C" fn zmq_curve_keypair(_: *mut c_char, _: *mut c_char) -> c_int {
    answer(|| Err(ENOTSUP))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_curve_public(_: *mut c_char, _: *const c_char) -> c_int {
    answer(|| Err(ENOTSUP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 32.
    #[test]
    fn hello_world_is_there_and_back() {
        let data = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        assert_eq!(encode(&data).unwrap(), b"HelloWorld");
        assert_eq!(decode(b"HelloWorld").unwrap(), data);
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        assert!(encode(b"abc").is_none());
        assert_eq!(encode(b"").unwrap(), b"");
        for text in [
            &b""[..],
            b"abcd",
            b"abcdef",
            b"abc d",
            b"#####",
            b"\"\"\"\"\"",
        ] {
            assert!(decode(text).is_none(), "{text:?}");
        }
        assert_eq!(decode(b"%nSc0").unwrap(), [0xff; 4]);
        assert!(decode(b"%nSc1").is_none());
    }
}
