//! Asking a [`Socket`] what can be done with it, and being told when that changes: for those who wait in
//! a way of their own, on whatever else there is (an event loop, a signal handler, a C program's `poll`).

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::Socket;
use super::core::Core;
use super::sealed::Watched;
use crate::command::unique_number;
use crate::signal::{Wakes, Watch, Watcher};
use crate::socket_type::SocketType;
use crate::waiting::Watchable;

/// Wakes somebody whenever it becomes possible to receive from a socket, or to send; made by
/// [`Socket::watch`].
///
/// It looks for rises only: who has asked ([`can_recv`](Self::can_recv), [`can_send`](Self::can_send))
/// and was told no is woken when that changes, once; who was told yes is not woken again for it
/// before he has asked again, and been told no. The end of the socket is a rise of both.
///
/// It does not keep the socket open. To drop it ends it.
pub struct Watching {
    core: Arc<Core>,
    id: u64,
}

/// Passes a rise on.
struct Caller(Waker);

impl Watcher for Caller {
    fn on_change(&self, _: u64) {
        self.0.wake_by_ref();
    }

    fn on_gone(&self, _: u64) {
        self.0.wake_by_ref();
    }
}

impl Watching {
    /// As [`Socket::can_recv`]; after a no, a yes is told.
    pub fn can_recv(&self) -> bool {
        self.core.can_recv(self.id)
    }

    /// As [`Socket::can_send`]; after a no, a yes is told.
    pub fn can_send(&self) -> bool {
        self.core.can_send(self.id)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.core.readable().unwatch(self.id);
        self.core.writable().unwatch(self.id);
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watching({:?})", self.core)
    }
}

/// The name of nobody who watches.
const NOBODY: u64 = 0;

impl Socket {
    /// Whether [`try_recv`](Self::try_recv) would give something else than `Empty`: a message, or an
    /// error because the socket is closed. `false` where the pattern does not allow it now.
    pub fn can_recv(&self) -> bool {
        self.core().can_recv(NOBODY)
    }

    /// Whether [`try_send`](Self::try_send) would take a message, or give an error because the socket is
    /// closed. `false` where the pattern does not allow it now. Where room is a matter of whom it is for
    /// (at a ROUTER, and at a publisher with [`nodrop`](crate::Builder::nodrop)) it is `true`.
    pub fn can_send(&self) -> bool {
        self.core().can_send(NOBODY)
    }

    /// Has `waker` woken whenever one of [`can_recv`](Self::can_recv) and [`can_send`](Self::can_send)
    /// becomes true, as long as what is returned lives. Those that are true now are not told.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::task::{Wake, Waker};
    /// use zocket::{Pair, Socket, SocketType};
    ///
    /// #[derive(Default)]
    /// struct Flag(AtomicBool);
    ///
    /// impl Wake for Flag {
    ///     fn wake(self: Arc<Self>) {
    ///         self.0.store(true, Ordering::SeqCst);
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let here = Socket::new(SocketType::Pair);
    /// here.bind("inproc://watch-example")?;
    /// let there = Pair::new();
    /// there.connect("inproc://watch-example")?;
    ///
    /// let flag = Arc::new(Flag::default());
    /// let watching = here.watch(Waker::from(flag.clone()));
    /// assert!(!watching.can_recv());
    /// there.send("hello")?;
    /// assert!(flag.0.load(Ordering::SeqCst) && watching.can_recv());
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, waker: Waker) -> Watching {
        let core = Arc::clone(self.core_of().0);
        let watch = Watch {
            watcher: Arc::new(Caller(waker)),
            id: unique_number(),
        };
        let id = watch.id;
        let mut wakes = Wakes::new();
        core.readable().watch(watch.clone(), false, &mut wakes);
        core.writable().watch(watch, false, &mut wakes);
        wakes.fire();
        Watching { core, id }
    }
}

impl Core {
    fn can_recv(&self, id: u64) -> bool {
        self.has_ended() || self.type_of().receives() && level(self.readable(), id)
    }

    fn can_send(&self, id: u64) -> bool {
        let room = level(self.writable(), id);
        match self.type_of() {
            _ if self.has_ended() => true,
            SocketType::Rep => self.owes_reply(),
            SocketType::Sub => false,
            any => any.sends() && room,
        }
    }
}

/// The level, looked at until it is clear: each look goes on from where the last one ended.
fn level(half: &dyn Watchable, id: u64) -> bool {
    loop {
        let mut wakes = Wakes::new();
        let level = half.look(id, &mut wakes);
        wakes.fire();
        if let Some(level) = level {
            return level;
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::Context;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Count {
        fn take(&self) -> usize {
            self.0.swap(0, Ordering::SeqCst)
        }
    }

    fn joined(a: SocketType, b: SocketType) -> (Socket, Socket) {
        let home = Context::builder().io_threads(0).build().unwrap();
        let made = |it| Socket::builder(it).context(&home).build().unwrap();
        let (a, b) = (made(a), made(b));
        a.bind("inproc://here").unwrap();
        b.connect("inproc://here").unwrap();
        (a, b)
    }

    #[test]
    fn a_rise_is_told_once_and_again_only_to_who_was_told_no() {
        let (pull, push) = joined(SocketType::Pull, SocketType::Push);
        let count = Arc::new(Count::default());
        let watching = pull.watch(Waker::from(count.clone()));
        assert!(!watching.can_recv() && !pull.can_recv());
        push.send("one").unwrap();
        assert_eq!(count.take(), 1);
        push.send("two").unwrap();
        assert!(watching.can_recv() && pull.can_recv());
        assert_eq!(count.take(), 0);
        while pull.try_recv().is_ok() {}
        assert!(!watching.can_recv());
        push.send("three").unwrap();
        assert_eq!(count.take(), 1);
        drop(watching);
        while pull.try_recv().is_ok() {}
        push.send("four").unwrap();
        assert_eq!(count.take(), 0);
    }

    #[test]
    fn room_is_told_and_so_is_the_end() {
        let (pull, push) = joined(SocketType::Pull, SocketType::Push);
        let count = Arc::new(Count::default());
        let watching = push.watch(Waker::from(count.clone()));
        assert!(watching.can_send());
        while push.try_send("").is_ok() {}
        assert!(!watching.can_send() && !push.can_send());
        while pull.try_recv().is_ok() {}
        assert_eq!(count.take(), 1);
        assert!(watching.can_send() && !watching.can_recv());
        push.close().unwrap();
        assert!(count.take() > 0);
        assert!(watching.can_send() && watching.can_recv());
    }

    #[test]
    fn whose_turn_it_is_can_send_and_the_other_can_receive() {
        let (rep, req) = joined(SocketType::Rep, SocketType::Req);
        let can = |it: &Socket| (it.can_send(), it.can_recv());
        assert_eq!((can(&req), can(&rep)), ((true, false), (false, false)));
        req.send("request").unwrap();
        assert_eq!((can(&req), can(&rep)), ((false, false), (false, true)));
        let (who, request) = rep.try_recv_from_peer().unwrap();
        assert_eq!(who.unwrap().socket_type(), SocketType::Req);
        assert_eq!(request, "request");
        assert_eq!((can(&req), can(&rep)), ((false, false), (true, false)));
        rep.send("reply").unwrap();
        assert_eq!((can(&req), can(&rep)), ((false, true), (false, false)));
        let (who, reply) = req.try_recv_from_peer().unwrap();
        assert_eq!(who.unwrap().socket_type(), SocketType::Rep);
        assert_eq!(reply, "reply");
        assert_eq!((can(&req), can(&rep)), ((true, false), (false, false)));
    }

    #[test]
    fn a_router_in_raw_form_keeps_room_for_one_by_name() {
        let (router, dealer) = joined(SocketType::Router, SocketType::Dealer);
        dealer.send("hello").unwrap();
        let (_, message) = router.try_recv_from_peer().unwrap();
        let id = crate::RoutingId::new(message.first()).unwrap();
        drop(router.try_reserve_to(&id).unwrap());
        let nobody = crate::RoutingId::new(b"nobody").unwrap();
        for refused in [
            router.try_reserve_to(&nobody).err(),
            router.try_reserve().err(),
            dealer.try_reserve_to(&id).err(),
        ] {
            assert_eq!(refused, Some(crate::ReserveError::Unroutable));
        }
        dealer.try_reserve().unwrap().send("again").unwrap();
        assert_eq!(router.try_recv().unwrap().last(), &b"again"[..]);
    }
}
