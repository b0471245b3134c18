//! Host names to addresses, off the I/O thread.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::endpoint::{Host, TcpAddress};

/// The address to connect from, and those to connect to.
pub(crate) type Resolved = io::Result<(Option<SocketAddr>, Vec<SocketAddr>)>;

const MAX_THREADS: usize = 8;
const MAX_QUEUED: usize = 1024;

/// Resolves on short-lived threads of its own.
#[derive(Debug)]
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
}

struct State {
    queue: VecDeque<Job>,
    threads: usize,
}

struct Job {
    work: Box<dyn FnOnce() -> Resolved + Send>,
    done: Box<dyn FnOnce(Resolved) + Send>,
}

impl Resolver {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    queue: VecDeque::new(),
                    threads: 0,
                }),
            }),
        }
    }

    /// Calls `done` with the addresses: at once on this thread if all hosts are numeric, else
    /// later on another. If the resolver is dropped before, `done` may never be called.
    pub(crate) fn resolve_pair(
        &self,
        address: &TcpAddress,
        ipv6: bool,
        done: impl FnOnce(Resolved) + Send + 'static,
    ) {
        let source_is_quick = match &address.source {
            Some((host, _)) => is_numeric(host),
            None => true,
        };
        if source_is_quick && is_numeric(&address.host) {
            done(lookup(address, ipv6));
            return;
        }
        let address = address.clone();
        self.submit(Job {
            work: Box::new(move || lookup(&address, ipv6)),
            done: Box::new(done),
        });
    }

    fn submit(&self, job: Job) {
        let mut state = self.shared.lock();
        if state.queue.len() >= MAX_QUEUED {
            drop(state);
            (job.done)(Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "too many names wait to be resolved",
            )));
            return;
        }
        state.queue.push_back(job);
        if state.threads == MAX_THREADS {
            return;
        }
        state.threads += 1;
        drop(state);
        let shared = self.shared.clone();
        let started = thread::Builder::new()
            .name("zocket-resolve".into())
            .spawn(move || shared.run());
        if let Err(error) = started {
            self.shared.not_started(&error);
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // The closures may lock whatever they like when they are dropped: not under our lock.
        let queue = std::mem::take(&mut self.shared.lock().queue);
        drop(queue);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let job = {
                let mut state = self.lock();
                match state.queue.pop_front() {
                    Some(job) => job,
                    None => {
                        // Under the same lock as the look, so that no job is left without thread.
                        state.threads -= 1;
                        return;
                    }
                }
            };
            // A panic of `done` must not cost the others a thread.
            let _ = catch_unwind(AssertUnwindSafe(|| (job.done)((job.work)())));
        }
    }

    fn not_started(&self, error: &io::Error) {
        let failed = {
            let mut state = self.lock();
            state.threads -= 1;
            if state.threads > 0 {
                // They will come to it.
                return;
            }
            std::mem::take(&mut state.queue)
        };
        for job in failed {
            (job.done)(Err(io::Error::new(error.kind(), error.to_string())));
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The addresses to bind to: `*`, an address, the name of an interface, or the name of a host.
/// An address is taken as it is; of a name, IPv6 addresses count only if `ipv6`.
pub(crate) fn resolve_blocking(host: &Host, port: u16, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    match host {
        Host::Any if ipv6 => Ok(vec![(Ipv6Addr::UNSPECIFIED, port).into()]),
        Host::Any => Ok(vec![(Ipv4Addr::UNSPECIFIED, port).into()]),
        Host::Name(name) => {
            let found = of_interface(name, port, ipv6);
            if found.is_empty() {
                of_name(name, port, ipv6)
            } else {
                Ok(found)
            }
        }
        Host::V4(_) | Host::V6(..) => numeric(host, port).map(|address| vec![address]),
    }
}

/// Whether no system call is needed.
fn is_numeric(host: &Host) -> bool {
    match host {
        Host::Any | Host::V4(_) | Host::V6(_, None) => true,
        Host::V6(_, Some(zone)) => zone.parse::<u32>().is_ok(),
        Host::Name(_) => false,
    }
}

fn numeric(host: &Host, port: u16) -> io::Result<SocketAddr> {
    match host {
        Host::V4(address) => Ok((*address, port).into()),
        Host::V6(address, zone) => {
            let scope = match zone {
                Some(zone) => scope_id(zone)?,
                None => 0,
            };
            Ok(SocketAddrV6::new(*address, port, 0, scope).into())
        }
        Host::Any | Host::Name(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn scope_id(zone: &str) -> io::Result<u32> {
    if let Ok(index) = zone.parse() {
        return Ok(index);
    }
    interfaces()
        .into_iter()
        .find(|interface| interface.name == zone)
        .and_then(|interface| interface.index)
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                format!("no interface {zone:?}"),
            )
        })
}

fn interfaces() -> Vec<if_addrs::Interface> {
    if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::debug!("cannot list the interfaces: {error}");
        Vec::new()
    })
}

fn of_interface(name: &str, port: u16, ipv6: bool) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = interfaces()
        .into_iter()
        .filter(|interface| interface.name == name)
        .filter_map(|interface| match interface.ip() {
            IpAddr::V4(address) => Some((address, port).into()),
            IpAddr::V6(address) if ipv6 => {
                // Only a link-local address needs its interface to be complete.
                let scope = match interface.index {
                    Some(index) if address.is_unicast_link_local() => index,
                    _ => 0,
                };
                Some(SocketAddrV6::new(address, port, 0, scope).into())
            }
            IpAddr::V6(_) => None,
        })
        .collect();
    // Those that only a neighbour can reach come last.
    found.sort_by_key(|address| match address.ip() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    });
    found
}

fn of_name(name: &str, port: u16, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = (name, port)
        .to_socket_addrs()?
        .filter(|address| ipv6 || address.is_ipv4())
        .collect();
    if found.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("{name:?} has no address of the wanted family"),
        ));
    }
    Ok(found)
}

fn lookup(address: &TcpAddress, ipv6: bool) -> Resolved {
    let mut targets = match &address.host {
        Host::Any => return Err(io::ErrorKind::InvalidInput.into()),
        Host::Name(name) => of_name(name, address.port, ipv6)?,
        host => vec![numeric(host, address.port)?],
    };
    let Some((host, port)) = &address.source else {
        return Ok((None, targets));
    };
    let sources = match host {
        Host::Any => vec![
            (Ipv4Addr::UNSPECIFIED, *port).into(),
            (Ipv6Addr::UNSPECIFIED, *port).into(),
        ],
        // The family is that of the destination, which has been filtered already.
        host => resolve_blocking(host, *port, targets.iter().any(SocketAddr::is_ipv6))?,
    };
    let same = |a: &SocketAddr, b: &SocketAddr| a.is_ipv4() == b.is_ipv4();
    let source = targets
        .iter()
        .find_map(|target| sources.iter().find(|source| same(source, target)).copied())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "source and destination have no address family in common",
            )
        })?;
    // From this source the others cannot be reached.
    targets.retain(|target| same(target, &source));
    Ok((Some(source), targets))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn to(host: Host) -> TcpAddress {
        TcpAddress {
            source: None,
            host,
            port: 5555,
        }
    }

    fn resolve(address: &TcpAddress, ipv6: bool) -> Resolved {
        let (tx, rx) = mpsc::channel();
        let resolver = Resolver::new();
        resolver.resolve_pair(address, ipv6, move |resolved| tx.send(resolved).unwrap());
        rx.recv_timeout(PATIENCE).unwrap()
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn numeric_is_answered_on_the_calling_thread() {
        let caller = thread::current().id();
        let (tx, rx) = mpsc::channel();
        let mut address = to(Host::V6(Ipv6Addr::LOCALHOST, Some("1".into())));
        address.source = Some((Host::Any, 7));
        Resolver::new().resolve_pair(&address, false, move |resolved| {
            tx.send((thread::current().id(), resolved.unwrap()))
                .unwrap();
        });
        let (thread, (source, targets)) = rx.try_recv().unwrap();
        assert_eq!(thread, caller);
        assert_eq!(source, Some(addr("[::]:7")));
        assert_eq!(
            targets,
            [SocketAddrV6::new(Ipv6Addr::LOCALHOST, 5555, 0, 1).into()]
        );
    }

    #[test]
    fn name_is_answered_on_another_thread() {
        let (tx, rx) = mpsc::channel();
        let resolver = Resolver::new();
        resolver.resolve_pair(&to(Host::Name("localhost".into())), false, move |found| {
            let name = thread::current().name().map(str::to_owned);
            tx.send((name, found)).unwrap();
        });
        let (name, found) = rx.recv_timeout(PATIENCE).unwrap();
        assert_eq!(name.as_deref(), Some("zocket-resolve"));
        let (source, targets) = found.unwrap();
        assert_eq!(source, None);
        assert!(targets.contains(&addr("127.0.0.1:5555")), "{targets:?}");
        assert!(targets.iter().all(SocketAddr::is_ipv4));
    }

    #[test]
    fn unknown_names_are_errors() {
        // RFC 6761: never to be resolved.
        assert!(resolve(&to(Host::Name("nothing.invalid".into())), true).is_err());
        assert!(resolve(&to(Host::Name("nul\0inside".into())), true).is_err());
        let zone = Host::V6("fe80::1".parse().unwrap(), Some("no-such-nic".into()));
        assert!(resolve(&to(zone), true).is_err());
        assert!(resolve(&to(Host::Any), true).is_err());
    }

    #[test]
    fn source_has_the_family_of_the_destination() {
        let mut address = to(Host::V4(Ipv4Addr::LOCALHOST));
        address.source = Some((Host::Any, 0));
        assert_eq!(resolve(&address, true).unwrap().0, Some(addr("0.0.0.0:0")));
        address.source = Some((Host::Name("localhost".into()), 9));
        assert_eq!(
            resolve(&address, true).unwrap().0,
            Some(addr("127.0.0.1:9"))
        );
        address.source = Some((Host::V6(Ipv6Addr::LOCALHOST, None), 9));
        let error = resolve(&address, true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn bind_addresses() {
        let resolve = |host, ipv6| resolve_blocking(&host, 1, ipv6).unwrap();
        assert_eq!(resolve(Host::Any, false), [addr("0.0.0.0:1")]);
        assert_eq!(resolve(Host::Any, true), [addr("[::]:1")]);
        assert_eq!(
            resolve(Host::V4(Ipv4Addr::LOCALHOST), true),
            [addr("127.0.0.1:1")]
        );
        assert!(resolve(Host::Name("localhost".into()), false).contains(&addr("127.0.0.1:1")));
    }

    #[test]
    fn interface_by_name() {
        let Some(loopback) = interfaces()
            .into_iter()
            .find(|interface| interface.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST))
        else {
            return;
        };
        let host = Host::Name(loopback.name.clone());
        let found = resolve_blocking(&host, 1, false).unwrap();
        assert!(found.contains(&addr("127.0.0.1:1")), "{found:?}");
        assert!(found.iter().all(SocketAddr::is_ipv4));

        let mut address = to(Host::V4(Ipv4Addr::LOCALHOST));
        address.source = Some((host, 0));
        assert_eq!(
            resolve(&address, false).unwrap().0,
            Some(addr("127.0.0.1:0"))
        );

        let zone = Host::V6("fe80::1".parse().unwrap(), Some(loopback.name.clone()));
        let (_, targets) = resolve(&to(zone), true).unwrap();
        let [SocketAddr::V6(target)] = targets[..] else {
            panic!("{targets:?}");
        };
        assert_eq!(Some(target.scope_id()), loopback.index);
    }

    /// A job that tells that it runs, and then waits to be released.
    fn blocked(started: &mpsc::Sender<()>, gate: &Arc<Barrier>) -> Job {
        let (started, gate) = (started.clone(), gate.clone());
        Job {
            work: Box::new(move || {
                started.send(()).unwrap();
                gate.wait();
                Ok((None, Vec::new()))
            }),
            done: Box::new(|_| {}),
        }
    }

    #[test]
    fn eight_threads_then_a_bounded_queue_then_an_error() {
        let resolver = Resolver::new();
        let (started_tx, started) = mpsc::channel();
        let gate = Arc::new(Barrier::new(MAX_THREADS + 1));
        for _ in 0..MAX_THREADS {
            resolver.submit(blocked(&started_tx, &gate));
        }
        for _ in 0..MAX_THREADS {
            started.recv_timeout(PATIENCE).unwrap();
        }
        let (tx, rx) = mpsc::channel();
        let job = |answer: io::Result<()>| {
            let tx = tx.clone();
            Job {
                work: Box::new(move || answer.map(|()| (None, Vec::new()))),
                done: Box::new(move |resolved| tx.send(resolved).unwrap()),
            }
        };
        for _ in 0..MAX_QUEUED {
            resolver.submit(job(Ok(())));
        }
        assert!(rx.try_recv().is_err(), "all threads are busy");
        resolver.submit(job(Ok(())));
        assert!(rx.try_recv().unwrap().is_err(), "told at once");

        gate.wait();
        for _ in 0..MAX_QUEUED {
            rx.recv_timeout(PATIENCE).unwrap().unwrap();
        }
        let shared = resolver.shared.clone();
        while shared.lock().threads > 0 {
            thread::yield_now();
        }
        resolver.submit(job(Ok(())));
        rx.recv_timeout(PATIENCE).unwrap().unwrap();
    }

    #[test]
    fn drop_forgets_what_is_queued_and_does_not_wait() {
        let resolver = Resolver::new();
        let (started_tx, started) = mpsc::channel();
        let gate = Arc::new(Barrier::new(MAX_THREADS + 1));
        for _ in 0..MAX_THREADS {
            resolver.submit(blocked(&started_tx, &gate));
        }
        for _ in 0..MAX_THREADS {
            started.recv_timeout(PATIENCE).unwrap();
        }
        let (tx, rx) = mpsc::channel::<()>();
        resolver.resolve_pair(&to(Host::Name("localhost".into())), false, move |_| {
            tx.send(()).unwrap();
        });
        drop(resolver);
        let end = rx.recv_timeout(PATIENCE);
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
        gate.wait();
    }

    #[test]
    fn panic_in_done_costs_no_thread() {
        let resolver = Resolver::new();
        let job = |done: Box<dyn FnOnce(Resolved) + Send>| Job {
            work: Box::new(|| Ok((None, Vec::new()))),
            done,
        };
        for _ in 0..2 * MAX_THREADS {
            // Without the message that a panic would print.
            resolver.submit(job(Box::new(|_| std::panic::resume_unwind(Box::new(())))));
        }
        let (tx, rx) = mpsc::channel();
        resolver.submit(job(Box::new(move |_| tx.send(()).unwrap())));
        rx.recv_timeout(PATIENCE).unwrap();
        while resolver.shared.lock().threads > 0 {
            thread::yield_now();
        }
    }
}
