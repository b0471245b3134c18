//! Several messages under one lock: for those who move many, as a forwarder does.
//!
//! The forms are written once as macros, so that each type has them as its own documented methods.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use super::core::Core;
use super::halves::{Inbound, Outbound};
use crate::error::{RecvError, SendFailure};
use crate::message::Message;
use crate::routing_id::RoutingId;
use crate::signal::Wakes;
use crate::socket_type::SocketType;
use crate::waiting::{Patience, Ticket};

/// The most messages that are moved while the lock is held. The lock's share in each is next to
/// nothing by then, and so many take some ten microseconds, which nobody else who needs the half (an
/// I/O thread with news for it, say) has to notice.
const HOLD_MAX: usize = 256;

/// The most messages that one call takes, so that it ends however fast the senders are.
const CALL_MAX: usize = 65_536;

/// Takes one thing from an inbound half, as the form of receiving has it, and appends it.
trait Take<T>: Fn(&mut Inbound, &mut VecDeque<T>, &mut Wakes) -> Option<Result<(), RecvError>> {}

impl<T, F> Take<T> for F where
    F: Fn(&mut Inbound, &mut VecDeque<T>, &mut Wakes) -> Option<Result<(), RecvError>>
{
}

// ---- receiving

impl Core {
    /// Receives up to `max` messages, waiting for the first as long as `patience` says.
    pub(super) fn recv_many(
        &self,
        into: &mut VecDeque<Message>,
        max: usize,
        patience: impl FnOnce() -> Patience,
    ) -> Result<usize, RecvError> {
        self.recv_many_by(into, max, patience, take_plain)
    }

    pub(super) fn poll_recv_many(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        into: &mut VecDeque<Message>,
        max: usize,
    ) -> Poll<Result<usize, RecvError>> {
        self.poll_recv_many_by(cx, ticket, into, max, take_plain)
    }

    /// The same, each with the id of the peer that sent it.
    pub(super) fn recv_many_from(
        &self,
        into: &mut VecDeque<(RoutingId, Message)>,
        max: usize,
        patience: impl FnOnce() -> Patience,
    ) -> Result<usize, RecvError> {
        self.recv_many_by(into, max, patience, take_from)
    }

    pub(super) fn poll_recv_many_from(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        into: &mut VecDeque<(RoutingId, Message)>,
        max: usize,
    ) -> Poll<Result<usize, RecvError>> {
        self.poll_recv_many_by(cx, ticket, into, max, take_from)
    }

    /// The same in raw form. A REQ or REP takes one, since it is its turn to send then; what subscribers say to an XPUB
    /// is taken one by one.
    pub(super) fn recv_many_raw(
        &self,
        into: &mut VecDeque<Message>,
        max: usize,
        patience: impl FnOnce() -> Patience,
    ) -> Result<usize, RecvError> {
        match self.type_of() {
            SocketType::Router => self.recv_many_by(into, max, patience, take_raw_from),
            SocketType::Req
            | SocketType::Rep
            | SocketType::XPub
            | SocketType::Pub
            | SocketType::Push => {
                if max == 0 {
                    return Ok(0);
                }
                into.push_back(self.recv_raw(patience)?);
                Ok(1 + self.recv_rest_raw(into, max.min(CALL_MAX) - 1))
            }
            _ => self.recv_many(into, max, patience),
        }
    }

    pub(super) fn poll_recv_many_raw(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        into: &mut VecDeque<Message>,
        max: usize,
    ) -> Poll<Result<usize, RecvError>> {
        match self.type_of() {
            SocketType::Router => self.poll_recv_many_by(cx, ticket, into, max, take_raw_from),
            SocketType::Req
            | SocketType::Rep
            | SocketType::XPub
            | SocketType::Pub
            | SocketType::Push => {
                if max == 0 {
                    return Poll::Ready(Ok(0));
                }
                self.poll_recv_raw(cx, ticket).map_ok(|message| {
                    into.push_back(message);
                    1 + self.recv_rest_raw(into, max.min(CALL_MAX) - 1)
                })
            }
            _ => self.poll_recv_many(cx, ticket, into, max),
        }
    }

    fn recv_rest_raw(&self, into: &mut VecDeque<Message>, max: usize) -> usize {
        let more = std::iter::from_fn(|| self.recv_raw(|| Patience::None).ok());
        let before = into.len();
        into.extend(more.take(max));
        into.len() - before
    }

    fn recv_many_by<T>(
        &self,
        into: &mut VecDeque<T>,
        max: usize,
        patience: impl FnOnce() -> Patience,
        take: impl Take<T>,
    ) -> Result<usize, RecvError> {
        let max = max.min(CALL_MAX);
        if max == 0 {
            return Ok(0);
        }
        make_room(into, max);
        let first = self.inbound.wait(patience, |half, wakes| {
            take_some(half, into, max, &take, wakes)
        });
        let got = first.unwrap_or(Err(RecvError::Timeout))?;
        Ok(self.recv_rest(into, max, got, &take))
    }

    fn poll_recv_many_by<T>(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        into: &mut VecDeque<T>,
        max: usize,
        take: impl Take<T>,
    ) -> Poll<Result<usize, RecvError>> {
        let max = max.min(CALL_MAX);
        if max == 0 {
            return Poll::Ready(Ok(0));
        }
        make_room(into, max);
        let polled = self.inbound.poll(cx, ticket, |half, wakes| {
            take_some(half, into, max, &take, wakes)
        });
        polled.map_ok(|got| self.recv_rest(into, max, got, &take))
    }

    /// Goes on without waiting for as long as the lock gives as many as are taken under it.
    fn recv_rest<T>(
        &self,
        into: &mut VecDeque<T>,
        max: usize,
        first: usize,
        take: &impl Take<T>,
    ) -> usize {
        let (mut got, mut last) = (first, first);
        while last == HOLD_MAX && got < max {
            make_room(into, max - got);
            let more = self
                .inbound
                .attempt(|half, wakes| take_some(half, into, max - got, take, wakes));
            // An end that came meanwhile is for the next call to tell.
            last = more.and_then(Result::ok).unwrap_or(0);
            got += last;
        }
        got
    }
}

/// Memory for what is taken next: not to be asked for under the lock, nor on anybody's word.
fn make_room<T>(into: &mut VecDeque<T>, max: usize) {
    into.reserve(max.min(HOLD_MAX));
}

/// Takes what is there, up to `max` and what may be taken under the lock.
fn take_some<T>(
    half: &mut Inbound,
    into: &mut VecDeque<T>,
    max: usize,
    take: &impl Take<T>,
    wakes: &mut Wakes,
) -> Option<Result<usize, RecvError>> {
    let filtered = half.discarded.filtered;
    let mut got = 0;
    // What is passed over for them counts as work, too.
    while got < max.min(HOLD_MAX) && half.discarded.filtered - filtered < HOLD_MAX as u64 {
        match take(half, into, wakes) {
            Some(Ok(())) => {}
            Some(Err(error)) if got == 0 => return Some(Err(error)),
            _ => break,
        }
        got += 1;
    }
    (got > 0).then_some(Ok(got))
}

/// Received into the place where it is wanted: a message is too large to be passed from hand to hand.
fn take_plain(
    half: &mut Inbound,
    into: &mut VecDeque<Message>,
    wakes: &mut Wakes,
) -> Option<Result<(), RecvError>> {
    let end = into.len();
    into.push_back(Message::new());
    let outcome = into
        .get_mut(end)
        .and_then(|message| half.recv(message, wakes));
    if !matches!(outcome, Some(Ok(()))) {
        into.pop_back();
    }
    outcome
}

fn take_from(
    half: &mut Inbound,
    into: &mut VecDeque<(RoutingId, Message)>,
    wakes: &mut Wakes,
) -> Option<Result<(), RecvError>> {
    let mut message = Message::new();
    let outcome = half.recv_from(&mut message, wakes)?;
    Some(outcome.map(|peer| into.push_back((super::core::id_of(&peer), message))))
}

fn take_raw_from(
    half: &mut Inbound,
    into: &mut VecDeque<Message>,
    wakes: &mut Wakes,
) -> Option<Result<(), RecvError>> {
    let mut message = Message::new();
    let outcome = half.recv_from(&mut message, wakes)?;
    Some(outcome.map(|peer| {
        message.push_front(super::core::id_of(&peer));
        into.push_back(message);
    }))
}

// ---- sending

impl Core {
    /// Queues messages from the front on, waiting for room for all of them as long as `patience`
    /// says; what is not queued stays.
    pub(super) fn send_many(
        &self,
        messages: &mut VecDeque<Message>,
        patience: impl Fn() -> Patience,
    ) -> Result<usize, SendFailure> {
        // For all of them together, from the first that has to wait on.
        let mut until = None;
        let mut total = 0;
        while !messages.is_empty() {
            let outcome = self.outbound.wait(
                || until.get_or_insert_with(&patience).clone(),
                |half, wakes| send_some(half, messages, wakes),
            );
            let sent = outcome.unwrap_or(Err(SendFailure::Timeout))?;
            messages.drain(..sent);
            total += sent;
        }
        Ok(total)
    }

    /// The same for a task; `total` counts from one call to the next.
    pub(super) fn poll_send_many(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        messages: &mut VecDeque<Message>,
        total: &mut usize,
    ) -> Poll<Result<usize, SendFailure>> {
        while !messages.is_empty() {
            let polled = self
                .outbound
                .poll(cx, ticket, |half, wakes| send_some(half, messages, wakes));
            let sent = std::task::ready!(polled)?;
            messages.drain(..sent);
            *total += sent;
        }
        Poll::Ready(Ok(*total))
    }

    /// The same in raw form: one by one where a message is not simply queued.
    pub(super) fn send_many_raw(
        &self,
        messages: &mut VecDeque<Message>,
        patience: impl Fn() -> Patience,
    ) -> Result<usize, SendFailure> {
        if self.is_plain_sender() {
            return self.send_many(messages, patience);
        }
        let mut until = None;
        let mut total = 0;
        while let Some(message) = messages.pop_front() {
            let sent = self.send_raw(message, || until.get_or_insert_with(&patience).clone());
            if let Err((message, failure)) = sent {
                messages.push_front(message);
                return Err(failure);
            }
            total += 1;
        }
        Ok(total)
    }

    pub(super) fn poll_send_many_raw(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        messages: &mut VecDeque<Message>,
        total: &mut usize,
    ) -> Poll<Result<usize, SendFailure>> {
        if self.is_plain_sender() {
            return self.poll_send_many(cx, ticket, messages, total);
        }
        while let Some(message) = messages.pop_front() {
            let mut message = Some(message);
            let polled = self.poll_send_raw(cx, ticket, &mut message);
            if !matches!(polled, Poll::Ready(Ok(())))
                && let Some(message) = message
            {
                messages.push_front(message);
            }
            std::task::ready!(polled)?;
            *total += 1;
        }
        Poll::Ready(Ok(*total))
    }

    fn is_plain_sender(&self) -> bool {
        matches!(
            self.type_of(),
            SocketType::Push
                | SocketType::Dealer
                | SocketType::Pair
                | SocketType::Pub
                | SocketType::XPub
        )
    }
}

/// Queues what has room, up to what may be queued under the lock; `None` if nothing has. What was
/// queued is still in its place, for the caller to drop: freeing it may run foreign code.
fn send_some(
    half: &mut Outbound,
    messages: &mut VecDeque<Message>,
    wakes: &mut Wakes,
) -> Option<Result<usize, SendFailure>> {
    let mut sent = 0;
    for place in messages.iter_mut().take(HOLD_MAX) {
        let mut message = Some(std::mem::take(place));
        let outcome = half.send(&mut message, wakes);
        *place = message.unwrap_or_default();
        match outcome {
            Some(Ok(())) => sent += 1,
            Some(Err(failure)) if sent == 0 => return Some(Err(failure)),
            _ => break,
        }
    }
    (sent > 0).then_some(Ok(sent))
}

/// How many were queued of messages that did not all find room at once.
pub(super) fn without_waiting(
    messages: &mut VecDeque<Message>,
    send: impl FnOnce(&mut VecDeque<Message>) -> Result<usize, SendFailure>,
) -> Result<usize, SendFailure> {
    let before = messages.len();
    match send(messages) {
        Err(SendFailure::Timeout) => Ok(before - messages.len()),
        outcome => outcome,
    }
}

// ---- as methods

/// The forms of receiving several messages, for a type that receives plain ones.
macro_rules! receiving_many {
    ($name:ident, $recv:ident, $poll:ident) => {
        impl $name {
            /// Appends up to `max` messages to a queue, and says how many: waits for one as
            /// [`recv`](Self::recv) does, and takes with it those that are there already.
            ///
            /// The socket's lock is taken once for up to 256 of them instead of for each. Otherwise
            /// it is the same: peers take turns message by message. One call takes 65,536 at most.
            /// With a `max` of 0 it takes nothing, and says so at once.
            ///
            /// ```
            /// # fn main() -> Result<(), zocket::Error> {
            /// use std::collections::VecDeque;
            /// use zocket::{Pull, Push};
            ///
            /// let (pull, push) = (Pull::new(), Push::new());
            #[doc = concat!("pull.bind(\"inproc://receiving-many-", stringify!($name), "\")?;")]
            #[doc = concat!("push.connect(\"inproc://receiving-many-", stringify!($name), "\")?;")]
            /// push.send("one")?;
            /// push.send("two")?;
            ///
            /// let mut queue = VecDeque::new();
            /// while queue.len() < 2 {
            ///     pull.recv_many(&mut queue, 100)?;
            /// }
            /// assert_eq!(queue[0], "one");
            /// assert_eq!(queue[1], "two");
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv); nothing was taken then.
            pub fn recv_many(
                &self,
                into: &mut std::collections::VecDeque<$crate::Message>,
                max: usize,
            ) -> Result<usize, $crate::RecvError> {
                self.core.$recv(into, max, || self.core.recv_patience())
            }

            /// As [`recv_many`](Self::recv_many), but waits for at most `timeout`.
            ///
            /// # Errors
            ///
            /// As [`recv_many`](Self::recv_many).
            pub fn recv_many_timeout(
                &self,
                into: &mut std::collections::VecDeque<$crate::Message>,
                max: usize,
                timeout: std::time::Duration,
            ) -> Result<usize, $crate::RecvError> {
                self.core
                    .$recv(into, max, || self.core.patience(Some(timeout)))
            }

            /// As [`recv_many`](Self::recv_many), but never waits.
            ///
            /// # Errors
            ///
            /// As [`try_recv`](Self::try_recv); nothing was taken then.
            pub fn try_recv_many(
                &self,
                into: &mut std::collections::VecDeque<$crate::Message>,
                max: usize,
            ) -> Result<usize, $crate::TryRecvError> {
                self.core
                    .$recv(into, max, || $crate::waiting::Patience::None)
                    .map_err($crate::TryRecvError::from)
            }

            /// As [`recv_many`](Self::recv_many), for tasks; the socket's `recv_timeout` does not
            /// apply.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing, and if it had been
            /// woken, the next one that waits is woken in its place.
            ///
            /// # Errors
            ///
            /// As [`recv_async`](Self::recv_async); nothing was taken then.
            pub fn recv_many_async<'a>(
                &'a self,
                into: &'a mut std::collections::VecDeque<$crate::Message>,
                max: usize,
            ) -> impl Future<Output = Result<usize, $crate::RecvError>> + Send + 'a {
                $crate::socket::futures::Waiting::to_receive(
                    &self.core,
                    move |core: &$crate::socket::Core,
                          cx: &std::task::Context<'_>,
                          ticket: &mut _| core.$poll(cx, ticket, into, max),
                )
            }
        }
    };
}

/// The forms of sending several messages, for a type that sends plain ones.
macro_rules! sending_many {
    ($name:ident, $send:ident, $poll:ident) => {
        impl $name {
            /// Sends the messages of a queue, first to last, each as [`send`](Self::send) does, and
            /// says how many those were. `Ok` means that all are queued, and the queue is empty.
            ///
            /// The socket's lock is taken once for up to 256 of them instead of for each. Otherwise
            /// it is the same: peers with room take turns message by message. Where it waits, the
            /// socket's [`send_timeout`](crate::Builder::send_timeout) is for all of them together.
            ///
            /// ```
            /// # fn main() -> Result<(), zocket::Error> {
            /// use std::collections::VecDeque;
            /// use zocket::{Message, Pull, Push};
            ///
            /// let (pull, push) = (Pull::new(), Push::new());
            #[doc = concat!("pull.bind(\"inproc://sending-many-", stringify!($name), "\")?;")]
            #[doc = concat!("push.connect(\"inproc://sending-many-", stringify!($name), "\")?;")]
            ///
            /// let mut queue = VecDeque::from([Message::from("one"), Message::from("two")]);
            /// assert_eq!(push.send_many(&mut queue), Ok(2));
            /// assert!(queue.is_empty());
            /// assert_eq!(pull.recv()?, "one");
            /// # assert_eq!(pull.recv()?, "two");
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// [`SendFailure`](crate::SendFailure) says why, as [`send`](Self::send) would. What was
            /// not sent stays in the queue, in its order.
            pub fn send_many(
                &self,
                messages: &mut std::collections::VecDeque<$crate::Message>,
            ) -> Result<usize, $crate::SendFailure> {
                self.core.$send(messages, || self.core.send_patience())
            }

            /// As [`send_many`](Self::send_many), but waits for at most `timeout`, for all of them
            /// together.
            ///
            /// # Errors
            ///
            /// As [`send_many`](Self::send_many).
            pub fn send_many_timeout(
                &self,
                messages: &mut std::collections::VecDeque<$crate::Message>,
                timeout: std::time::Duration,
            ) -> Result<usize, $crate::SendFailure> {
                let deadline = $crate::waiting::Patience::from_now(timeout);
                self.core
                    .$send(messages, || self.core.patience_until(deadline.clone()))
            }

            /// As [`send_many`](Self::send_many), but never waits: says how many there was room
            /// for, which may be none, and leaves the rest in the queue.
            ///
            /// # Errors
            ///
            /// As [`send_many`](Self::send_many), except that no room is no error.
            pub fn try_send_many(
                &self,
                messages: &mut std::collections::VecDeque<$crate::Message>,
            ) -> Result<usize, $crate::SendFailure> {
                $crate::socket::many::without_waiting(messages, |messages| {
                    self.core
                        .$send(messages, || $crate::waiting::Patience::None)
                })
            }

            /// As [`send_many`](Self::send_many), for tasks; the socket's `send_timeout` does not
            /// apply.
            ///
            /// # Cancel safety
            ///
            /// Complete: a future that is dropped has sent what is not in the queue any more, and
            /// the rest is still there, in its order. If it had been woken, the next one that waits
            /// is woken in its place.
            ///
            /// # Errors
            ///
            /// As [`send_many`](Self::send_many).
            pub fn send_many_async<'a>(
                &'a self,
                messages: &'a mut std::collections::VecDeque<$crate::Message>,
            ) -> impl Future<Output = Result<usize, $crate::SendFailure>> + Send + 'a {
                let mut total = 0;
                $crate::socket::futures::Waiting::new(
                    &self.core,
                    $crate::socket::Core::cancel_send,
                    move |core: &$crate::socket::Core,
                          cx: &std::task::Context<'_>,
                          ticket: &mut _| core.$poll(cx, ticket, messages, &mut total),
                )
            }
        }
    };
}
