//! Numbered messages: from what arrives one can tell what was lost, doubled, reordered or torn.
//!
//! A message has three frames, generation and number, a body that follows from both, and the
//! first frame again.

use std::ops::Deref;

/// Who sent a message, and which of his messages it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Counts the lives of a sender that is killed and started again.
    pub generation: u32,
    /// Counts the messages of one life, from 0.
    pub number: u64,
}

impl Number {
    /// The frames of this message, with a body of `body` bytes.
    pub fn frames(self, body: usize) -> [Vec<u8>; 3] {
        let label = self.label();
        [label.to_vec(), vec![self.filler(); body], label.to_vec()]
    }

    /// Which message these frames are; or what is wrong with them.
    pub fn of<P: Deref<Target = [u8]>>(frames: &[P], body: usize) -> Result<Self, String> {
        let [label, middle, again] = frames else {
            return Err(format!("{} frames instead of 3", frames.len()));
        };
        let (generation, number) = label
            .split_first_chunk()
            .and_then(|(generation, rest)| Some((generation, <[u8; 8]>::try_from(rest).ok()?)))
            .ok_or_else(|| format!("a label of {} bytes", label.len()))?;
        let found = Self {
            generation: u32::from_be_bytes(*generation),
            number: u64::from_be_bytes(number),
        };
        if **again != found.label() {
            return Err(format!("{found:?} ends as another message"));
        }
        if middle.len() != body || middle.iter().any(|&byte| byte != found.filler()) {
            return Err(format!(
                "{found:?} has the wrong body, of {} bytes",
                middle.len()
            ));
        }
        Ok(found)
    }

    /// How many bytes one such message takes on the wire: frame headers of ZMTP included.
    pub const fn wire_size(body: usize) -> usize {
        let header = if body <= 255 { 2 } else { 9 };
        2 * (2 + 12) + header + body
    }

    fn label(self) -> [u8; 12] {
        let mut label = [0; 12];
        label[..4].copy_from_slice(&self.generation.to_be_bytes());
        label[4..].copy_from_slice(&self.number.to_be_bytes());
        label
    }

    fn filler(self) -> u8 {
        (self.number as u8)
            .wrapping_mul(31)
            .wrapping_add(self.generation as u8)
    }
}
