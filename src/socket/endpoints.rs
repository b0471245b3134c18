//! Where a socket is bound and what it is connected to.

use std::io as std_io;
use std::net::Ipv4Addr;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::directory::Way;
use super::halves::Ended;
use super::monitoring::GIVEN_UP;
use crate::command::unique_number;
use crate::command::{Port, Refused, Token, WireEnds};
use crate::endpoint::{Address, Endpoint, Host};
use crate::error::{BindError, ConnectError, UnbindError};
use crate::io::{self, Handle, Latch, Order};
use crate::monitor::MonitorEvent;
use crate::pipe::PipeId;
use crate::routing_id::RoutingId;
use crate::signal::{Target, Wakes};
use crate::transport::socks::Socks;
use crate::transport::{self, Listener, Stream};

impl Core {
    /// Binds in the calling thread, so that whatever is wrong is said at once.
    pub(super) fn bind(self: &Arc<Self>, endpoint: Endpoint) -> Result<Endpoint, BindError> {
        endpoint.check_bind()?;
        self.check_open().map_err(BindError::from)?;
        let bound = self.bind_checked(endpoint.clone());
        if let Err(error) = &bound {
            let reason = error.to_string();
            self.tell(&MonitorEvent::BindFailed { endpoint, reason }, None);
        }
        bound
    }

    fn bind_checked(self: &Arc<Self>, endpoint: Endpoint) -> Result<Endpoint, BindError> {
        if let Address::Inproc(name) = endpoint.address() {
            let name = name.clone();
            return self.bind_inproc(name, endpoint);
        }
        let failed = |error| BindError::Io {
            endpoint: endpoint.clone(),
            error,
        };
        let Some(io) = self.next_io().map_err(failed)? else {
            return Err(BindError::NoIoThread(endpoint));
        };
        let listener = self.listen(&endpoint).map_err(failed)?;
        self.serve(listener, &io)
    }

    /// The I/O thread that serves the next endpoint, if there is any.
    fn next_io(&self) -> std_io::Result<Option<Arc<Handle>>> {
        let threads = self.context().threads()?;
        Ok(threads.and_then(|threads| threads.next(&self.options().affinity).cloned()))
    }

    /// Binds to a socket that listens already.
    #[cfg(unix)]
    pub(super) fn bind_fd(self: &Arc<Self>, fd: OwnedFd) -> Result<Endpoint, BindError> {
        self.check_open().map_err(BindError::from)?;
        let listener = transport::adopt::listener(fd, &self.options().transport)
            .map_err(BindError::Descriptor)?;
        let endpoint = listener.endpoint().clone();
        match self.next_io().map_err(BindError::Descriptor)? {
            Some(io) => self.serve(listener, &io),
            None => Err(BindError::NoIoThread(endpoint)),
        }
    }

    /// Has a listener served.
    fn serve(
        self: &Arc<Self>,
        mut listener: Listener,
        io: &Arc<Handle>,
    ) -> Result<Endpoint, BindError> {
        let real = listener.endpoint().clone();
        let failed = |error| BindError::Io {
            endpoint: real.clone(),
            error,
        };
        self.warn_of_plain(&real);
        let token = unique_number();
        io.register(&mut listener, token).map_err(failed)?;
        let way = Way::Listener {
            io: io.clone(),
            token,
        };
        let order = Order::Listen {
            token,
            listener,
            port: self.clone(),
        };
        self.add_served_endpoint(real.clone(), way, io, order)?;
        log::debug!("{self:?}: bound to {real}");
        Ok(real)
    }

    fn bind_inproc(
        self: &Arc<Self>,
        name: Arc<str>,
        endpoint: Endpoint,
    ) -> Result<Endpoint, BindError> {
        let port: Arc<dyn Port> = self.clone();
        let registry = self.context().registry();
        if !registry.claim(&name, &port) {
            return Err(BindError::NameTaken(endpoint));
        }
        // Known before anybody can come in.
        if let Err(ended) = self.add_endpoint(endpoint.clone(), Way::InprocName(name.clone())) {
            registry.unbind(&name, self.id());
            return Err(ended.into());
        }
        registry.open(&name, self.id());
        Ok(endpoint)
    }

    fn listen(&self, endpoint: &Endpoint) -> std_io::Result<Listener> {
        let options = &self.options().transport;
        match endpoint.address() {
            Address::Tcp(tcp) => {
                let addresses = io::resolve::resolve_blocking(&tcp.host, tcp.port, options.ipv6)?;
                let mut failure =
                    std_io::Error::new(std_io::ErrorKind::NotFound, "the name has no address");
                for address in addresses {
                    match transport::tcp::bind(address, options) {
                        Ok(listener) => return Ok(listener),
                        Err(error) => failure = error,
                    }
                }
                // Of "both families" one is left where the system has no other.
                if tcp.host == Host::Any && transport::tcp::is_family_missing(&failure) {
                    let any = (Ipv4Addr::UNSPECIFIED, tcp.port).into();
                    return transport::tcp::bind(any, options);
                }
                Err(failure)
            }
            Address::Ipc(ipc) => transport::ipc::bind(ipc, options),
            Address::Inproc(_) => Err(std_io::ErrorKind::Unsupported.into()),
        }
    }

    /// Starts connecting; the rest happens behind.
    pub(super) fn connect(self: &Arc<Self>, endpoint: Endpoint) -> Result<Endpoint, ConnectError> {
        self.connect_as(endpoint, None)
    }

    /// The same; whoever is there will be known by this id, if one is given.
    pub(super) fn connect_as(
        self: &Arc<Self>,
        endpoint: Endpoint,
        id: Option<&RoutingId>,
    ) -> Result<Endpoint, ConnectError> {
        endpoint.check_connect()?;
        self.check_open().map_err(ConnectError::from)?;
        if let Address::Inproc(name) = endpoint.address() {
            let name = name.clone();
            return self.connect_inproc(name, endpoint, id);
        }
        if let Address::Tcp(_) = endpoint.address()
            && let Err(error) = transport::tcp::check(&self.options().transport)
        {
            return Err(ConnectError::Option { endpoint, error });
        }
        if let (Address::Tcp(tcp), Some(_)) = (endpoint.address(), &self.options().socks_proxy)
            && let Err(error) = Socks::new(tcp, None)
        {
            let error = error.into();
            return Err(ConnectError::Option { endpoint, error });
        }
        self.connect_served(endpoint, id, None)
    }

    /// Takes a stream that is connected already.
    #[cfg(unix)]
    pub(super) fn connect_fd(self: &Arc<Self>, fd: OwnedFd) -> Result<Endpoint, ConnectError> {
        self.check_open().map_err(ConnectError::from)?;
        let (stream, endpoint) = transport::adopt::stream(fd, &self.options().transport)
            .map_err(ConnectError::Descriptor)?;
        self.connect_served(endpoint, None, Some(stream))
    }

    /// Has a connecting endpoint served, which may have its connection already.
    fn connect_served(
        self: &Arc<Self>,
        endpoint: Endpoint,
        id: Option<&RoutingId>,
        adopted: Option<Stream>,
    ) -> Result<Endpoint, ConnectError> {
        let Some(io) = self.next_io().map_err(ConnectError::Io)? else {
            return Err(ConnectError::NoIoThread(endpoint));
        };
        self.warn_of_plain(&endpoint);
        let token = unique_number();
        let ends = self.open_at_once(&io, token);
        let pipe = ends.as_ref().map(|ends| ends.id);
        self.name_connected(pipe, id, &endpoint)?;
        let way = Way::Connecter {
            io: io.clone(),
            token,
            pipe,
            given: id.cloned(),
        };
        let order = Order::Connect {
            token,
            endpoint: endpoint.clone(),
            port: self.clone(),
            ends,
            adopted,
        };
        if let Err(ended) = self.add_served_endpoint(endpoint.clone(), way, &io, order) {
            if let Some(pipe) = pipe {
                self.release_pipe(pipe);
            }
            return Err(ended.into());
        }
        Ok(endpoint)
    }

    /// The pipe that outlives the connections of an endpoint: none with *immediate*, and none for
    /// a PAIR that has its peer already (it then gets one if that peer has gone when it connects).
    fn open_at_once(self: &Arc<Self>, io: &Arc<Handle>, token: Token) -> Option<WireEnds> {
        if !self.keeps_pipes() {
            return None;
        }
        self.clone()
            .open_wire(Target {
                owner: io.clone(),
                token,
            })
            .ok()
    }

    /// Gives the peer of a new pipe its name; the pipe goes if somebody else has that.
    fn name_connected(
        &self,
        pipe: Option<PipeId>,
        id: Option<&RoutingId>,
        endpoint: &Endpoint,
    ) -> Result<(), ConnectError> {
        let Some(id) = id else {
            return Ok(());
        };
        let is_free = match pipe {
            Some(pipe) => self.name_pipe(pipe, id),
            // It is asked for again with each connection.
            None => !self.knows(id),
        };
        if !is_free {
            if let Some(pipe) = pipe {
                self.release_pipe(pipe);
            }
            return Err(ConnectError::RoutingIdTaken(endpoint.clone()));
        }
        Ok(())
    }

    fn connect_inproc(
        self: &Arc<Self>,
        name: Arc<str>,
        endpoint: Endpoint,
        id: Option<&RoutingId>,
    ) -> Result<Endpoint, ConnectError> {
        let incompatible = |reason: String| ConnectError::Incompatible {
            endpoint: endpoint.clone(),
            reason,
        };
        let registry = self.context().registry();
        registry
            .check(&name, self.socket_type())
            .map_err(|mismatch| incompatible(mismatch.to_string()))?;
        let (pipe, ends, writer) = match self.open_inproc() {
            Ok(opened) => opened,
            Err(Refused::Closed) => {
                return Err(self.check_open().err().unwrap_or(Ended::Closed).into());
            }
            Err(refused) => return Err(incompatible(refused.to_string())),
        };
        if let Err(taken) = self.name_connected(Some(pipe), id, &endpoint) {
            self.release_offered(pipe, &ends, &endpoint);
            return Err(taken);
        }
        let way = Way::InprocPipe {
            name: name.clone(),
            pipe,
            writer,
            given: id.cloned(),
        };
        if let Err(ended) = self.add_endpoint(endpoint.clone(), way) {
            self.release_offered(pipe, &ends, &endpoint);
            return Err(ended.into());
        }
        let connecter = crate::inproc::Connecter {
            port: self.clone(),
            pipe,
            ends: ends.clone(),
        };
        if let Err(mismatch) = registry.connect(&name, connecter) {
            let error = incompatible(mismatch.to_string());
            self.release_offered(pipe, &ends, &endpoint);
            self.forget_inproc_pipe(pipe);
            return Err(error);
        }
        Ok(endpoint)
    }

    /// Gives a bound endpoint up; when this returns its address is free.
    pub(super) fn unbind(self: &Arc<Self>, endpoint: Endpoint) -> Result<(), UnbindError> {
        self.let_go(endpoint, true).map(await_all)
    }

    /// Lets go of an endpoint that was connected to, however often it was.
    pub(super) fn disconnect(self: &Arc<Self>, endpoint: Endpoint) -> Result<(), UnbindError> {
        self.let_go(endpoint, false).map(await_all)
    }

    /// The same two for tasks.
    pub(super) async fn let_go_async(
        self: &Arc<Self>,
        endpoint: Endpoint,
        bound: bool,
    ) -> Result<(), UnbindError> {
        for done in self.let_go(endpoint, bound)? {
            done.opened().await;
        }
        Ok(())
    }

    /// Lets go of an endpoint; it is done when all of these are open.
    fn let_go(
        self: &Arc<Self>,
        endpoint: Endpoint,
        bound: bool,
    ) -> Result<Vec<Arc<Latch>>, UnbindError> {
        self.check_open().map_err(UnbindError::from)?;
        let ways = self
            .remove_endpoints(&endpoint, bound)
            .map_err(UnbindError::from)?;
        if ways.is_empty() {
            return Err(UnbindError::Unknown(endpoint));
        }
        let deadline = self
            .options()
            .linger
            .and_then(|linger| Instant::now().checked_add(linger));
        let mut ordered = Vec::new();
        let mut frees_place = false;
        let mut order = |io: &Handle, order: &dyn Fn(Arc<Latch>) -> Order| {
            let done = Arc::new(Latch::new());
            if io.order(order(done.clone())) {
                ordered.push(done);
            }
        };
        for way in ways {
            match way {
                Way::Listener { io, token } => {
                    order(&io, &|done| Order::Unlisten {
                        token,
                        deadline,
                        done,
                    });
                }
                Way::Connecter {
                    io, token, pipe, ..
                } => {
                    // What is queued is still sent; nothing more is taken in.
                    if let Some(pipe) = pipe {
                        self.release_writer(pipe);
                        frees_place = true;
                    }
                    order(&io, &|done| Order::Disconnect {
                        token,
                        deadline,
                        done,
                    });
                }
                Way::GivenUp => self.tell_closed(&endpoint),
                Way::InprocName(name) => {
                    self.context().registry().unbind(&name, self.id());
                    self.tell_closed(&endpoint);
                }
                Way::InprocPipe {
                    name, pipe, writer, ..
                } => {
                    if self.context().registry().withdraw(&name, self.id(), pipe) {
                        if let Some(writer) = &writer {
                            let mut wakes = Wakes::new();
                            self.dropped(writer.abandon(&mut wakes), &endpoint);
                            wakes.fire();
                        }
                        self.release_pipe(pipe);
                    } else {
                        self.release_writer(pipe);
                        self.part_inproc(pipe, GIVEN_UP, false);
                    }
                    frees_place = true;
                    self.tell_closed(&endpoint);
                }
            }
        }
        if frees_place {
            self.offer_place();
        }
        Ok(ordered)
    }

    /// What is served by an I/O thread is told by that.
    pub(super) fn tell_closed(&self, endpoint: &Endpoint) {
        let endpoint = endpoint.clone();
        self.tell(&MonitorEvent::Closed { endpoint }, None);
    }
}

fn await_all(ordered: Vec<Arc<Latch>>) {
    /// An I/O thread that takes this long over an order is stuck in foreign code.
    const PATIENCE: Duration = Duration::from_secs(10);
    let deadline = Instant::now().checked_add(PATIENCE);
    for done in ordered {
        done.wait(deadline);
    }
}

// ---- as they are remembered

impl Core {
    /// Remembers an endpoint, unless the socket was closed meanwhile.
    pub(super) fn add_endpoint(&self, endpoint: Endpoint, way: Way) -> Result<(), Ended> {
        self.control.update(|control, wakes| {
            control.check_open()?;
            control.add(endpoint, way, wakes);
            Ok(())
        })
    }

    /// Remembers an endpoint and has it served. Both in one step, so that nobody who closes or
    /// unbinds can come in between, and be overtaken by the order.
    pub(super) fn add_served_endpoint(
        &self,
        endpoint: Endpoint,
        way: Way,
        io: &Arc<Handle>,
        order: io::Order,
    ) -> Result<(), Ended> {
        self.reach.add(io);
        let owed = self.control.update(|control, wakes| {
            control.check_open()?;
            let owed = io.enqueue(order).ok_or(Ended::Terminated)?;
            control.add(endpoint, way, wakes);
            Ok(owed)
        })?;
        io.settle(owed);
        Ok(())
    }

    /// Forgets every endpoint that is equal to this one and was bound (or connected), and gives
    /// what was behind it.
    pub(super) fn remove_endpoints(
        &self,
        endpoint: &Endpoint,
        bound: bool,
    ) -> Result<Vec<Way>, Ended> {
        self.control.update(|control, _| {
            control.check_open()?;
            let gone = control
                .endpoints
                .take(|entry| entry.status.endpoint == *endpoint && entry.way.is_bound() == bound);
            Ok(gone.into_iter().map(|entry| entry.way).collect())
        })
    }
}
