//! Messages and commands onto a wire.

use super::command;
use super::greeting::Version;
use super::header;
use super::wire::Wire;
use crate::frame::Frame;
use crate::message::Message;

/// Appends a message.
#[inline]
pub(crate) fn encode(message: &Message, wire: &mut Wire) {
    match message.single() {
        Some(frame) => {
            put_frame(0, frame, wire);
            wire.count_message(frame.len());
        }
        None => encode_frames(message, wire),
    }
}

/// Appends a command; its data may come in several parts.
pub(crate) fn encode_command(name: &str, data: &[&[u8]], wire: &mut Wire) {
    command::put(name, data, wire.buf());
}

/// How a peer is told of subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SubscriptionForm {
    /// SUBSCRIBE and CANCEL, since ZMTP 3.1.
    #[default]
    Command,
    /// Messages that begin with 1 or 0, before.
    Message,
}

impl SubscriptionForm {
    /// The form that a peer of this version understands.
    pub(crate) fn of(version: Version) -> Self {
        match version {
            Version::V3_0 => Self::Message,
            Version::V3_1 => Self::Command,
        }
    }
}

/// Appends a subscription, or one that is taken back.
pub(crate) fn encode_subscription(
    subscribe: bool,
    topic: &[u8],
    form: SubscriptionForm,
    wire: &mut Wire,
) {
    match form {
        SubscriptionForm::Command => {
            let name = if subscribe { "SUBSCRIBE" } else { "CANCEL" };
            encode_command(name, &[topic], wire);
        }
        SubscriptionForm::Message => {
            header::put(0, topic.len() + 1, wire.buf());
            wire.buf().push(u8::from(subscribe));
            wire.buf().extend_from_slice(topic);
            wire.count_message(topic.len() + 1);
        }
    }
}

fn encode_frames(message: &Message, wire: &mut Wire) {
    let mut bytes = 0;
    let mut frames = message.frames().peekable();
    while let Some(frame) = frames.next() {
        let flags = if frames.peek().is_some() {
            header::MORE
        } else {
            0
        };
        put_frame(flags, frame, wire);
        bytes += frame.len();
    }
    wire.count_message(bytes);
}

#[inline]
fn put_frame(flags: u8, frame: &Frame, wire: &mut Wire) {
    let body: &[u8] = frame;
    match u8::try_from(body.len()) {
        Ok(size) if !frame.is_in_place() => {
            let buf = wire.buf();
            buf.extend_from_slice(&[flags, size]);
            frame.append_to(buf);
        }
        _ => put_long(flags, frame, wire),
    }
}

fn put_long(flags: u8, frame: &Frame, wire: &mut Wire) {
    header::put(flags, frame.len(), wire.buf());
    match frame.shared() {
        Some(body) if body.len() >= LARGE => wire.splice(body.clone()),
        Some(body) if frame.is_in_place() && !body.is_empty() => wire.splice(body.clone()),
        _ => wire.buf().extend_from_slice(frame),
    }
}

// A body by reference costs two atomic operations, an entry of the splice list and two more
// slices for the system call; copying costs about as much at a few KiB, while it also keeps the
// batch in one piece.
pub(super) const LARGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmtp::tests::naive_encode;
    use bytes::Bytes;
    use std::io::IoSlice;

    fn slices(wire: &Wire) -> Vec<Vec<u8>> {
        let mut out = [IoSlice::new(&[]); 16];
        let filled = wire.io_slices(&mut out, usize::MAX);
        out[..filled].iter().map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn only_large_shared_bodies_go_by_reference() {
        for (len, pieces) in [
            (0, 1),
            (70, 1),
            (71, 1),
            (256, 1),
            (LARGE - 1, 1),
            (LARGE, 2),
        ] {
            let message = Message::from(vec![7u8; len]);
            let mut wire = Wire::new();
            encode(&message, &mut wire);
            let slices = slices(&wire);
            assert_eq!(slices.len(), pieces, "{len}");
            assert_eq!(slices.concat(), naive_encode(&message), "{len}");
        }
    }

    #[test]
    fn what_is_to_stay_in_place_goes_by_reference_however_short_it_is() {
        for len in [1, 70, 255, 256, LARGE] {
            let there = Bytes::from(vec![7u8; len]);
            let message = Message::from(Frame::in_place(there.clone()));
            let mut wire = Wire::new();
            encode(&message, &mut wire);
            drop(message);
            assert!(!there.is_unique());
            let slices = slices(&wire);
            assert_eq!(slices.len(), 2);
            assert_eq!(slices.concat(), naive_encode(&Message::from(vec![7; len])));
            wire.advance(slices.concat().len());
            assert!(there.is_unique());
        }
        let mut wire = Wire::new();
        encode(&Frame::in_place(Bytes::new()).into(), &mut wire);
        assert_eq!(slices(&wire), [b"\0\0"]);
    }

    #[test]
    fn commands_are_no_messages() {
        let mut wire = Wire::new();
        encode_command("SUBSCRIBE", &[b"to", b"pic"], &mut wire);
        assert_eq!(slices(&wire), [b"\x04\x0f\x09SUBSCRIBEtopic"]);
        assert_eq!(wire.messages(), 0);
        encode(&Message::from("m"), &mut wire);
        let progress = wire.advance(18);
        assert_eq!((progress.messages, wire.messages()), (0, 1));
        wire.rewind();
        assert_eq!(slices(&wire), [b"\0\x01m"]);
    }
}
