//! Every way in which a zocket socket and a libzmq socket can meet: over each transport, either
//! of them binding, either of them in either part.

use std::time::Duration;

use crate::end::{End, Face, PATIENCE};
use crate::join::{Binder, Joins, join};
use crate::libzmq::{self, Event, Kind};
use crate::scratch::{Scratch, Transport};

/// How the two are linked.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Over what.
    pub transport: Transport,
    /// Who binds.
    pub binder: Binder,
}

impl Link {
    /// Joins the two at an endpoint of their own, and returns when each of them knows that the
    /// other is there.
    ///
    /// # Panics
    ///
    /// When they do not find each other.
    #[must_use = "the endpoint goes with it"]
    pub fn join(self, zocket: &(impl Joins + ?Sized), libzmq: &libzmq::Socket) -> Joint {
        let scratch = Scratch::new();
        let events = libzmq.monitor().expect("libzmq tells what happens");
        let endpoint = join(&scratch, self.transport, self.binder, zocket, libzmq);
        while events
            .next(PATIENCE)
            .expect("libzmq tells")
            .expect("they shake hands")
            != Event::Handshaken
        {}
        // A libzmq socket takes a new peer in, and tells it what it subscribes to, only while it
        // is used.
        libzmq.poll_readable(Duration::ZERO).expect("libzmq looks");
        Joint {
            endpoint,
            _scratch: scratch,
        }
    }
}

/// Where two were joined.
#[derive(Debug)]
pub struct Joint {
    /// The endpoint that one of them is bound to.
    pub endpoint: String,
    _scratch: Scratch,
}

/// The part that zocket has in a pairing of two; libzmq has the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zockets {
    /// The one named first.
    First,
    /// The one named second.
    Second,
}

/// How two meet, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Meeting {
    /// The link between them.
    pub link: Link,
    /// The part that is zocket's.
    pub zockets: Zockets,
    /// The face that zocket shows.
    pub face: Face,
}

impl Meeting {
    /// The two, not joined yet: one is libzmq's, one is zocket's.
    ///
    /// # Panics
    ///
    /// When there are no such sockets.
    pub fn ends(&self, first: Kind, second: Kind) -> [End; 2] {
        self.named_ends((first, None), (second, None))
    }

    /// As [`ends`](Self::ends), with ids.
    ///
    /// # Panics
    ///
    /// When there are no such sockets.
    pub fn named_ends(
        &self,
        first: (Kind, Option<&str>),
        second: (Kind, Option<&str>),
    ) -> [End; 2] {
        let zocket =
            |(kind, id): (_, Option<&str>)| End::zocket(kind, self.face, id.map(str::as_bytes));
        let libzmq = |(kind, id): (_, Option<&str>)| End::libzmq(kind, id.map(str::as_bytes));
        match self.zockets {
            Zockets::First => [zocket(first), libzmq(second)],
            Zockets::Second => [libzmq(first), zocket(second)],
        }
    }

    /// Joins the two, and returns when each of them knows that the other is there.
    ///
    /// # Panics
    ///
    /// When they do not find each other, or are of the same library.
    #[must_use = "the endpoint goes with it"]
    pub fn join(&self, first: &End, second: &End) -> Joint {
        match (first, second) {
            (End::Zocket(zocket), End::Libzmq(libzmq, _))
            | (End::Libzmq(libzmq, _), End::Zocket(zocket)) => self.link.join(zocket, libzmq),
            _ => panic!("{first:?} and {second:?} are of the same library"),
        }
    }

    /// The two, joined.
    ///
    /// # Panics
    ///
    /// When they do not find each other.
    pub fn joined(&self, first: Kind, second: Kind) -> (End, End, Joint) {
        let [first, second] = self.ends(first, second);
        let joint = self.join(&first, &second);
        (first, second, joint)
    }
}

/// Makes tests of functions that take a [`Link`]: one for each transport and each binder.
#[macro_export]
macro_rules! over_every_link {
    ($($promise:ident)*) => {$(
        mod $promise {
            use $crate::join::Binder;
            use $crate::meeting::Link;
            use $crate::scratch::Transport;

            #[test]
            fn over_tcp_zocket_binds() {
                super::$promise(Link { transport: Transport::Tcp, binder: Binder::Zocket });
            }

            #[test]
            fn over_tcp_libzmq_binds() {
                super::$promise(Link { transport: Transport::Tcp, binder: Binder::Libzmq });
            }

            #[test]
            fn over_ipc_zocket_binds() {
                super::$promise(Link { transport: Transport::Ipc, binder: Binder::Zocket });
            }

            #[test]
            fn over_ipc_libzmq_binds() {
                super::$promise(Link { transport: Transport::Ipc, binder: Binder::Libzmq });
            }
        }
    )*};
}

/// Makes tests of functions that take a `&`[`Meeting`]: one for each part that zocket can have,
/// each transport and each binder; zocket shows both its faces in each.
#[macro_export]
macro_rules! in_every_meeting {
    ($($promise:ident)*) => {$(
        mod $promise {
            fn zocket_has(zockets: $crate::meeting::Zockets, link: $crate::meeting::Link) {
                for face in $crate::end::Face::ALL {
                    let meeting = $crate::meeting::Meeting { link, zockets, face };
                    eprintln!("{meeting:?}");
                    super::$promise(&meeting);
                }
            }

            mod zocket_first {
                fn promise(link: $crate::meeting::Link) {
                    super::zocket_has($crate::meeting::Zockets::First, link);
                }

                $crate::over_every_link!(promise);
            }

            mod zocket_second {
                fn promise(link: $crate::meeting::Link) {
                    super::zocket_has($crate::meeting::Zockets::Second, link);
                }

                $crate::over_every_link!(promise);
            }
        }
    )*};
}
