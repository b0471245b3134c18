//! The registry of inproc names: pairs sockets of one context, whichever comes first.

use std::collections::HashMap;
use std::sync::Arc;

use crate::command::{InprocPeer, Port, SocketId, ValueEnds};
use crate::pipe::{Load, PipeId};
use crate::signal::Wakes;
use crate::socket_type::SocketType;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// The name at which a ZAP handler is bound (RFC 27).
pub(crate) const ZAP: &str = "zeromq.zap.01";

/// Who is bound to which name, and who waits for it to be bound.
#[derive(Default)]
pub(crate) struct Registry {
    names: Mutex<HashMap<Arc<str>, Name>>,
    /// Whether a ZAP handler was ever bound.
    zap: AtomicBool,
}

#[derive(Default)]
struct Name {
    bound: Option<Arc<dyn Port>>,
    /// Whether that takes in who comes.
    open: bool,
    waiting: Vec<Connecter>,
}

/// A socket that connects to a name, with the ends that whoever is bound there will get.
#[derive(Clone)]
pub(crate) struct Connecter {
    pub(crate) port: Arc<dyn Port>,
    /// The name of the pipe at the connecting socket.
    pub(crate) pipe: PipeId,
    pub(crate) ends: ValueEnds,
}

/// Why a name can't be connected to, now or ever.
#[derive(Debug, thiserror::Error)]
#[error("a {connecting} cannot talk to the {bound} that is bound there")]
pub(crate) struct Mismatch {
    connecting: SocketType,
    bound: SocketType,
}

impl Registry {
    /// Binds a name; `false` if it is taken. Nobody comes in before it is [opened](Self::open).
    pub(crate) fn claim(&self, name: &Arc<str>, port: &Arc<dyn Port>) -> bool {
        let mut names = self.names.lock();
        let entry = names.entry(name.clone()).or_default();
        if entry.bound.is_some() {
            return false;
        }
        entry.bound = Some(port.clone());
        entry.open = false;
        if **name == *ZAP {
            self.zap.store(true, Ordering::SeqCst);
        }
        true
    }

    /// Whether anybody is bound to a name.
    pub(crate) fn is_bound(&self, name: &str) -> bool {
        let names = self.names.lock();
        names.get(name).is_some_and(|entry| entry.bound.is_some())
    }

    /// Whether a ZAP handler is or was bound.
    pub(crate) fn was_zap_bound(&self) -> bool {
        self.zap.load(Ordering::SeqCst)
    }

    /// Joins whoever waits for a name, or comes from now on, to the socket that has bound it, if it
    /// still has.
    pub(crate) fn open(&self, name: &str, socket: SocketId) {
        let (bound, unfit) = {
            let mut names = self.names.lock();
            let Some(entry) = names.get_mut(name) else {
                return;
            };
            let Some(bound) = entry.bound.clone().filter(|bound| bound.id() == socket) else {
                return;
            };
            entry.open = true;
            let ours = bound.socket_type();
            let unfit = entry
                .waiting
                .iter()
                .filter(|c| !ours.compatible(c.port.socket_type()));
            (bound, unfit.cloned().collect::<Vec<_>>())
        };
        for Connecter { port, pipe, .. } in unfit {
            let mismatch = Mismatch {
                connecting: port.socket_type(),
                bound: bound.socket_type(),
            };
            log::warn!("inproc://{name}: {mismatch}");
            port.unfit(name, Some(pipe), &mismatch);
            bound.unfit(name, None, &mismatch);
        }
        self.join_waiting(name);
    }

    /// Connects to a name, or waits for it to be bound, or for the place there to be free.
    pub(crate) fn connect(&self, name: &Arc<str>, connecter: Connecter) -> Result<(), Mismatch> {
        {
            let mut names = self.names.lock();
            let entry = names.entry(name.clone()).or_default();
            if let Some(bound) = &entry.bound {
                let (connecting, bound) = (connecter.port.socket_type(), bound.socket_type());
                if !connecting.compatible(bound) {
                    return Err(Mismatch { connecting, bound });
                }
            }
            entry.waiting.push(connecter.clone());
        }
        self.join_waiting(name);
        // Whoever gave the pipe up just before it was on the list could not take it off again.
        let Connecter { port, pipe, .. } = connecter;
        if !port.wants_values(pipe) {
            self.withdraw(name, port.id(), pipe);
        }
        Ok(())
    }

    /// Joins whoever waits at a name to its owner, as far as that takes them.
    pub(crate) fn join_waiting(&self, name: &str) {
        let (bound, waiting) = {
            let names = self.names.lock();
            let Some(Name {
                bound: Some(bound),
                open: true,
                waiting,
            }) = names.get(name)
            else {
                return;
            };
            (bound.clone(), waiting.clone())
        };
        for connecter in waiting {
            if bound.socket_type().compatible(connecter.port.socket_type()) {
                self.join(name, &bound, &connecter);
            }
        }
    }

    /// Joins one connecter to the bound socket; it stays waiting if it is refused.
    ///
    /// No lock is held meanwhile. Of several that try the same, the first to take it off the list
    /// has it; whoever finds at the end that one side has left takes the other side back.
    fn join(&self, name: &str, bound: &Arc<dyn Port>, connecter: &Connecter) {
        let Connecter { port, pipe, ends } = connecter;
        let there = InprocPeer {
            port: Arc::downgrade(port),
            pipe: *pipe,
        };
        if !self.withdraw(name, port.id(), *pipe) {
            return;
        }
        let address = || format!("inproc://{name}");
        let opened = port.meet(*pipe, bound.hello(address())).and_then(|()| {
            bound
                .clone()
                .open_values(ends.clone(), there, port.hello(address()))
        });
        match opened {
            Ok(joined) => {
                let here = InprocPeer {
                    port: Arc::downgrade(bound),
                    pipe: joined,
                };
                if !port.values_paired(*pipe, here) {
                    bound.values_parted(joined, false);
                    let mut wakes = Wakes::new();
                    if let Some(lane) = &ends.outbound {
                        lane.close_intake(&mut wakes);
                    }
                    wakes.fire();
                } else if !bound.is_paired(joined) {
                    // It left before the other knew of it, and so could not be told.
                    port.values_parted(*pipe, false);
                }
            }
            Err(refused) => {
                port.unmeet(*pipe);
                log::warn!("inproc://{name}: a connecting socket waits on: {refused}");
                port.refused(name, Some(*pipe), &refused);
                bound.refused(name, None, &refused);
                let mut names = self.names.lock();
                names
                    .entry(name.into())
                    .or_default()
                    .waiting
                    .push(connecter.clone());
                drop(names);
                // It may have been given up while it was off the list.
                if !port.wants_values(*pipe) && self.withdraw(name, port.id(), *pipe) {
                    let mut wakes = Wakes::new();
                    if let Some(lane) = &ends.inbound {
                        port.dropped(
                            lane.end_taking(Load::NONE, &mut wakes),
                            &format_args!("inproc://{name}"),
                        );
                    }
                    wakes.fire();
                }
            }
        }
    }

    /// Whether this socket may connect to whoever is bound to the name now.
    pub(crate) fn check(&self, name: &str, connecting: SocketType) -> Result<(), Mismatch> {
        match self
            .names
            .lock()
            .get(name)
            .and_then(|entry| entry.bound.as_ref())
        {
            Some(bound) if !bound.socket_type().compatible(connecting) => Err(Mismatch {
                connecting,
                bound: bound.socket_type(),
            }),
            _ => Ok(()),
        }
    }

    /// Frees a name that the socket has bound. Peers that are joined already stay joined.
    pub(crate) fn unbind(&self, name: &str, socket: SocketId) -> bool {
        self.remove(name, |entry| {
            let bound = entry.bound.take_if(|port| port.id() == socket);
            (bound.is_some(), bound)
        })
    }

    /// Takes back what a socket left waiting at a name; says whether it was still waiting.
    pub(crate) fn withdraw(&self, name: &str, socket: SocketId, pipe: PipeId) -> bool {
        self.remove(name, |entry| {
            let place = entry
                .waiting
                .iter()
                .position(|c| c.port.id() == socket && c.pipe == pipe);
            let gone = place.map(|place| entry.waiting.swap_remove(place));
            (gone.is_some(), gone)
        })
    }

    /// Whether what a socket left at a name is still waiting there.
    pub(crate) fn is_waiting(&self, name: &str, socket: SocketId, pipe: PipeId) -> bool {
        self.names.lock().get(name).is_some_and(|entry| {
            entry
                .waiting
                .iter()
                .any(|c| c.port.id() == socket && c.pipe == pipe)
        })
    }

    fn remove<T>(&self, name: &str, change: impl FnOnce(&mut Name) -> (bool, T)) -> bool {
        let mut names = self.names.lock();
        let Some(entry) = names.get_mut(name) else {
            return false;
        };
        let (found, removed) = change(entry);
        if entry.bound.is_none() && entry.waiting.is_empty() {
            names.remove(name);
        }
        // A port may be the last owner of its socket: it is dropped outside the lock.
        drop(names);
        drop(removed);
        found
    }
}
