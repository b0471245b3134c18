//! A message arrives whole, byte for byte, however it is cut into frames.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;

use support::{ALL, Home, PATIENCE, Transport, next_of};
use zocket::Message;

/// Bytes that differ from place to place and from frame to frame.
fn body(seed: usize, size: usize) -> Vec<u8> {
    (0..size)
        .map(|place| (seed.wrapping_mul(31) ^ place ^ (place >> 8)) as u8)
        .collect()
}

fn cut(sizes: impl IntoIterator<Item = usize>) -> Message {
    sizes
        .into_iter()
        .enumerate()
        .map(|(seed, size)| body(seed, size))
        .collect()
}

fn check(transport: Transport, messages: &[Message]) {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let push = home.push().build().unwrap();
    push.connect(pull.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for message in messages {
                push.send_timeout(message.clone(), PATIENCE).unwrap();
            }
        });
        for (number, message) in messages.iter().enumerate() {
            let got = next_of(&pull);
            assert_eq!(got.len(), message.len(), "{transport:?}, message {number}");
            for (n, (frame, expected)) in got.frames().zip(message.frames()).enumerate() {
                assert_eq!(frame.len(), expected.len(), "message {number}, frame {n}");
                assert!(
                    frame.as_slice() == expected.as_slice(),
                    "message {number}, frame {n}"
                );
            }
        }
        assert!(pull.try_recv().is_err());
    });
}

const SIZES: [usize; 21] = [
    0,
    1,
    2,
    63,
    64,
    69,
    70,
    71,
    72,
    254,
    255,
    256,
    257,
    4095,
    4096,
    4097,
    32 << 10,
    (32 << 10) + 1,
    64 << 10,
    (64 << 10) + 1,
    1 << 20,
];

#[test]
fn one_frame_of_any_size() {
    let messages: Vec<_> = SIZES.iter().map(|&size| cut([size])).collect();
    for &transport in ALL {
        check(transport, &messages);
    }
}

#[test]
fn any_size_next_to_any_other() {
    let mut messages: Vec<Message> = Vec::new();
    for &a in &SIZES[..SIZES.len() - 1] {
        for &b in &SIZES[..SIZES.len() - 1] {
            messages.push(cut([a, b]));
        }
    }
    messages.push(cut([1 << 20, 0, 1 << 20, 1, 255]));
    for &transport in ALL {
        check(transport, &messages);
    }
}

#[test]
fn any_number_of_frames() {
    let messages: Vec<_> = [1, 2, 3, 7, 8, 9, 63, 64, 65, 255, 256, 999, 1000]
        .into_iter()
        .flat_map(|count| {
            [
                cut((0..count).map(|n| n % 300)),
                cut(std::iter::repeat_n(0, count)),
                cut((0..count).map(|n| if n % 2 == 0 { 0 } else { 5000 })),
            ]
        })
        .collect();
    for &transport in ALL {
        check(transport, &messages);
    }
}

#[test]
fn empty_frames_are_frames() {
    let messages = [
        Message::default(),
        cut([0]),
        cut([0, 0]),
        cut([0, 1, 0]),
        cut([1, 0, 0, 1]),
        cut([0, 0, 0, 70_000, 0]),
    ];
    for &transport in ALL {
        check(transport, &messages);
    }
}
