//! The registry of inproc names: pairs sockets of one context, whichever comes first.

use std::collections::HashMap;
use std::sync::Arc;

use crate::command::{InprocPeer, Port, Refused, SocketId, ValueEnds};
use crate::pipe::{Limits, PipeId};
use crate::signal::Wakes;
use crate::socket_type::SocketType;
use crate::sync::Mutex;

/// Who is bound to which name, and who waits for it to be bound.
#[derive(Default)]
pub(crate) struct Registry {
    names: Mutex<HashMap<Arc<str>, Name>>,
}

#[derive(Default)]
struct Name {
    bound: Option<Arc<dyn Port>>,
    waiting: Vec<Connecter>,
}

/// A socket that connects to a name, with the ends that whoever is bound there will get.
pub(crate) struct Connecter {
    pub(crate) port: Arc<dyn Port>,
    /// The name of the pipe at the connecting socket.
    pub(crate) pipe: PipeId,
    pub(crate) ends: ValueEnds,
}

/// Why a name could not be connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("a {connecting} cannot talk to the {bound} that is bound there")]
    Type {
        connecting: SocketType,
        bound: SocketType,
    },
    #[error("{0}")]
    Refused(Refused),
}

impl Registry {
    /// Binds a name; `false` if it is taken. Whoever waited for it is joined to the new owner.
    pub(crate) fn bind(&self, name: &Arc<str>, port: &Arc<dyn Port>) -> bool {
        let waiting = {
            let mut names = self.names.lock();
            let entry = names.entry(name.clone()).or_default();
            if entry.bound.is_some() {
                return false;
            }
            entry.bound = Some(port.clone());
            let ours = port.socket_type();
            let (joins, stays): (Vec<_>, _) = std::mem::take(&mut entry.waiting)
                .into_iter()
                .partition(|c| ours.compatible(c.port.socket_type()));
            entry.waiting = stays;
            let unfit: Vec<SocketType> =
                entry.waiting.iter().map(|c| c.port.socket_type()).collect();
            drop(names);
            for theirs in unfit {
                log::warn!(
                    "inproc://{name}: a {theirs} that connects cannot talk to the {ours} bound now"
                );
            }
            joins
        };
        for connecter in waiting {
            if let Err(refused) = join(port, &connecter) {
                log::warn!("inproc://{name}: a connecting socket was refused: {refused}");
            }
        }
        true
    }

    /// Connects to a name, or waits for it to be bound.
    pub(crate) fn connect(&self, name: &Arc<str>, connecter: Connecter) -> Result<(), Mismatch> {
        let bound = {
            let mut names = self.names.lock();
            let entry = names.entry(name.clone()).or_default();
            match &entry.bound {
                None => {
                    entry.waiting.push(connecter);
                    return Ok(());
                }
                Some(bound) => bound.clone(),
            }
        };
        let (connecting, theirs) = (connecter.port.socket_type(), bound.socket_type());
        if !connecting.compatible(theirs) {
            return Err(Mismatch::Type {
                connecting,
                bound: theirs,
            });
        }
        join(&bound, &connecter).map_err(Mismatch::Refused)
    }

    /// Whether this socket may connect to whoever is bound to the name now.
    pub(crate) fn check(&self, name: &str, connecting: SocketType) -> Result<(), Mismatch> {
        match self
            .names
            .lock()
            .get(name)
            .and_then(|entry| entry.bound.as_ref())
        {
            Some(bound) if !bound.socket_type().compatible(connecting) => Err(Mismatch::Type {
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

/// Joins a connecting socket to the bound one.
fn join(bound: &Arc<dyn Port>, connecter: &Connecter) -> Result<(), Refused> {
    let mut wakes = Wakes::new();
    let (theirs, ours) = (bound.options(), connecter.port.options());
    if let Some(lane) = &connecter.ends.inbound {
        lane.set_limits(Limits::joined(ours.send_hwm, theirs.recv_hwm), &mut wakes);
    }
    if let Some(lane) = &connecter.ends.outbound {
        lane.set_limits(Limits::joined(theirs.send_hwm, ours.recv_hwm), &mut wakes);
    }
    wakes.fire();
    let there = InprocPeer {
        port: Arc::downgrade(&connecter.port),
        pipe: connecter.pipe,
    };
    let pipe = bound.clone().open_values(connecter.ends.clone(), there)?;
    connecter.port.values_paired(
        connecter.pipe,
        InprocPeer {
            port: Arc::downgrade(bound),
            pipe,
        },
    );
    Ok(())
}
