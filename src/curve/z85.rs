//! Z85 ([RFC 32](https://rfc.zeromq.org/spec/32/)): four bytes as five characters that can be printed.

use thiserror::Error;

/// The characters, by their value.
const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Why bytes cannot be written as Z85, or a text not be read as it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Z85Error {
    /// Only multiples of four bytes can be written.
    #[error("{0} bytes are no multiple of 4")]
    BytesLen(usize),
    /// Only multiples of five characters can be read.
    #[error("{0} characters are no multiple of 5")]
    TextLen(usize),
    /// A character that Z85 does not have, and where it is, counted in bytes from 0.
    #[error("the character at {0} is none of Z85's")]
    Character(usize),
    /// Five characters that stand for more than four bytes can hold, and where they begin.
    #[error("the five characters at {0} stand for more than 4 bytes")]
    Overflow(usize),
}

/// Writes bytes as Z85: four of them as five characters.
///
/// # Errors
///
/// [`Z85Error::BytesLen`], if they are no multiple of four.
///
/// ```
/// let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
/// assert_eq!(zocket::curve::z85_encode(&bytes)?, "HelloWorld");
/// # Ok::<(), zocket::curve::Z85Error>(())
/// ```
pub fn z85_encode(bytes: &[u8]) -> Result<String, Z85Error> {
    let (groups, []) = bytes.as_chunks::<4>() else {
        return Err(Z85Error::BytesLen(bytes.len()));
    };
    // Of the right size at once: growing would leave copies of what may be secret.
    let mut text = String::with_capacity(groups.len() * 5);
    for group in groups {
        let value = u32::from_be_bytes(*group);
        for power in POWERS {
            text.push(char::from(character(value / power % 85)));
        }
    }
    Ok(text)
}

/// Reads Z85: five characters as four bytes.
///
/// # Errors
///
/// A length that is no multiple of five, a character that Z85 does not have, or five that stand for
/// more than four bytes; no error shows any of the text, which may be secret.
///
/// ```
/// use zocket::curve::{Z85Error, z85_decode};
///
/// assert_eq!(z85_decode("HelloWorld")?, [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]);
/// assert_eq!(z85_decode("Hello"), Ok(vec![0x86, 0x4f, 0xd2, 0x6f]));
/// assert_eq!(z85_decode("He llo"), Err(Z85Error::TextLen(6)));
/// assert_eq!(z85_decode("Hel~o"), Err(Z85Error::Character(3)));
/// # Ok::<(), Z85Error>(())
/// ```
pub fn z85_decode(text: &str) -> Result<Vec<u8>, Z85Error> {
    let (groups, []) = text.as_bytes().as_chunks::<5>() else {
        return Err(Z85Error::TextLen(text.len()));
    };
    let mut bytes = Vec::with_capacity(groups.len() * 4);
    for (number, group) in groups.iter().enumerate() {
        let at = number * 5;
        let mut value = 0;
        for (offset, &octet) in group.iter().enumerate() {
            let digit = digit(octet).ok_or(Z85Error::Character(at + offset))?;
            value = value * 85 + u64::from(digit);
        }
        let value = u32::try_from(value).map_err(|_| Z85Error::Overflow(at))?;
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    Ok(bytes)
}

const POWERS: [u32; 5] = [85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1];

/// The whole alphabet is looked at for each: where the digit was found is not to be seen from outside.
fn character(value: u32) -> u8 {
    let mut found = 0;
    for (digit, &octet) in ALPHABET.iter().enumerate() {
        found |= octet & mask(digit as u32 == value);
    }
    found
}

fn digit(octet: u8) -> Option<u8> {
    let (mut found, mut any) = (0, 0);
    for (digit, &known) in ALPHABET.iter().enumerate() {
        let same = mask(known == octet);
        found |= digit as u8 & same;
        any |= same;
    }
    (any != 0).then_some(found)
}

fn mask(is: bool) -> u8 {
    u8::from(is).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_alphabet_is_the_standards() {
        // Of RFC 32, and one that holds every character.
        assert_eq!(z85_encode(&[]), Ok(String::new()));
        for (value, &octet) in ALPHABET.iter().enumerate() {
            assert_eq!(digit(octet), Some(value as u8));
            assert_eq!(character(value as u32), octet);
        }
        assert_eq!((0..=255).filter_map(digit).count(), 85);
    }

    #[test]
    fn what_is_no_z85_says_where() {
        assert_eq!(z85_encode(&[0; 5]), Err(Z85Error::BytesLen(5)));
        assert_eq!(z85_decode("0000"), Err(Z85Error::TextLen(4)));
        assert_eq!(z85_decode("00000000\"0"), Err(Z85Error::Character(8)));
        assert_eq!(z85_decode("000é"), Err(Z85Error::Character(3)));
        assert_eq!(z85_decode("%nSc0"), Ok(vec![0xff; 4]));
        assert_eq!(z85_decode("00000%nSc1"), Err(Z85Error::Overflow(5)));
        assert_eq!(z85_decode("#####"), Err(Z85Error::Overflow(0)));
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            bytes.truncate(bytes.len() / 4 * 4);
            let text = z85_encode(&bytes).unwrap();
            prop_assert_eq!(text.len(), bytes.len() / 4 * 5);
            prop_assert_eq!(z85_decode(&text), Ok(bytes));
        }

        #[test]
        fn any_text_is_z85_or_an_error(text in "\\PC{0,20}") {
            if let Ok(bytes) = z85_decode(&text) {
                prop_assert_eq!(z85_encode(&bytes).unwrap(), text);
            }
        }
    }
}
