//! The writing side of a connection, behind a lock of its own, so that whoever sends may write.
//!
//! ```text
//!   sender                       lane            write half (one lock)        I/O thread
//!
//!   appends a small message ──► idle: told ───────────────────────────────► woken: swaps, writes
//!   appends a bulky one ──────► told ──► free?
//!                                         what is in hand, and all there is:
//!                                         swaps and writes by itself
//!                                        blocked ─────────────────────────► goes on when the stream
//!                                                                            takes more again
//!                                        anything else ───────────────────► woken
//! ```
//!
//! A small message costs less where the I/O thread writes many of them at once. A bulky one is copied
//! to the kernel from a cache in which it still is if the thread that has made it does that, which
//! finds its memory free at once for the next; and nobody is woken for it.
//!
//! **The sender never waits.** Who holds the lock is at work, and looks again before it lets go, or the
//! I/O thread is told to. But it lets others run once if there was nothing that it could do: where both
//! threads share a core, a sender that goes on heaping up messages, in memory that is new for each,
//! keeps the very thread from running that would write them, and is never again the one who writes.
//! The I/O thread waits for the lock for as long as a write takes that does not block.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::transmit::{Sent, Sink, Transmit};
use crate::command::Token;
use crate::home::Home;
use crate::pipe::{Lane, Load};
use crate::signal::{News, Owed, Post, Target, Wakes};
use crate::sync::{self, Mutex};
use crate::transport::Stream;
use crate::zmtp::{Connection, Version, Wire};

/// What of a connection is written by; the taker of its pipe, as far as the pipe knows.
pub(super) struct WriteHalf<S: Sink = Stream> {
    /// The session, on its I/O thread.
    session: Target,
    /// In a child that was forked off the stream is not its own.
    home: Home,
    inner: Mutex<Inner<S>>,
}

struct Inner<S> {
    transmit: Transmit,
    /// The stream takes no more until it says so, to the I/O thread.
    blocked: bool,
    /// The connection has something to say for itself as soon as a frame is at its end.
    owes: bool,
    /// What a sender may write from and to.
    opened: Option<(Arc<Lane<Wire>>, Arc<S>)>,
    /// A sender's write failed, which is the I/O thread's to see to.
    failed: Option<io::Error>,
    /// When a sender has written last, since that was looked at.
    said: Option<Instant>,
}

/// What came of a sender's offer to write.
#[derive(Debug)]
enum Offered {
    /// Nothing: the I/O thread has to be first.
    Declined,
    /// Nothing: somebody is at it.
    Busy,
    /// Nothing is left to do.
    Done,
    /// Nothing is left to do before the stream takes more.
    Blocked,
    /// The I/O thread has to go on.
    Unfinished,
}

impl<S: Sink> WriteHalf<S> {
    pub(super) fn new(session: Target, transmit: Transmit) -> Self {
        Self {
            session,
            home: Home::here(),
            inner: Mutex::new(Inner {
                transmit,
                blocked: false,
                owes: false,
                opened: None,
                failed: None,
                said: None,
            }),
        }
    }

    /// Writes what there is, as [`Transmit::pump`] says. `writable`: the stream has said that it takes
    /// more.
    ///
    /// Once it has been at it after the handshake, senders may write, too.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn pump(
        &self,
        stream: &Arc<S>,
        connection: &mut Connection,
        lane: Option<&Arc<Lane<Wire>>>,
        writable: bool,
        patient: bool,
        wakes: &mut Wakes,
    ) -> io::Result<Sent> {
        let mut inner = self.inner.lock();
        if let Some(error) = inner.failed.take() {
            return Err(error);
        }
        inner.blocked &= !writable;
        // Lest senders that find room go on for ever before it is said.
        inner.owes = !connection.output().is_empty();
        if inner.blocked {
            return Ok(Sent::Blocked);
        }
        let result = inner.transmit.pump(
            &**stream,
            connection,
            lane.map(|lane| &**lane),
            patient,
            wakes,
        );
        inner.owes = !connection.output().is_empty();
        match &result {
            Ok(Sent::Blocked) => inner.blocked = true,
            Ok(_) => {}
            Err(_) => inner.opened = None,
        }
        // What is sealed goes through the connection, which is the I/O thread's.
        if result.is_ok() && inner.opened.is_none() && connection.is_ready() && !connection.seals()
        {
            inner.opened = lane.map(|lane| (lane.clone(), stream.clone()));
        }
        inner.drop_spent(wakes);
        result
    }

    /// A sender writes what there is.
    ///
    /// It tries even if the stream took nothing when that was tried last: asking costs little beside
    /// what a bulky message does, and the I/O thread may have been told and not had its turn yet.
    fn offer(&self) -> Offered {
        if self.home.is_elsewhere() {
            return Offered::Declined;
        }
        let Some(mut guard) = self.inner.try_lock() else {
            return Offered::Busy;
        };
        let inner = &mut *guard;
        let Some((lane, stream)) = &inner.opened else {
            return Offered::Declined;
        };
        if inner.owes || !inner.transmit.may_go_ahead() {
            return Offered::Declined;
        }
        let mut wakes = Wakes::new();
        let sent = inner.transmit.pump_messages(&**stream, lane, &mut wakes);
        inner.blocked = matches!(sent, Ok(Sent::Blocked));
        let offered = match sent {
            Ok(Sent::Idle | Sent::Relieved) => Offered::Done,
            Ok(Sent::Blocked) => Offered::Blocked,
            Ok(Sent::Budget | Sent::Ended) => Offered::Unfinished,
            Err(error) => {
                inner.failed = Some(error);
                inner.opened = None;
                Offered::Unfinished
            }
        };
        if inner.transmit.take_said() {
            inner.said = Some(Instant::now());
        }
        let spent = inner.transmit.take_spent();
        drop(guard);
        drop(spent);
        wakes.fire();
        offered
    }

    /// Lets no sender write any more; what the session had in hand, for the next connection or nobody.
    pub(super) fn close(&self) -> Transmit {
        let mut inner = self.inner.lock();
        inner.opened = None;
        inner.transmit.forget_written();
        std::mem::take(&mut inner.transmit)
    }

    /// The session, without those who write by themselves.
    pub(super) fn session(&self) -> &Target {
        &self.session
    }

    // ---- what the session asks and says in between

    /// A peer of this version of ZMTP is there, to which at most so much is written at once.
    pub(super) fn begin(&self, version: Version, max: Option<usize>) {
        self.inner.lock().transmit.begin(version, max);
    }

    /// As [`Transmit::discard`].
    pub(super) fn discard(&self, lane: &Lane<Wire>, wakes: &mut Wakes) -> Load {
        self.inner.lock().transmit.discard(lane, wakes)
    }

    /// As [`Transmit::ping`].
    pub(super) fn ping(&self, connection: &mut Connection, ttl: Duration) {
        self.inner.lock().transmit.ping(connection, ttl);
    }

    /// As [`Transmit::ttl_runs`].
    pub(super) fn ttl_runs(&self) -> bool {
        self.inner.lock().transmit.ttl_runs()
    }

    /// When anything went out last, if that was since this was asked last.
    pub(super) fn take_said(&self, now: Instant) -> Option<Instant> {
        let mut inner = self.inner.lock();
        let by_sender = inner.said.take();
        if inner.transmit.take_said() {
            return Some(now);
        }
        by_sender
    }

    /// As [`Transmit::has_written`].
    pub(super) fn has_written(&self) -> bool {
        self.inner.lock().transmit.has_written()
    }

    /// As [`Transmit::is_done`].
    pub(super) fn is_done(&self, lane: Option<&Lane<Wire>>) -> bool {
        self.inner.lock().transmit.is_done(lane)
    }
}

impl<S> Inner<S> {
    fn drop_spent(&mut self, wakes: &mut Wakes) {
        let spent = self.transmit.take_spent();
        if !spent.is_empty() {
            wakes.drop_later(spent);
        }
    }
}

impl<S: Sink + Send + Sync> Post for WriteHalf<S> {
    fn post(&self, token: Token, news: News) {
        let session = &self.session.owner;
        match news {
            News::Bulk { owed } => {
                let offered = self.offer();
                let is_owed = match offered {
                    Offered::Done | Offered::Blocked => false,
                    Offered::Unfinished => true,
                    Offered::Declined | Offered::Busy => owed,
                };
                if is_owed {
                    session.post(token, News::Readable);
                }
                if matches!(offered, Offered::Busy | Offered::Blocked) {
                    sync::yield_now();
                }
            }
            news => session.post(token, news),
        }
    }

    fn put(&self, token: Token, news: News) -> Option<Owed> {
        match news {
            News::Bulk { .. } => None,
            news => self.session.owner.put(token, news),
        }
    }

    fn settle(&self, owed: Owed) {
        self.session.owner.settle(owed);
    }
}

impl<S: Sink> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod loom {
    //! A sender that writes by itself beside an I/O thread: everything is written, in order, once.

    use std::io::IoSlice;

    use ::loom::thread;
    use bytes::Bytes;

    use super::*;
    use crate::message::Message;
    use crate::pipe::{Limits, Outlet, Writer};
    use crate::signal::Parker;
    use crate::socket_type::SocketType;
    use crate::zmtp::{Config, Event};

    /// The session's I/O thread.
    struct Sleeper(Arc<Parker>);

    impl Post for Sleeper {
        fn post(&self, _: u64, _: News) {
            self.0.unpark();
        }
    }

    /// A stream with little room, whose other end reads when there is none.
    struct Narrow {
        state: Mutex<State>,
        io_thread: Arc<Parker>,
    }

    #[derive(Default)]
    struct State {
        room: usize,
        /// Somebody was told that there is no room, and is to be told when there is some.
        starved: bool,
        written: usize,
        /// The first byte of each piece that was written.
        pieces: Vec<u8>,
    }

    impl Narrow {
        /// The other end reads; whether that is news.
        fn is_writable_again(&self) -> bool {
            let mut state = self.state.lock();
            let was_starved = std::mem::take(&mut state.starved);
            if was_starved {
                state.room = 1 << 20;
            }
            was_starved
        }
    }

    impl Sink for Narrow {
        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let mut state = self.state.lock();
            if state.room == 0 {
                state.starved = true;
                self.io_thread.unpark();
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let mut n = 0;
            for slice in slices {
                let some = slice.len().min(state.room);
                state.pieces.extend(slice.first().filter(|_| some > 0));
                state.room -= some;
                n += some;
            }
            state.written += n;
            Ok(n)
        }
    }

    /// A connection behind its handshake.
    fn connected() -> Connection {
        let mut ours = Connection::new(Config::new(SocketType::Push));
        let mut peer = Connection::new(Config::new(SocketType::Pull));
        for _ in 0..2 {
            for is_ours in [true, false] {
                let (from, to) = if is_ours {
                    (&mut ours, &mut peer)
                } else {
                    (&mut peer, &mut ours)
                };
                let bytes = from.output().to_vec();
                from.consume_output(bytes.len());
                to.read_buf().extend_from_slice(&bytes);
                to.handle_input().unwrap();
            }
        }
        assert!(matches!(ours.poll_event(), Some(Event::Ready(_))));
        assert!(ours.is_ready());
        ours
    }

    static BODIES: [[u8; 16 << 10]; 2] = [[b'a'; 16 << 10], [b'b'; 16 << 10]];

    struct Bench {
        half: Arc<WriteHalf<Narrow>>,
        lane: Arc<Lane<Wire>>,
        stream: Arc<Narrow>,
        io_thread: Arc<Parker>,
        connection: Connection,
    }

    /// A lane to a stream with so much room, of which the I/O thread has come to the end once.
    fn bench(room: usize) -> Bench {
        let io_thread = Parker::current();
        let session = Target {
            owner: Arc::new(Sleeper(io_thread.clone())),
            token: 0,
        };
        let half = Arc::new(WriteHalf::new(session, Transmit::default()));
        let lane = Arc::new(Lane::new(Limits::NONE, None));
        let state = State {
            room,
            ..State::default()
        };
        let stream = Arc::new(Narrow {
            state: Mutex::new(state),
            io_thread: io_thread.clone(),
        });
        let mut connection = connected();
        let mut wakes = Wakes::new();
        let taker = Target {
            owner: half.clone(),
            token: 0,
        };
        lane.set_taker(taker, &mut wakes);
        let idle = half.pump(
            &stream,
            &mut connection,
            Some(&lane),
            false,
            false,
            &mut wakes,
        );
        assert_eq!(idle.unwrap(), Sent::Idle);
        wakes.fire();
        Bench {
            half,
            lane,
            stream,
            io_thread,
            connection,
        }
    }

    /// Sends all, and says that this was all.
    fn sender(lane: Arc<Lane<Wire>>) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let writer = Writer::new(0, Outlet::Wire(lane));
            for body in &BODIES {
                let mut message = Some(Message::from(Bytes::from_static(body)));
                let mut wakes = Wakes::new();
                writer.write(&mut message, &mut wakes).unwrap();
                wakes.fire();
            }
            let mut wakes = Wakes::new();
            writer.end(&mut wakes);
            wakes.fire();
        })
    }

    #[test]
    fn loom_a_sender_writes_beside_the_io_thread() {
        for room in [20 << 10, 1 << 20] {
            ::loom::model(move || {
                let mut it = bench(room);
                let sender = sender(it.lane.clone());
                loop {
                    let writable = it.stream.is_writable_again();
                    let mut wakes = Wakes::new();
                    let sent = it.half.pump(
                        &it.stream,
                        &mut it.connection,
                        Some(&it.lane),
                        writable,
                        false,
                        &mut wakes,
                    );
                    wakes.fire();
                    if sent.unwrap() == Sent::Ended {
                        break;
                    }
                    it.io_thread.park(None);
                }
                sender.join().unwrap();
                let state = it.stream.state.lock();
                assert_eq!(state.written, 2 * (9 + (16 << 10)));
                let mut bodies = state.pieces.clone();
                bodies.retain(|first| first.is_ascii_lowercase());
                bodies.dedup();
                assert_eq!(bodies, b"ab");
                assert!(it.lane.queued().is_none());
            });
        }
    }

    /// What the connection has to say while the stream takes nothing is said before senders go on.
    #[test]
    fn loom_a_sender_waits_for_what_the_connection_owes() {
        ::loom::model(|| {
            let mut it = bench(20 << 10);
            sender(it.lane.clone()).join().unwrap();
            assert!(it.stream.is_writable_again());
            it.connection.send_ping(Duration::ZERO);
            let mut wakes = Wakes::new();
            let mut pump = |writable| {
                let (lane, connection) = (Some(&it.lane), &mut it.connection);
                it.half
                    .pump(&it.stream, connection, lane, writable, false, &mut wakes)
            };
            assert_eq!(pump(false).unwrap(), Sent::Blocked);
            assert!(matches!(it.half.offer(), Offered::Declined));
            assert_eq!(pump(true).unwrap(), Sent::Ended);
            wakes.fire();
            assert!(it.connection.output().is_empty());
        });
    }

    /// The connection goes while a sender is at it: what it did not get whole is in hand for the next.
    #[test]
    fn loom_a_connection_goes_while_a_sender_writes() {
        ::loom::model(|| {
            let it = bench(20 << 10);
            let sender = sender(it.lane.clone());
            let mut transmit = it.half.close();
            sender.join().unwrap();
            transmit.rewind();
            let mut wakes = Wakes::new();
            transmit.return_credit(Some(&it.lane), &mut wakes);
            let lost = transmit.abandon(&it.lane, &mut wakes);
            wakes.fire();
            let whole = it.stream.state.lock().written / (9 + (16 << 10));
            assert_eq!(lost.messages + whole, 2);
        });
    }
}
