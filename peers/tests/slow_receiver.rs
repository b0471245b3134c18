//! A receiver that is slower than its sender gets, of either library, what the options say: every
//! message or the newest.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::thread;

use peers::end::{PATIENCE, hear_from_libzmq, socket};
use peers::libzmq::{self, BytesOpt, Kind, Opt};
use peers::meeting::Link;
use peers::over_every_link;
use zocket::{Message, Pub, Pull, Push, Sub, XPub};

over_every_link! {
    our_pub_that_must_not_drop_loses_nothing
    their_xpub_that_must_not_drop_loses_nothing_to_our_sub
    our_xpub_waits_for_the_slowest
    our_conflating_pull_gets_the_newest
    their_conflating_pull_gets_the_newest
    our_conflating_push_sends_the_newest
    our_conflating_sub_gets_the_newest
}

/// Many more than any queue holds, and large enough to fill the kernel's buffers.
const MESSAGES: u32 = 3_000;
const BODY: usize = 4_000;
const HWM: usize = 10;
/// Long enough to believe that nothing comes.
const SOON: std::time::Duration = std::time::Duration::from_millis(300);

fn our_pub_that_must_not_drop_loses_nothing(link: Link) {
    let publisher = Pub::builder().nodrop(true).send_hwm(HWM).build().unwrap();
    let sub = subscriber_of_theirs();
    let _joint = link.join(&publisher, &sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..MESSAGES {
                publisher.send_timeout(numbered(n), PATIENCE).unwrap();
            }
        });
        for n in 0..MESSAGES {
            assert_eq!(number_from(&sub), n);
        }
    });
}

fn their_xpub_that_must_not_drop_loses_nothing_to_our_sub(link: Link) {
    let sub = Sub::builder().recv_hwm(HWM).build().unwrap();
    sub.subscribe("").unwrap();
    let xpub = socket(Kind::XPub);
    xpub.set(Opt::SendHwm, HWM as i32).unwrap();
    xpub.set(Opt::XPubNoDrop, 1).unwrap();
    let _joint = link.join(&sub, &xpub);
    assert_eq!(hear_from_libzmq(&xpub, PATIENCE).unwrap(), [[1]]);
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            for n in 0..MESSAGES {
                xpub.send(&[numbered(n)]).unwrap();
            }
            xpub
        });
        for n in 0..MESSAGES {
            assert_eq!(number_in(&sub.recv_timeout(PATIENCE).unwrap()), n);
        }
        // What it has not sent would have been lost with it.
        sending.join().unwrap();
    });
}

/// Two subscribers, one of which waits until the other has had everything that it can have.
fn our_xpub_waits_for_the_slowest(link: Link) {
    let xpub = XPub::builder().nodrop(true).send_hwm(HWM).build().unwrap();
    let subs = [subscriber_of_theirs(), subscriber_of_theirs()];
    let _joints = [link.join(&xpub, &subs[0]), link.join(&xpub, &subs[1])];
    xpub.wait_for_subscribers(2, PATIENCE).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..MESSAGES {
                xpub.send_timeout(numbered(n), PATIENCE).unwrap();
            }
        });
        let [quick, slow] = subs;
        let mut heard = 0;
        while heard < MESSAGES && quick.poll_readable(SOON).unwrap() {
            assert_eq!(number_from(&quick), heard);
            heard += 1;
        }
        assert!(heard < MESSAGES, "the slow one is waited for");
        scope.spawn(move || {
            for n in heard..MESSAGES {
                assert_eq!(number_from(&quick), n);
            }
        });
        for n in 0..MESSAGES {
            assert_eq!(number_from(&slow), n);
        }
    });
}

fn our_conflating_pull_gets_the_newest(link: Link) {
    let pull = Pull::builder().conflate(true).build().unwrap();
    let push = socket(Kind::Push);
    let _joint = link.join(&pull, &push);
    for n in 0..MESSAGES {
        push.send(&[numbered(n)]).unwrap();
    }
    newest(|| number_in(&pull.recv_timeout(PATIENCE).unwrap()));
}

fn their_conflating_pull_gets_the_newest(link: Link) {
    let push = Push::new();
    let pull = socket(Kind::Pull);
    pull.set(Opt::Conflate, 1).unwrap();
    let _joint = link.join(&push, &pull);
    for n in 0..MESSAGES {
        push.send_timeout(numbered(n), PATIENCE).unwrap();
    }
    newest(|| number_from(&pull));
}

fn our_conflating_push_sends_the_newest(link: Link) {
    let push = Push::builder().conflate(true).build().unwrap();
    let pull = socket(Kind::Pull);
    let _joint = link.join(&push, &pull);
    for n in 0..MESSAGES {
        push.send_timeout(numbered(n), PATIENCE).unwrap();
    }
    newest(|| number_from(&pull));
}

fn our_conflating_sub_gets_the_newest(link: Link) {
    let sub = Sub::builder().conflate(true).build().unwrap();
    sub.subscribe("").unwrap();
    let xpub = socket(Kind::XPub);
    xpub.set(Opt::SendHwm, 0).unwrap();
    let _joint = link.join(&sub, &xpub);
    assert_eq!(hear_from_libzmq(&xpub, PATIENCE).unwrap(), [[1]]);
    for n in 0..MESSAGES {
        xpub.send(&[numbered(n)]).unwrap();
    }
    newest(|| number_in(&sub.recv_timeout(PATIENCE).unwrap()));
}

/// Whatever is left out, the order is kept and the last is there.
fn newest(mut hear: impl FnMut() -> u32) {
    let mut last = None;
    while last != Some(MESSAGES - 1) {
        let next = Some(hear());
        assert!(next > last, "{next:?} after {last:?}");
        last = next;
    }
}

fn subscriber_of_theirs() -> libzmq::Socket {
    let sub = socket(Kind::Sub);
    sub.set(Opt::ReceiveHwm, HWM as i32).unwrap();
    sub.set_bytes(BytesOpt::Subscribe, b"").unwrap();
    sub
}

fn numbered(n: u32) -> Vec<u8> {
    let mut body = vec![n as u8; BODY];
    body[..4].copy_from_slice(&n.to_be_bytes());
    body
}

fn number_of(body: &[u8]) -> u32 {
    assert_eq!(body.len(), BODY);
    let (number, rest) = body.split_first_chunk().unwrap();
    let number = u32::from_be_bytes(*number);
    assert!(rest.iter().all(|&byte| byte == number as u8));
    number
}

fn number_in(message: &Message) -> u32 {
    assert_eq!(message.len(), 1);
    number_of(message.first())
}

fn number_from(socket: &libzmq::Socket) -> u32 {
    let parts = hear_from_libzmq(socket, PATIENCE).expect("libzmq receives something");
    assert_eq!(parts.len(), 1);
    number_of(&parts[0])
}
