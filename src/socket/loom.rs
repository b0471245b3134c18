//! Models of two inproc sockets, each with a half that the other delivers to.

use std::sync::Arc;

use loom::thread;

use super::core::Core;
use super::pattern::Pattern;
use crate::context::Context;
use crate::error::RecvError;
use crate::message::Message;
use crate::options::Options;
use crate::waiting::Patience;

/// Two PAIR sockets that are joined.
fn pair(hwm: usize) -> (Arc<Core>, Arc<Core>) {
    let context = Context::builder().io_threads(0).build().unwrap();
    let socket = || {
        let options = Options {
            send_hwm: hwm,
            recv_hwm: 0,
            ..Options::default()
        };
        Core::new(
            Pattern(crate::socket_type::SocketType::Pair),
            options,
            context.clone(),
        )
    };
    let (a, b) = (socket(), socket());
    a.bind("inproc://model".parse().unwrap()).unwrap();
    b.connect("inproc://model".parse().unwrap()).unwrap();
    (a, b)
}

fn send(core: &Core, text: &'static str) {
    core.send(Message::from(text), || Patience::Forever)
        .unwrap();
}

fn recv(core: &Core) -> Result<Message, RecvError> {
    core.recv(|| Patience::Forever)
}

/// Each delivers to the other at the same time: no deadlock, nothing slept over.
#[test]
fn loom_two_sockets_deliver_to_each_other() {
    loom::model(|| {
        let (a, b) = pair(0);
        let other = thread::spawn({
            let b = b.clone();
            move || {
                send(&b, "from b");
                send(&b, "and more");
                assert_eq!(recv(&b).unwrap(), "from a");
            }
        });
        send(&a, "from a");
        assert_eq!(recv(&a).unwrap(), "from b");
        assert_eq!(recv(&a).unwrap(), "and more");
        other.join().unwrap();
        let _ = (a.close(None), b.close(None));
    });
}

/// One closes behind its message while the other is about to receive it: it still arrives.
#[test]
fn loom_a_closing_sender_is_still_heard() {
    loom::model(|| {
        let (a, b) = pair(0);
        let other = thread::spawn({
            let b = b.clone();
            move || assert_eq!(recv(&b).unwrap(), "last words")
        });
        send(&a, "last words");
        let _ = a.close(None);
        other.join().unwrap();
        let _ = b.close(None);
    });
}

/// A receiver that is closed from another thread does not sleep on.
#[test]
fn loom_a_blocked_receiver_sees_the_end() {
    loom::model(|| {
        let (a, b) = pair(0);
        let other = thread::spawn({
            let b = b.clone();
            move || assert_eq!(recv(&b).unwrap_err(), RecvError::Closed)
        });
        let _ = b.close(None);
        other.join().unwrap();
        let _ = a.close(None);
    });
}
