//! What every socket type offers besides messages.
//!
//! Written once as a macro, so that each type has it as its own documented methods.

macro_rules! socket {
    (
        $(#[$doc:meta])* $name:ident, $socket_type:expr,
        sends: $sends:tt $($send_doc:literal)?, receives: $receives:tt $($recv_doc:literal)?
    ) => {
        $(#[$doc])*
        pub struct $name {
            core: $crate::socket::Owner,
        }

        impl $name {
            /// A socket with the default options, on [`Context::global`](crate::Context::global).
            ///
            /// Cannot fail, and starts nothing: it makes no descriptor and no thread.
            #[allow(clippy::new_without_default, reason = "it has Default")]
            pub fn new() -> Self {
                $crate::socket::Builder::make_default($socket_type)
            }

            /// A socket to be set up.
            pub fn builder() -> $crate::socket::Builder<Self> {
                $crate::socket::Builder::new($socket_type)
            }
        }

        socket!(@control $name);
        sending!($sends $name $($send_doc)?);
        receiving!($receives $name $($recv_doc)?);

        impl $crate::socket::SocketKind for $name {}

        impl $crate::socket::sealed::Sealed for $name {
            fn from_core(core: $crate::socket::sealed::CoreToken) -> Self {
                core.0.into()
            }
        }

        impl From<$crate::socket::Owner> for $name {
            fn from(core: $crate::socket::Owner) -> Self {
                Self { core }
            }
        }

        /// The same socket in its dynamic form.
        impl From<$name> for $crate::Socket {
            fn from(socket: $name) -> Self {
                socket.core.into()
            }
        }

        /// The same socket in its dynamic form, to be shared.
        impl From<$name> for std::sync::Arc<$crate::Socket> {
            fn from(socket: $name) -> Self {
                std::sync::Arc::new(socket.into())
            }
        }

        /// The same socket in its typed form.
        impl TryFrom<$crate::Socket> for $name {
            type Error = $crate::Socket;

            /// # Errors
            ///
            /// Hands the socket back if it is of another type.
            fn try_from(socket: $crate::Socket) -> Result<Self, $crate::Socket> {
                if socket.socket_type() == $socket_type {
                    let core = socket.into_core();
                    // What was asked last in raw form cannot be answered in this one.
                    core.owe_nothing();
                    Ok(core.into())
                } else {
                    Err(socket)
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };

    (@control $name:ident) => {
        for_tasks!($name);

        impl $name {
            /// Accepts peers at an endpoint, and returns the one it really got: with the port that
            /// `*` stood for, say.
            ///
            /// Done in the calling thread, where a host name is resolved, too. A socket may be
            /// bound and connected to any number of endpoints, transports mixed.
            ///
            /// # Errors
            ///
            /// [`BindError`](crate::BindError): the text is not an endpoint, the address is taken
            /// or not to be had, or the socket is closed.
            pub fn bind<E>(&self, endpoint: E) -> Result<$crate::Endpoint, $crate::BindError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.bind(endpoint.into_endpoint()?)
            }

            /// Connects to an endpoint; returns at once, with the parsed endpoint.
            ///
            /// Resolving, connecting, and connecting again after a loss happen behind, as long as
            /// the socket lives. The peer need not be there yet, over inproc neither. Messages may
            /// be sent meanwhile (but see [`immediate`](crate::Builder::immediate)). A name that
            /// does not resolve or a peer that does not answer is no error here: it is tried again.
            ///
            /// Over inproc nothing is lost on the way, so nothing is connected again: when the
            /// socket that is bound leaves, that was it, until `connect` is called again.
            ///
            /// # Errors
            ///
            /// [`ConnectError`](crate::ConnectError): the text is not an endpoint, the sockets do
            /// not fit (over inproc, if the other is bound already), or this one is closed.
            pub fn connect<E>(&self, endpoint: E) -> Result<$crate::Endpoint, $crate::ConnectError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.connect(endpoint.into_endpoint()?)
            }

            /// Gives up an endpoint that was bound; when this returns its address is free again.
            ///
            /// Takes what [`bind`](Self::bind) returned. The connections accepted there end once
            /// what was sent to them is with the kernel, within the linger; what they brought stays
            /// readable. Over inproc only the name is freed.
            ///
            /// # Errors
            ///
            /// [`UnbindError`](crate::UnbindError): no such endpoint, or the socket is closed.
            pub fn unbind<E>(&self, endpoint: E) -> Result<(), $crate::UnbindError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.unbind(endpoint.into_endpoint()?)
            }

            /// Lets go of an endpoint that was connected to (every time, if it was several times).
            ///
            /// What was queued for it is still sent, in the background, within the linger; what it
            /// brought stays readable.
            ///
            /// # Errors
            ///
            /// [`UnbindError`](crate::UnbindError): no such endpoint, or the socket is closed.
            pub fn disconnect<E>(&self, endpoint: E) -> Result<(), $crate::UnbindError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.disconnect(endpoint.into_endpoint()?)
            }

            /// Ends the connection with one peer, named by the [id](crate::PeerInfo::id) that
            /// [`peers`](Self::peers) and events tell, by what is known of it
            /// ([`PeerInfo`](crate::PeerInfo)), or by its routing id.
            ///
            /// Returns at once; [`Disconnected`](crate::MonitorEvent::Disconnected) says when it is
            /// done. What has arrived of the peer until then can still be received (not what the kernel
            /// has yet to hand over). What is queued for one that was accepted, and is not with the kernel yet, is dropped and counted (`flush`
            /// first), and nobody keeps it from coming back. An endpoint that was connected to is
            /// connected again after its [`reconnect_interval`](crate::Builder::reconnect_interval),
            /// and what is queued goes out then; to be rid of it, [`disconnect`](Self::disconnect).
            ///
            /// Over inproc the peer keeps what was queued for it, and whichever side had connected
            /// does so again at once. libzmq's `zmq_disconnect_peer`, which only SERVER and PEER
            /// sockets have.
            ///
            /// # Errors
            ///
            /// [`DisconnectPeerError`](crate::DisconnectPeerError): there is no such peer (an id is
            /// of one incarnation: who has come back has another), or the socket is closed, or its
            /// context shut down.
            ///
            /// ```
            /// # fn main() -> Result<(), zocket::Error> {
            /// use std::time::Duration;
            /// use zocket::{Dealer, Router};
            ///
            /// let router = Router::new();
            /// let dealer = Dealer::builder().routing_id("noisy").build()?;
            /// dealer.connect(router.bind("tcp://127.0.0.1:*")?)?;
            /// dealer.send("hello")?;
            /// let (noisy, _) = router.recv_from()?;
            /// router.disconnect_peer(&noisy)?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn disconnect_peer<P>(&self, peer: &P) -> Result<(), $crate::DisconnectPeerError>
            where
                P: $crate::PeerName,
            {
                self.core.disconnect_peer(peer.name())
            }

            /// The endpoint of the last `bind` or `connect`, as that returned it.
            pub fn last_endpoint(&self) -> Option<$crate::Endpoint> {
                self.core.last_endpoint()
            }

            /// Waits until at least `count` peers are there at the same time: through the handshake,
            /// or joined over inproc.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): fewer came in time (it says how many), or the
            /// socket is closed.
            pub fn wait_for_peers(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), $crate::WaitError> {
                self.core.wait_for_peers(count, timeout)
            }

            /// The options as they are now; most can be changed, too.
            pub fn options(&self) -> $crate::SocketOptions<'_, Self> {
                $crate::SocketOptions::new(&self.core)
            }

            /// How every endpoint is doing that is bound or connected to: what it is about, and what
            /// went wrong last.
            pub fn endpoints(&self) -> Vec<$crate::EndpointStatus> {
                self.core.endpoints()
            }

            /// Tells, from now on, what happens to endpoints, connections and peers:
            /// [`MonitorEvent`](crate::MonitorEvent).
            pub fn monitor(&self) -> $crate::Monitor {
                self.core.monitor()
            }

            /// Who is there now: through the handshake, or joined over inproc.
            pub fn peers(&self) -> Vec<$crate::PeerInfo> {
                self.core.peers()
            }

            /// What has been counted until now: every message, and what became of it.
            pub fn stats(&self) -> $crate::Stats {
                self.core.stats()
            }

            /// The same of each peer that is there: what was sent to it and came from it, and waits. A
            /// peer that was connected to and has come again has what its endpoint counted before, too.
            pub fn peer_stats(&self) -> Vec<$crate::PeerStats> {
                self.core.peer_stats()
            }

            /// Closes the socket: blocked calls return `Closed`, and what was sent is given the
            /// [`linger`](crate::Builder::linger) to be handed to the kernel (or to the peer, over
            /// inproc). Messages not yet received are discarded.
            ///
            /// Blocks until then, and until the peers have read it to the end and closed in turn, as
            /// the kernel may lose it otherwise; but for this for half a minute at most, and never
            /// for longer than the linger. Only the first is an error if it takes longer.
            ///
            /// On an I/O thread, where a waker may run, and in a waker that is run by the end of a
            /// socket or a context, it does not wait at all, and goes on as if
            /// [detached](Self::detach).
            /// Closing again waits for the same end.
            ///
            /// Dropping the socket does the same in the thread that drops it, and logs what could not
            /// be sent. A task, which must not block its thread, uses
            /// [`close_async`](Self::close_async) or [`detach`](Self::detach) before.
            ///
            /// # Errors
            ///
            /// [`Unsent`](crate::Unsent): how much was left when the linger ended, and for whom.
            pub fn close(&self) -> Result<(), $crate::Unsent> {
                self.core.close(self.core.linger())
            }
        }

        impl $crate::socket::Pollable for $name {}

        impl $crate::socket::sealed::Watched for $name {
            fn core_of(&self) -> $crate::socket::sealed::CoreRef<'_> {
                $crate::socket::sealed::CoreRef(&self.core)
            }
        }

        #[cfg(unix)]
        impl $name {
            /// As [`bind`](Self::bind), to a socket that listens already, of tcp or ipc: one from a
            /// service manager, or from a parent process. Returns the endpoint that it listens at.
            /// (Unix only.) libzmq's `ZMQ_USE_FD`.
            ///
            /// A standard library listener or any other `OwnedFd` will do. It becomes non-blocking and
            /// close-on-exec (the first for everybody who shares it), and is this socket's: `unbind`
            /// with the endpoint closes it. The backlog, the families and the device stay what they are;
            /// options of connections count for those that are accepted. A file in the file system
            /// belongs to who made it and is not removed.
            ///
            /// ```no_run
            /// use std::os::fd::AsFd;
            /// use zocket::Pull;
            ///
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// // Socket activation: a service of systemd that has `StandardInput=socket`. (Descriptor 3,
            /// // where other services find theirs, is had by `unsafe { OwnedFd::from_raw_fd(3) }`.)
            /// let listener = std::io::stdin().as_fd().try_clone_to_owned()?;
            /// let pull = Pull::new();
            /// println!("listening at {}", pull.bind_fd(listener)?);
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// [`BindError`](crate::BindError): it is no such socket (and is closed), or this one is
            /// closed.
            pub fn bind_fd(
                &self,
                listener: impl Into<std::os::fd::OwnedFd>,
            ) -> Result<$crate::Endpoint, $crate::BindError> {
                self.core.bind_fd(listener.into())
            }

            /// As [`connect`](Self::connect), over a stream that is connected already, of tcp or ipc, on
            /// which nothing was said yet: one half of a `UnixStream::pair()`, or what a program has
            /// connected, or accepted, in its own way. Returns the endpoint at its other end, by which it
            /// can be disconnected: `ipc://*` if that has no name. (Unix only.) libzmq's `ZMQ_USE_FD`.
            ///
            /// When the connection is lost it is not made again, as only its maker could do that: the
            /// endpoint is given up and closed, both of which is an event
            /// ([`GivenUp`](crate::MonitorEvent::GivenUp), [`Closed`](crate::MonitorEvent::Closed)), and
            /// none of the socket's any more; what was queued for it is dropped and counted. Otherwise it is as if this socket had connected, with its options, except for
            /// devices and proxies.
            ///
            /// # Errors
            ///
            /// [`ConnectError`](crate::ConnectError): it is no such stream (and is closed), or this
            /// socket is closed.
            pub fn connect_fd(
                &self,
                stream: impl Into<std::os::fd::OwnedFd>,
            ) -> Result<$crate::Endpoint, $crate::ConnectError> {
                self.core.connect_fd(stream.into())
            }
        }

        #[cfg(all(unix, not(loom)))]
        impl $name {
            /// A file descriptor for those with an event loop of their own (mio, epoll, tokio's
            /// `AsyncFd`, polling, calloop): it is readable whenever a message can be received, or the
            /// socket is closed, and no longer after a `try_` form returned empty. (Unix only.)
            ///
            /// It is level-triggered, unlike libzmq's `ZMQ_FD`, and nothing has to be asked of the
            /// socket before it is waited on again. In an edge-triggered loop, receive until
            /// `try_recv` says that nothing is left. It says nothing of sending; and of a socket that
            /// never receives only that it is closed. Not to be read, written or closed by anybody
            /// else. Made on the first use, and the same from then on.
            ///
            /// # Errors
            ///
            /// The system has no descriptor left.
            pub fn descriptor(&self) -> std::io::Result<std::os::fd::BorrowedFd<'_>> {
                self.core.descriptor()
            }
        }

        /// As [`descriptor`](Self::descriptor).
        ///
        /// # Panics
        ///
        /// If the system has no descriptor left. Not after [`descriptor`](Self::descriptor) has
        /// succeeded once.
        #[cfg(all(unix, not(loom)))]
        impl std::os::fd::AsFd for $name {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
// The trait leaves no other way to say it.
                self.descriptor().expect("a descriptor for the socket")
            }
        }

        /// As [`as_fd`](std::os::fd::AsFd::as_fd).
        #[cfg(all(unix, not(loom)))]
        impl std::os::fd::AsRawFd for $name {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(self))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.core.fmt(f)
            }
        }

        // Sockets are shared by reference or `Arc`, from any thread.
        const _: fn() = || {
            fn assert<T: Send + Sync + std::fmt::Debug + 'static>() {}
            assert::<$name>();
        };
    };
}
