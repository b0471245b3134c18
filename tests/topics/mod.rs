//! What the tests of publishers and subscribers need beyond `support`.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use zocket::{
    Builder, Message, Pub, RecvError, Socket, SocketKind, SocketType, Sub, Upstream, WaitError,
    XPub, XSub,
};

use crate::support::{Home, PATIENCE, QUIET, until};

fn quick<T: SocketKind>(home: &Home, builder: Builder<T>) -> Builder<T> {
    builder
        .context(&home.context)
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
}

pub(crate) fn publisher(home: &Home) -> Builder<Pub> {
    quick(home, Pub::builder())
}

pub(crate) fn subscriber(home: &Home) -> Builder<Sub> {
    quick(home, Sub::builder())
}

pub(crate) fn xpub(home: &Home) -> Builder<XPub> {
    quick(home, XPub::builder())
}

pub(crate) fn xsub(home: &Home) -> Builder<XSub> {
    quick(home, XSub::builder())
}

pub(crate) fn raw(home: &Home, socket_type: SocketType) -> Builder<Socket> {
    quick(home, Socket::builder(socket_type))
}

/// Those who publish.
pub(crate) trait Publishes {
    fn publish(&self, message: Message);
    fn subscribers(&self, count: usize, timeout: Duration) -> Result<(), WaitError>;

    /// Waits until there are no more than so many subscribers.
    #[track_caller]
    fn until_subscribers(&self, count: usize) {
        self.subscribers(count, PATIENCE).unwrap();
        until("subscribers go", || {
            self.subscribers(count + 1, Duration::ZERO) == Err(WaitError::Timeout { ready: count })
        });
    }
}

impl Publishes for Pub {
    fn publish(&self, message: Message) {
        self.send_timeout(message, PATIENCE).unwrap();
    }

    fn subscribers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.wait_for_subscribers(count, timeout)
    }
}

impl Publishes for XPub {
    fn publish(&self, message: Message) {
        self.send_timeout(message, PATIENCE).unwrap();
    }

    fn subscribers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.wait_for_subscribers(count, timeout)
    }
}

/// Waits until a publisher knows all that a subscriber has said until now: changes are taken in
/// order, so a new topic that works comes after all of them. Must not be called while the
/// subscriber has messages to receive, or subscribes to everything.
#[track_caller]
pub(crate) fn settle(publisher: &impl Publishes, subscriber: &Sub) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let marker = format!("\u{1f}settle {}.", NEXT.fetch_add(1, Ordering::Relaxed));
    subscriber.subscribe(&marker).unwrap();
    until("a subscription works", || {
        publisher.publish(Message::from(marker.as_str()));
        match subscriber.recv_timeout(Duration::from_millis(5)) {
            Ok(message) => {
                assert_eq!(
                    message,
                    marker.as_str(),
                    "something else was to be received"
                );
                true
            }
            Err(error) => {
                assert_eq!(error, RecvError::Timeout);
                false
            }
        }
    });
    // More of them may come; they are not let through any more.
    subscriber.unsubscribe(&marker).unwrap();
}

#[track_caller]
pub(crate) fn expect(subscriber: &Sub, text: &str) {
    let message = subscriber
        .recv_timeout(PATIENCE)
        .expect("a message in time");
    assert_eq!(message, text);
}

#[track_caller]
pub(crate) fn expect_nothing(subscriber: &Sub) {
    assert_eq!(subscriber.recv_timeout(QUIET), Err(RecvError::Timeout));
}

/// What an XPUB is told, in the form in which libzmq says it.
#[track_caller]
pub(crate) fn told(publisher: &XPub) -> String {
    as_text(&publisher.recv_timeout(PATIENCE).expect("an event in time"))
}

#[track_caller]
pub(crate) fn told_nothing(publisher: &XPub) {
    let heard = publisher.recv_timeout(QUIET);
    assert!(matches!(heard, Err(RecvError::Timeout)), "{heard:?}");
}

/// `+topic`, `-topic`, or the message's frames.
pub(crate) fn as_text(event: &Upstream) -> String {
    match event {
        Upstream::Subscribe(topic) => format!("+{}", String::from_utf8_lossy(topic)),
        Upstream::Unsubscribe(topic) => format!("-{}", String::from_utf8_lossy(topic)),
        Upstream::Message(message) => {
            let frames: Vec<_> = message
                .frames()
                .map(|frame| String::from_utf8_lossy(frame).into_owned())
                .collect();
            format!("={}", frames.join("|"))
        }
        other => format!("{other:?}"),
    }
}

pub(crate) fn command(name: &str, topic: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(topic);
    frame(4, &body)
}

/// The canonical form of ZMTP 3.1: a command.
pub(crate) fn subscribe(topic: impl AsRef<[u8]>) -> Vec<u8> {
    command("SUBSCRIBE", topic.as_ref())
}

pub(crate) fn cancel(topic: impl AsRef<[u8]>) -> Vec<u8> {
    command("CANCEL", topic.as_ref())
}

/// The form of ZMTP 3.0: a message of a byte 1 or 0 and the topic.
pub(crate) fn in_message(subscribe: bool, topic: impl AsRef<[u8]>) -> Vec<u8> {
    let mut body = vec![u8::from(subscribe)];
    body.extend_from_slice(topic.as_ref());
    frame(0, &body)
}

/// A frame in its canonical form.
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = match u8::try_from(body.len()) {
        Ok(len) => vec![flags, len],
        Err(_) => {
            let mut header = vec![flags | 2];
            header.extend_from_slice(&(body.len() as u64).to_be_bytes());
            header
        }
    };
    frame.extend_from_slice(body);
    frame
}
