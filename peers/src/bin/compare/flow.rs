//! Messages that flow one way: what they consist of, how they are sent, and how they are looked at.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::side::{Receives, Result, Sends};

/// What every message begins with.
pub(crate) const FIRST: u8 = 0xA5;
const LAST: u8 = 0x5A;

/// The buffer that every message is copied from.
pub(crate) fn buffer(size: usize) -> Vec<u8> {
    let mut buffer = vec![0; size];
    buffer[0] = FIRST;
    buffer[size - 1] = LAST;
    buffer
}

pub(crate) fn send(sender: &mut impl Sends, size: usize, count: u64) -> Result<()> {
    let buffer = buffer(size);
    for _ in 0..count {
        sender.send(black_box(&buffer))?;
    }
    Ok(())
}

/// The time from one message to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) first: Instant,
    pub(crate) last: Instant,
}

impl Span {
    /// From the first of the firsts to the last of the lasts.
    pub(crate) fn of_all(spans: &[Self]) -> Option<Self> {
        Some(Self {
            first: spans.iter().map(|span| span.first).min()?,
            last: spans.iter().map(|span| span.last).max()?,
        })
    }

    pub(crate) fn length(self) -> Duration {
        self.last - self.first
    }
}

/// Counts the messages that arrive changed. Two bytes of each are read, so that their memory is
/// really met by the thread that receives.
#[derive(Debug)]
pub(crate) struct Look {
    size: usize,
    seen: u64,
    strange: u64,
}

impl Look {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            seen: 0,
            strange: 0,
        }
    }

    #[inline]
    pub(crate) fn at(&mut self, data: &[u8]) {
        let ends = (data.first(), data.last());
        let sound = data.len() == self.size && ends == (Some(&FIRST), Some(&LAST));
        self.seen += 1;
        self.strange += u64::from(!sound);
    }

    /// An error if there was one.
    pub(crate) fn end(self) -> Result<()> {
        let Self { seen, strange, .. } = self;
        match strange {
            0 => Ok(()),
            _ => Err(format!("{strange} of {seen} messages arrived changed").into()),
        }
    }
}

/// Receives so many, and takes the time from the first to the last.
pub(crate) fn receive(receiver: &mut impl Receives, size: usize, count: u64) -> Result<Span> {
    let mut look = Look::new(size);
    receiver.recv(|data| look.at(data))?;
    let first = Instant::now();
    for _ in 1..count {
        receiver.recv(|data| look.at(data))?;
    }
    let last = Instant::now();
    look.end()?;
    Ok(Span { first, last })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Look, Span, buffer};

    #[test]
    fn what_is_changed_is_noticed() {
        let mut look = Look::new(16);
        look.at(&buffer(16));
        assert!(look.end().is_ok());
        let mut changed = buffer(16);
        changed[15] ^= 1;
        for strange in [&buffer(15)[..], &changed, &[]] {
            let mut look = Look::new(16);
            look.at(strange);
            assert!(look.end().is_err(), "{strange:?}");
        }
    }

    #[test]
    fn all_together_begin_with_the_first_and_end_with_the_last() {
        let at = |millis| Instant::now() + Duration::from_millis(millis);
        let [a, b, c] = [at(0), at(10), at(30)];
        let spans = [Span { first: b, last: c }, Span { first: a, last: b }];
        let all = Span::of_all(&spans).unwrap();
        assert_eq!((all.first, all.last), (a, c));
        assert!(Span::of_all(&[]).is_none());
    }
}
