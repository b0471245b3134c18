//! What is called on a socket in each world: the blocking form, or that for tasks.

use std::future::Future;
use std::time::Duration;

use zocket::{
    Dealer, Message, Pair, Pub, Pull, Push, RecvError, Rep, Req, Request, RequestError, Router,
    RoutingId, SendError, SendFailure, Socket, Sub, TryRecvError, TrySendError, Upstream, XPub,
    XSub,
};

use super::World;

/// A socket that sends.
pub(crate) trait Sender: Send + Sync + 'static {
    fn send(&self, message: Message) -> Result<(), SendError>;
    fn send_timeout(&self, message: Message, time: Duration) -> Result<(), SendError>;
    fn try_send(&self, message: Message) -> Result<(), TrySendError>;
    fn send_async(&self, message: Message) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// A socket that receives something.
pub(crate) trait Receiver: Send + Sync + 'static {
    type Received: Send + 'static;
    fn recv(&self) -> Result<Self::Received, RecvError>;
    fn recv_timeout(&self, time: Duration) -> Result<Self::Received, RecvError>;
    fn try_recv(&self) -> Result<Self::Received, TryRecvError>;
    fn recv_async(&self) -> impl Future<Output = Result<Self::Received, RecvError>> + Send;
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
            fn try_send(&self, message: Message) -> Result<(), TrySendError> {
                self.try_send(message)
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
    ($($socket:ident: $received:ty, $recv:ident $timeout:ident $try:ident $async:ident;)*) => {$(
        impl Receiver for $socket {
            type Received = $received;
            fn recv(&self) -> Result<$received, RecvError> {
                self.$recv()
            }
            fn recv_timeout(&self, time: Duration) -> Result<$received, RecvError> {
                self.$timeout(time)
            }
            fn try_recv(&self) -> Result<$received, TryRecvError> {
                self.$try()
            }
            fn recv_async(&self) -> impl Future<Output = Result<$received, RecvError>> + Send {
                self.$async()
            }
        }
    )*};
}

senders!(Push Pub XPub XSub Dealer Pair Req Socket);

receivers! {
    Pull: Message, recv recv_timeout try_recv recv_async;
    Sub: Message, recv recv_timeout try_recv recv_async;
    XSub: Message, recv recv_timeout try_recv recv_async;
    Dealer: Message, recv recv_timeout try_recv recv_async;
    Pair: Message, recv recv_timeout try_recv recv_async;
    Req: Message, recv recv_timeout try_recv recv_async;
    Socket: Message, recv recv_timeout try_recv recv_async;
    Rep: Request, recv recv_timeout try_recv recv_async;
    XPub: Upstream, recv recv_timeout try_recv recv_async;
    Router: (RoutingId, Message), recv_from recv_from_timeout try_recv_from recv_from_async;
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
}
