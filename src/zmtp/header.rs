//! The header of a frame: flags and size.

use super::error::Error;

/// Another frame of the same message follows.
pub(crate) const MORE: u8 = 0x01;
/// The size has eight octets instead of one.
pub(crate) const LONG: u8 = 0x02;
/// The frame is a command and belongs to no message.
pub(crate) const COMMAND: u8 = 0x04;
/// Bits 3 to 7: reserved, must be zero.
const RESERVED: u8 = 0xf8;

/// The largest body that a short header can announce.
pub(crate) const SHORT_MAX: usize = 255;
/// The octets of a long header.
pub(crate) const LONG_LEN: usize = 9;

/// A frame's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    flags: u8,
    /// Octets of the body.
    pub(crate) size: u64,
    /// Octets of the header itself: 2 or 9.
    pub(crate) len: usize,
}

impl Header {
    /// The header at the front of `bytes`; `None` while it is not there whole.
    ///
    /// # Errors
    ///
    /// Reserved bits, MORE on a command, a size above 2^63-1. The flags are judged as soon as
    /// they are there. LONG with a small size is odd but has only one meaning: accepted.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Error> {
        match *bytes {
            [flags @ (0 | MORE | COMMAND), size, ..] => Ok(Some(Self {
                flags,
                size: u64::from(size),
                len: 2,
            })),
            [] => Ok(None),
            [flags, ..] => Self::parse_rare(flags, bytes),
        }
    }

    fn parse_rare(flags: u8, bytes: &[u8]) -> Result<Option<Self>, Error> {
        if flags & RESERVED != 0 {
            return Err(Error::ReservedFlags { flags });
        }
        // A command is exactly one frame.
        if flags & (COMMAND | MORE) == COMMAND | MORE {
            return Err(Error::CommandWithMore { flags });
        }
        if flags & LONG == 0 {
            return Ok(None);
        }
        let Some(&[_, ref size @ ..]) = bytes.first_chunk::<LONG_LEN>() else {
            return Ok(None);
        };
        let size = u64::from_be_bytes(*size);
        // The grammar ends at 2^63-1.
        if i64::try_from(size).is_err() {
            return Err(Error::SizeOverflow { size });
        }
        Ok(Some(Self {
            flags,
            size,
            len: LONG_LEN,
        }))
    }

    /// Whether another frame of the same message follows.
    #[inline]
    pub(crate) fn more(self) -> bool {
        self.flags & MORE != 0
    }

    /// Whether the frame is a command.
    #[inline]
    pub(crate) fn is_command(self) -> bool {
        self.flags & COMMAND != 0
    }
}

/// Appends the header of a body of `size` octets, in the short form where it can.
#[inline]
pub(crate) fn put(flags: u8, size: usize, buf: &mut Vec<u8>) {
    match u8::try_from(size) {
        Ok(size) => buf.extend_from_slice(&[flags, size]),
        Err(_) => {
            let [a, b, c, d, e, f, g, h] = (size as u64).to_be_bytes();
            buf.extend_from_slice(&[flags | LONG, a, b, c, d, e, f, g, h]);
        }
    }
}

/// How long the header of a body of `size` octets is in the form that [`put`] gives it.
pub(crate) fn len(size: usize) -> usize {
    if size <= SHORT_MAX { 2 } else { LONG_LEN }
}

/// Writes what [`put`] appends to the front of `place`.
pub(crate) fn write(flags: u8, size: usize, place: &mut [u8]) {
    match (u8::try_from(size), place) {
        (Ok(size), [first, second, ..]) => (*first, *second) = (flags, size),
        (_, [first, rest @ ..]) => {
            *first = flags | LONG;
            for (place, octet) in rest.iter_mut().zip((size as u64).to_be_bytes()) {
                *place = octet;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<(u64, usize)>, Error> {
        Ok(Header::parse(bytes)?.map(|header| (header.size, header.len)))
    }

    #[test]
    fn short_up_to_255_and_long_from_256() {
        for size in [0, 1, 254, 255, 256, 65_536] {
            let mut buf = Vec::new();
            put(MORE, size, &mut buf);
            assert_eq!(buf.len(), if size <= SHORT_MAX { 2 } else { LONG_LEN });
            let mut written = vec![0; len(size)];
            write(MORE, size, &mut written);
            assert_eq!(written, buf);
            let header = Header::parse(&buf).unwrap().unwrap();
            assert_eq!((header.size, header.len), (size as u64, buf.len()));
            assert!(header.more() && !header.is_command());
            for cut in 0..buf.len() {
                assert_eq!(Header::parse(&buf[..cut]), Ok(None));
            }
        }
    }

    #[test]
    fn g8_reserved_bits_are_refused_at_the_first_octet() {
        for bit in 3..8 {
            for low in 0..8 {
                let flags = 1 << bit | low;
                assert_eq!(parse(&[flags]), Err(Error::ReservedFlags { flags }));
            }
        }
    }

    #[test]
    fn g9_a_command_has_no_more() {
        for flags in [COMMAND | MORE, COMMAND | MORE | LONG] {
            assert_eq!(parse(&[flags]), Err(Error::CommandWithMore { flags }));
        }
    }

    #[test]
    fn g10_long_with_a_small_size_is_accepted() {
        assert_eq!(parse(&[LONG, 0, 0, 0, 0, 0, 0, 0, 2]), Ok(Some((2, 9))));
        assert_eq!(
            parse(&[LONG | COMMAND, 0, 0, 0, 0, 0, 0, 0, 0]),
            Ok(Some((0, 9)))
        );
    }

    #[test]
    fn g11_sizes_end_at_2_to_the_63() {
        let long = |size: u64| [[LONG].as_slice(), &size.to_be_bytes()].concat();
        assert_eq!(
            parse(&long(i64::MAX as u64)),
            Ok(Some((i64::MAX as u64, 9)))
        );
        for size in [1 << 63, u64::MAX] {
            assert_eq!(parse(&long(size)), Err(Error::SizeOverflow { size }));
        }
    }
}
