//! `topics_count` says how many different topics are subscribed to.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use support::{ALL, Home, PATIENCE, until};
use zocket::{Pub, Push, Socket, SocketType, Sub, XPub, XSub};

#[test]
fn a_topic_counts_once_however_often_it_was_asked_for() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(Pub::builder()).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let one = home.of(Sub::builder()).build().unwrap();
        let other = home.of(XSub::builder()).build().unwrap();
        assert_eq!((publisher.topics_count(), one.topics_count()), (0, 0));
        for topic in ["a", "ab", "b", "a"] {
            one.subscribe(topic).unwrap();
        }
        for topic in ["", "a"] {
            other.subscribe(topic).unwrap();
        }
        assert_eq!((one.topics_count(), other.topics_count()), (3, 2));
        one.connect(&here).unwrap();
        until("three are known", || publisher.topics_count() == 3);
        other.connect(&here).unwrap();
        until("the empty one, too", || publisher.topics_count() == 4);

        one.unsubscribe("a").unwrap();
        one.unsubscribe("b").unwrap();
        assert_eq!(one.topics_count(), 2);
        until("one is taken back", || publisher.topics_count() == 3);
        one.unsubscribe("a").unwrap();
        one.unsubscribe("ab").unwrap();
        // The other has it still.
        until("another", || publisher.topics_count() == 2);
        drop(other);
        until("they are gone with their subscriber", || {
            publisher.topics_count() == 0
        });
    }
}

#[test]
fn at_a_manual_xpub_those_count_that_were_accepted() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(XPub::builder()).manual(true).build().unwrap();
        let sub = home.of(Sub::builder()).build().unwrap();
        sub.subscribe("wish").unwrap();
        sub.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let zocket::Upstream::Subscribe(wish) = publisher.recv_timeout(PATIENCE).unwrap() else {
            panic!("no subscription")
        };
        assert_eq!(publisher.topics_count(), 0);
        assert!(wish.accept(["gift", "present"]));
        assert_eq!(publisher.topics_count(), 2);
    }
}

#[test]
fn a_socket_in_raw_form_counts_what_its_type_does() {
    let home = Home::new();
    let sub = home.of(Sub::builder()).build().unwrap();
    sub.subscribe("a").unwrap();
    assert_eq!(Socket::from(sub).topics_count(), 1);
    let push = home.of(Push::builder()).build().unwrap();
    assert_eq!(Socket::from(push).topics_count(), 0);
    let built = home.of(Socket::builder(SocketType::XSub)).build().unwrap();
    built.send("\u{1}b").unwrap();
    assert_eq!(built.topics_count(), 1);
}
