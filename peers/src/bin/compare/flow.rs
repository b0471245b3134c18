//! Messages that flow one way: what they consist of, how they are sent, and how they are looked at.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::side::{Receives, Result, Sends};

const FIRST: u8 = 0xA5;
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
    pub(crate) fn length(self) -> Duration {
        self.last - self.first
    }
}

/// Reads two bytes of each message, so that their memory is really met by the thread that receives.
pub(crate) fn receive(receiver: &mut impl Receives, size: usize, count: u64) -> Result<Span> {
    let mut look = || receiver.recv(|data| (data.len(), data[0], data[data.len() - 1]));
    let expected = (size, FIRST, LAST);
    let mut strange = u64::from(look()? != expected);
    let first = Instant::now();
    for _ in 1..count {
        strange += u64::from(look()? != expected);
    }
    let last = Instant::now();
    if strange > 0 {
        return Err(format!("{strange} of {count} messages arrived changed").into());
    }
    Ok(Span { first, last })
}
