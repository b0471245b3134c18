//! What is called on a socket in each world: the blocking form, or that for tasks.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use zocket::{
    Dealer, Event, Message, Pair, PeerInfo, Permit, Poller, Pub, Pull, Push, RecvError, Rep, Req,
    Request, RequestError, ReserveError, Router, RoutingId, SendError, SendFailure, Socket, Sub,
    Unsent, Upstream, XPub, XSub,
};

use super::World;
use crate::support::PATIENCE;

/// A socket of whatever type.
pub(crate) trait Closes: Send + Sync + 'static {
    fn close(&self) -> Result<(), Unsent>;
    fn close_async(&self) -> impl Future<Output = Result<(), Unsent>> + Send;
}

/// A socket that sends.
pub(crate) trait Sender: Send + Sync + 'static {
    fn send(&self, message: Message) -> Result<(), SendError>;
    fn send_timeout(&self, message: Message, time: Duration) -> Result<(), SendError>;
    fn send_async(&self, message: Message) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// A socket that receives something.
pub(crate) trait Receiver: Send + Sync + 'static {
    type Received: Send + 'static;
    fn recv(&self) -> Result<Self::Received, RecvError>;
    fn recv_timeout(&self, time: Duration) -> Result<Self::Received, RecvError>;
    fn recv_async(&self) -> impl Future<Output = Result<Self::Received, RecvError>> + Send;
}

macro_rules! sockets {
    ($($socket:ident)*) => {$(
        impl Closes for $socket {
            fn close(&self) -> Result<(), Unsent> {
                self.close()
            }
            fn close_async(&self) -> impl Future<Output = Result<(), Unsent>> + Send {
                self.close_async()
            }
        }
    )*};
}

macro_rules! senders {
    ($($socket:ident)*) => {$(
        impl Sender for $socket {
            fn send(&self, message: Message) -> Result<(), SendError> {
                self.send(message)
            }
            fn send_timeout(&self, message: Message, time: Duration) -> Result<(), SendError> {
                self.send_timeout(message, time)
            }
            fn send_async(
                &self,
                message: Message,
            ) -> impl Future<Output = Result<(), SendError>> + Send {
                self.send_async(message)
            }
        }
    )*};
}

macro_rules! receivers {
    ($($socket:ident: $received:ty, $recv:ident $timeout:ident $async:ident;)*) => {$(
        impl Receiver for $socket {
            type Received = $received;
            fn recv(&self) -> Result<$received, RecvError> {
                self.$recv()
            }
            fn recv_timeout(&self, time: Duration) -> Result<$received, RecvError> {
                self.$timeout(time)
            }
            fn recv_async(&self) -> impl Future<Output = Result<$received, RecvError>> + Send {
                self.$async()
            }
        }
    )*};
}

sockets!(Push Pull Pair Dealer Router Req Rep Pub Sub XPub XSub Socket);

senders!(Push Pub XPub XSub Dealer Pair Req Socket);

receivers! {
    Pull: Message, recv recv_timeout recv_async;
    Sub: Message, recv recv_timeout recv_async;
    XSub: Message, recv recv_timeout recv_async;
    Dealer: Message, recv recv_timeout recv_async;
    Pair: Message, recv recv_timeout recv_async;
    Req: Message, recv recv_timeout recv_async;
    Socket: Message, recv recv_timeout recv_async;
    Rep: Request, recv recv_timeout recv_async;
    XPub: Upstream, recv recv_timeout recv_async;
    Router: (RoutingId, Message), recv_from recv_from_timeout recv_from_async;
}

/// A future of this world: the blocking call in that of the threads, the other one elsewhere.
macro_rules! in_world {
    ($world:expr, $blocking:expr, $task:expr) => {
        match $world {
            World::Threads => $blocking,
            _ => $task.await,
        }
    };
}

impl World {
    pub(crate) async fn send<S: Sender>(
        self,
        socket: &S,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        let message = message.into();
        in_world!(self, socket.send(message), socket.send_async(message))
    }

    /// Whether it was sent within this time. If not, it was not sent at all.
    pub(crate) async fn send_within<S: Sender>(
        self,
        socket: &S,
        message: impl Into<Message>,
        time: Duration,
    ) -> bool {
        let message = message.into();
        if self != Self::Threads {
            let sent = self.within(time, socket.send_async(message)).await;
            return sent.is_some_and(|sent| sent.map(|()| true).unwrap());
        }
        match socket.send_timeout(message, time) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.reason, SendFailure::Timeout);
                false
            }
        }
    }

    pub(crate) async fn recv<R: Receiver>(self, socket: &R) -> Result<R::Received, RecvError> {
        in_world!(self, socket.recv(), socket.recv_async())
    }

    /// What was received within this time. If nothing, nothing was taken.
    pub(crate) async fn recv_within<R: Receiver>(
        self,
        socket: &R,
        time: Duration,
    ) -> Option<R::Received> {
        if self != Self::Threads {
            let received = self.within(time, socket.recv_async()).await;
            return received.map(|received| received.unwrap());
        }
        match socket.recv_timeout(time) {
            Ok(received) => Some(received),
            Err(error) => {
                assert_eq!(error, RecvError::Timeout);
                None
            }
        }
    }

    pub(crate) async fn send_to(
        self,
        router: &Router,
        id: &RoutingId,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        let message = message.into();
        in_world!(
            self,
            router.send_to(id, message),
            router.send_to_async(id, message)
        )
    }

    pub(crate) async fn request(
        self,
        req: &Req,
        message: impl Into<Message>,
    ) -> Result<Message, RequestError> {
        let message = message.into();
        in_world!(self, req.request(message), req.request_async(message))
    }

    /// The reply, if it came within this time.
    pub(crate) async fn request_within(
        self,
        req: &Req,
        message: impl Into<Message>,
        time: Duration,
    ) -> Option<Message> {
        let message = message.into();
        if self != Self::Threads {
            let reply = self.within(time, req.request_async(message)).await;
            return reply.map(|reply| reply.unwrap());
        }
        match req.request_timeout(message, time) {
            Ok(reply) => Some(reply),
            Err(error) => {
                assert!(error.is_timeout(), "{error}");
                None
            }
        }
    }

    pub(crate) async fn close<S: Closes>(self, socket: &S) -> Result<(), Unsent> {
        in_world!(self, socket.close(), socket.close_async())
    }

    pub(crate) async fn wait_for_subscribers(self, publisher: &Pub, count: usize) {
        in_world!(
            self,
            publisher.wait_for_subscribers(count, PATIENCE),
            publisher.wait_for_subscribers_async(count)
        )
        .unwrap();
    }

    /// Waits until all that was sent is with the kernel, or has been received over inproc.
    pub(crate) async fn flush(self, push: &Push) {
        in_world!(self, push.flush(PATIENCE), push.flush_async()).unwrap();
    }

    /// Room for a message, if there is some within this time.
    pub(crate) async fn reserve_within(self, push: &Push, time: Duration) -> Option<Permit<'_>> {
        if self != Self::Threads {
            let reserved = self.within(time, push.reserve_async()).await;
            return reserved.map(|reserved| reserved.unwrap());
        }
        match push.reserve_timeout(time) {
            Ok(permit) => Some(permit),
            Err(error) => {
                assert_eq!(error, ReserveError::Timeout);
                None
            }
        }
    }

    /// Sends what can be sent of a queue within this time.
    pub(crate) async fn send_many_within(
        self,
        push: &Push,
        messages: &mut VecDeque<Message>,
        time: Duration,
    ) {
        if self != Self::Threads {
            if let Some(sent) = self.within(time, push.send_many_async(messages)).await {
                sent.unwrap();
            }
        } else if let Err(failure) = push.send_many_timeout(messages, time) {
            assert_eq!(failure, SendFailure::Timeout);
        }
    }

    /// Receives at least one and at most so many within this time, or none.
    pub(crate) async fn recv_many_within(
        self,
        pull: &Pull,
        into: &mut VecDeque<Message>,
        max: usize,
        time: Duration,
    ) {
        if self != Self::Threads {
            let received = self.within(time, pull.recv_many_async(into, max)).await;
            if let Some(received) = received {
                assert!((1..=max).contains(&received.unwrap()));
            }
        } else if let Err(error) = pull.recv_many_timeout(into, max, time) {
            assert_eq!(error, RecvError::Timeout);
        }
    }

    pub(crate) async fn recv_from_peer(
        self,
        pull: &Pull,
    ) -> Result<(PeerInfo, Message), RecvError> {
        in_world!(self, pull.recv_from_peer(), pull.recv_from_peer_async())
    }

    /// What is ready, once something is.
    pub(crate) async fn wait(self, poller: &Poller) -> Vec<Event> {
        let mut events = Vec::new();
        in_world!(
            self,
            poller.wait(&mut events, None),
            poller.wait_async(&mut events)
        )
        .unwrap();
        events
    }
}
