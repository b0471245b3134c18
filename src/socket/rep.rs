//! REP: answers requests.

use std::fmt;
use std::ops::Deref;
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core::Core;
use super::futures::Waiting;
use super::halves::Asker;
use super::receiving::Iter;
use crate::error::{RecvError, TryRecvError, TrySendError};
use crate::message::Message;
use crate::peer_info::PeerInfo;
use crate::socket_type::SocketType;
use crate::waiting::{Patience, Ticket};

socket! {
    /// Receives requests, each of which can be answered: [`Request`].
    ///
    /// Several requests may be under way, held by several threads and answered in any order. Talks
    /// to [`Req`](crate::Req) and [`Dealer`](crate::Dealer). (RFC 28/REQREP.)
    ///
    /// ```
    /// use std::thread;
    /// use zocket::{Rep, Req};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let rep = Rep::new();
    /// rep.bind("inproc://rep-example")?;
    /// let asker = thread::spawn(|| {
    ///     let req = Req::new();
    ///     req.connect("inproc://rep-example")?;
    ///     req.request("2 + 2")
    ///         .map_err(zocket::Error::from)
    /// });
    ///
    /// let request = rep.recv()?;
    /// assert_eq!(*request, "2 + 2");
    /// request.reply("4")?;
    /// assert_eq!(asker.join().unwrap()?, "4");
    /// # Ok(())
    /// # }
    /// ```
    Rep, SocketType::Rep, sends: no, receives: no
}

flushing!(Rep);

/// A request that a [`Rep`] has received; reads as its [`Message`].
///
/// May be moved to another thread, and may outlive its socket (it cannot be answered then). Dropping
/// it unanswered is allowed, and logged: who asked may wait for ever.
#[must_use = "who asked waits for the reply"]
pub struct Request {
    core: Weak<Core>,
    /// Until the reply is sent, or given up on.
    asker: Option<Asker>,
    peer: PeerInfo,
    message: Message,
}

impl Request {
    fn new(core: &Weak<Core>, (asker, message): (Asker, Message)) -> Self {
        Self {
            core: core.clone(),
            peer: asker.peer.clone(),
            asker: Some(asker),
            message,
        }
    }

    /// Sends the reply to who asked. Never waits.
    ///
    /// If that is gone meanwhile, or has no room, the reply is dropped and counted
    /// ([`Rep::stats`]), as RFC 28 has it: a client that leaves is no error of the server's.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] hands the reply back: the socket is closed, or its context shut down.
    pub fn reply(mut self, message: impl Into<Message>) -> Result<(), TrySendError> {
        let message = message.into();
        let (Some(core), Some(asker)) = (self.core.upgrade(), self.asker.take()) else {
            self.asker = None;
            return Err(TrySendError::Closed(message));
        };
        core.reply(asker.pipe, &asker.envelope, message)
            .map_err(|(message, reason)| TrySendError::new(message, reason))
    }

    /// Who asked.
    pub fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    /// The message, for whoever does not mean to reply.
    pub fn into_message(mut self) -> Message {
        self.asker = None;
        std::mem::take(&mut self.message)
    }
}

impl Deref for Request {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("message", &self.message)
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.asker.is_some() && self.core.strong_count() > 0 {
            log::warn!("a request of {:?} was dropped without a reply", self.peer);
        }
    }
}

fn poll_recv(
    core: &Core,
    cx: &Context<'_>,
    ticket: &mut Option<Ticket>,
) -> Poll<Result<Request, RecvError>> {
    core.poll_recv_request(cx, ticket)
        .map_ok(|received| Request::new(&core.me, received))
}

streaming!(Rep, Request, poll_recv);

impl Rep {
    /// Takes the next request, waiting for one if there is none.
    ///
    /// Waits for ever, or as long as the socket's [`recv_timeout`](crate::Builder::recv_timeout)
    /// says; on an I/O thread not at all. Peers that have asked something take turns. What is no
    /// request (it has no envelope) is discarded and counted.
    ///
    /// # Errors
    ///
    /// [`RecvError`]: the time allowed ran out, or the socket is closed, or its context shut down.
    pub fn recv(&self) -> Result<Request, RecvError> {
        self.core
            .recv_request(|| self.core.recv_patience())
            .map(|received| Request::new(&self.core.me, received))
    }

    /// As [`recv`](Self::recv), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Request, RecvError> {
        self.core
            .recv_request(|| self.core.patience(Some(timeout)))
            .map(|received| Request::new(&self.core.me, received))
    }

    /// As [`recv`](Self::recv), but never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`]: there is nothing now, or the socket is closed.
    pub fn try_recv(&self) -> Result<Request, TryRecvError> {
        self.core
            .recv_request(|| Patience::None)
            .map(|received| Request::new(&self.core.me, received))
            .map_err(TryRecvError::from)
    }

    /// As [`recv`](Self::recv), for tasks; the socket's `recv_timeout` does not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// # Errors
    ///
    /// [`RecvError`]: the socket is closed, or its context shut down.
    pub fn recv_async(&self) -> impl Future<Output = Result<Request, RecvError>> + Send + '_ {
        Waiting::to_receive(&self.core, poll_recv)
    }

    /// Every request from now on, each as [`recv`](Self::recv) gives it, until that fails.
    pub fn iter(&self) -> Iter<'_, Request> {
        Iter::new(&self.core, |core| {
            let received = core.recv_request(|| core.recv_patience()).ok()?;
            Some(Request::new(&core.me, received))
        })
    }
}

impl<'a> IntoIterator for &'a Rep {
    type Item = Request;
    type IntoIter = Iter<'a, Request>;

    fn into_iter(self) -> Iter<'a, Request> {
        self.iter()
    }
}
