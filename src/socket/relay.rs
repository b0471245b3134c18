//! What a proxy needs to know of a socket before it takes a message off another: whether there is
//! room for one, and whether the socket is still there.

use std::task::{Context, Poll};

use super::core::Core;
use super::halves::{Outbound, Writers};
use crate::error::SendFailure;
use crate::signal::Wakes;
use crate::socket_type::SocketType;
use crate::waiting::Ticket;

impl Core {
    /// Ready once a raw message could be sent without waiting, as far as that can be told before it
    /// is known which: where room is a matter of whom it is for (*mandatory*, *nodrop*) it cannot.
    ///
    /// Where the pattern does not allow sending now it is pending, and nobody is woken when that
    /// changes: it changes by what the caller does next.
    pub(crate) fn poll_room(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(), SendFailure>> {
        let may_send = match self.type_of() {
            SocketType::Rep => self.owes_reply(),
            // To wait for room would be to be woken for it again and again.
            SocketType::Req => !self.outbound.peek(|out| out.awaits_reply),
            _ => true,
        };
        if !may_send {
            return match self.check_open() {
                Ok(()) => Poll::Pending,
                Err(ended) => Poll::Ready(Err(ended.into())),
            };
        }
        self.outbound
            .poll(cx, ticket, |half, wakes| half.look_for_room(wakes))
    }

    /// Ready once the socket is closed or its context shut down.
    pub(crate) fn poll_end(&self, cx: &Context<'_>, ticket: &mut Option<Ticket>) -> Poll<()> {
        self.control.poll(cx, ticket, |control, _| {
            control.check_open().is_err().then_some(())
        })
    }
}

impl Outbound {
    /// What [`send`](Self::send) would say to a message; `None` if that had to wait for room.
    pub(super) fn look_for_room(&mut self, wakes: &mut Wakes) -> Option<Result<(), SendFailure>> {
        if let Err(ended) = self.check_open() {
            return Some(Err(ended));
        }
        match &mut self.writers {
            Writers::Balance(writers) => writers.look_for_room(wakes).then_some(Ok(())),
            // Whether there is room is a matter of whom it is for, and most never wait for it.
            Writers::Table(_) | Writers::Distributor(_) | Writers::Upstream(_) => Some(Ok(())),
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use crate::error::SendFailure;
    use crate::{Context as Home, Socket, SocketType};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn joined(a: SocketType, b: SocketType) -> (Socket, Socket) {
        let home = Home::builder().io_threads(0).build().unwrap();
        let [a, b] = [a, b].map(|socket_type| {
            let socket = Socket::builder(socket_type).context(&home).build().unwrap();
            let _ = socket.bind("inproc://here").is_ok() || socket.connect("inproc://here").is_ok();
            socket
        });
        (a, b)
    }

    #[test]
    fn who_waits_for_room_is_woken_when_there_is_some_and_not_before() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let cx = Context::from_waker(&waker);
        let woken = || count.0.swap(0, Ordering::SeqCst);
        let (push, pull) = joined(SocketType::Push, SocketType::Pull);
        let mut ticket = None;
        assert!(push.core().poll_room(&cx, &mut ticket).is_ready());
        while push.try_send("").is_ok() {}
        assert!(push.core().poll_room(&cx, &mut ticket).is_pending());
        assert_eq!((ticket.is_some(), woken()), (true, 0));
        while pull.try_recv().is_ok() {}
        assert_eq!(woken(), 1);
        assert_eq!(push.core().poll_room(&cx, &mut ticket), Poll::Ready(Ok(())));
        assert!(ticket.is_none());

        while push.try_send("").is_ok() {}
        assert!(push.core().poll_room(&cx, &mut ticket).is_pending());
        push.close().unwrap();
        assert_eq!(woken(), 1);
        let closed = Poll::Ready(Err(SendFailure::Closed));
        assert_eq!(push.core().poll_room(&cx, &mut ticket), closed);
    }

    #[test]
    fn whose_turn_it_is_not_is_not_woken_for_room() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let cx = Context::from_waker(&waker);
        let (req, rep) = joined(SocketType::Req, SocketType::Rep);
        let mut tickets = [None, None];
        let [at_req, at_rep] = &mut tickets;
        assert!(rep.core().poll_room(&cx, at_rep).is_pending());
        assert!(req.core().poll_room(&cx, at_req).is_ready());
        req.send("request").unwrap();
        assert!(req.core().poll_room(&cx, at_req).is_pending());
        assert_eq!(rep.try_recv().unwrap(), "request");
        assert!(rep.core().poll_room(&cx, at_rep).is_ready());
        rep.send("reply").unwrap();
        assert!(rep.core().poll_room(&cx, at_rep).is_pending());
        assert_eq!(req.try_recv().unwrap(), "reply");
        assert!(req.core().poll_room(&cx, at_req).is_ready());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }
}
