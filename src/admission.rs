//! Who may connect to a socket: filters, caps, and the count of those who are in.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::network::Network;
use crate::peer_info::{PeerCredentials, PeerInfo};
use crate::sync::Mutex;

/// What is known of a peer before a byte of it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Remote {
    Tcp(SocketAddr),
    /// With what the system says of the process, if it says anything.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no ipc"))]
    Ipc(Option<PeerCredentials>),
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Ipc(Some(who)) => write!(f, "{who}"),
            Self::Ipc(None) => f.write_str("local process"),
        }
    }
}

/// Who is let in.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdmissionRules {
    /// Networks that may connect over tcp; if there are none, all may.
    pub(crate) networks: Vec<Network>,
    /// Who may connect over ipc: who is in any of these three; if all are empty, everybody.
    pub(crate) users: Vec<u32>,
    pub(crate) groups: Vec<u32>,
    pub(crate) processes: Vec<u32>,
    /// How many connections that were accepted there may be at a time.
    pub(crate) most: Option<usize>,
    /// The same for each address, over ipc for each user.
    pub(crate) most_of_one: Option<usize>,
}

impl AdmissionRules {
    /// Whether somebody may connect at all.
    fn check(&self, remote: &Remote) -> Result<(), NotAdmitted> {
        match remote {
            Remote::Tcp(address) => {
                let is_in = |network: &Network| network.contains(address.ip());
                let open = self.networks.is_empty() || self.networks.iter().any(is_in);
                open.then_some(()).ok_or(NotAdmitted::Address)
            }
            Remote::Ipc(_) if !self.asks_who() => Ok(()),
            Remote::Ipc(Some(who)) => {
                let is_in = self.users.contains(&who.uid)
                    || self.groups.contains(&who.gid)
                    || self.processes.contains(&who.pid);
                is_in.then_some(()).ok_or(NotAdmitted::Credentials)
            }
            Remote::Ipc(None) => Err(NotAdmitted::Unknown),
        }
    }

    fn asks_who(&self) -> bool {
        !(self.users.is_empty() && self.groups.is_empty() && self.processes.is_empty())
    }
}

/// Why somebody was not let in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotAdmitted {
    #[error("its address is in no network that may connect")]
    Address,
    #[error("no filter lets its user, group or process in")]
    Credentials,
    #[error("the system does not say whose process it is")]
    Unknown,
    #[error("the socket is at its limit of connections, {0}")]
    Full(usize),
    #[error("that origin is at its limit of connections, {0}")]
    FullOfOne(usize),
}

/// Those who are in: one count for the socket, whichever listener and I/O thread let them in.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    taken: usize,
    /// No longer than there are seats taken.
    by_origin: HashMap<Origin, usize>,
}

/// Whose connections are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Origin {
    Address(IpAddr),
    User(u32),
    Unknown,
}

impl Origin {
    /// The same of a peer that is known by now; over inproc there is none.
    pub(crate) fn of(peer: &PeerInfo) -> Option<Self> {
        if let Some(who) = peer.credentials() {
            return Some(Self::User(who.uid));
        }
        if peer.address().starts_with("inproc:") {
            return None;
        }
        let address = peer.address().parse::<SocketAddr>();
        Some(address.map_or(Self::Unknown, |address| {
            Self::Address(address.ip().to_canonical())
        }))
    }
}

impl From<&Remote> for Origin {
    fn from(remote: &Remote) -> Self {
        match remote {
            Remote::Tcp(address) => Self::Address(address.ip().to_canonical()),
            Remote::Ipc(Some(who)) => Self::User(who.uid),
            Remote::Ipc(None) => Self::Unknown,
        }
    }
}

impl Admission {
    /// Lets somebody in, whose seat is then taken for as long as it lives.
    pub(crate) fn admit(
        self: &Arc<Self>,
        remote: &Remote,
        rules: &AdmissionRules,
    ) -> Result<Seat, NotAdmitted> {
        rules.check(remote)?;
        let origin = Origin::from(remote);
        let mut seats = self.seats.lock();
        if rules.most.is_some_and(|most| seats.taken >= most) {
            return Err(NotAdmitted::Full(seats.taken));
        }
        let of_one = seats.by_origin.get(&origin).copied().unwrap_or(0);
        if rules.most_of_one.is_some_and(|most| of_one >= most) {
            return Err(NotAdmitted::FullOfOne(of_one));
        }
        seats.taken += 1;
        seats.by_origin.insert(origin, of_one + 1);
        Ok(Seat {
            admission: self.clone(),
            origin,
        })
    }
}

/// The place of one connection that was accepted.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    origin: Origin,
}

impl Seat {
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.admission.seats.lock();
        seats.taken = seats.taken.saturating_sub(1);
        if let Some(count) = seats.by_origin.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                seats.by_origin.remove(&self.origin);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn tcp(address: &str) -> Remote {
        match address.parse() {
            Ok(ip) => Remote::Tcp(SocketAddr::new(ip, 7)),
            Err(error) => panic!("{address}: {error}"),
        }
    }

    fn ipc(pid: u32, uid: u32, gid: u32) -> Remote {
        Remote::Ipc(Some(PeerCredentials { pid, uid, gid }))
    }

    fn says(rules: &AdmissionRules, remote: Remote) -> Result<(), NotAdmitted> {
        Arc::new(Admission::default())
            .admit(&remote, rules)
            .map(drop)
    }

    #[test]
    fn without_rules_everybody_is_let_in() {
        let rules = AdmissionRules::default();
        for remote in [tcp("1.2.3.4"), ipc(1, 2, 3), Remote::Ipc(None)] {
            assert_eq!(says(&rules, remote), Ok(()));
        }
    }

    #[test]
    fn one_network_of_several_is_enough() {
        let rules = AdmissionRules {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..AdmissionRules::default()
        };
        for good in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"] {
            assert_eq!(says(&rules, tcp(good)), Ok(()));
        }
        for bad in ["11.1.2.3", "::ffff:11.1.2.3", "fe80::1", "::1"] {
            assert_eq!(says(&rules, tcp(bad)), Err(NotAdmitted::Address));
        }
        assert_eq!(says(&rules, ipc(1, 2, 3)), Ok(()), "not over tcp");
    }

    #[test]
    fn a_user_a_group_or_a_process_is_enough() {
        let rules = AdmissionRules {
            users: vec![10, 11],
            groups: vec![20],
            processes: vec![30],
            ..AdmissionRules::default()
        };
        for good in [ipc(1, 10, 1), ipc(1, 11, 1), ipc(1, 1, 20), ipc(30, 1, 1)] {
            assert_eq!(says(&rules, good), Ok(()));
        }
        // A number stands for what it was given as.
        for bad in [ipc(10, 1, 1), ipc(20, 30, 10), ipc(1, 20, 1)] {
            assert_eq!(says(&rules, bad), Err(NotAdmitted::Credentials));
        }
        assert_eq!(says(&rules, Remote::Ipc(None)), Err(NotAdmitted::Unknown));
        assert_eq!(says(&rules, tcp("1.2.3.4")), Ok(()), "not over ipc");
    }

    #[test]
    fn seats_are_counted_in_all_and_of_one_until_they_are_left() {
        let rules = AdmissionRules {
            most: Some(3),
            most_of_one: Some(2),
            ..AdmissionRules::default()
        };
        let admission = Arc::new(Admission::default());
        let admit = |remote: &Remote| admission.admit(remote, &rules);
        let one = admit(&tcp("10.0.0.1")).unwrap();
        let two = admit(&tcp("::ffff:10.0.0.1")).unwrap();
        let full = NotAdmitted::FullOfOne(2);
        assert_eq!(admit(&tcp("10.0.0.1")).unwrap_err(), full);
        let other = admit(&ipc(1, 2, 3)).unwrap();
        assert_eq!(admit(&ipc(1, 3, 3)).unwrap_err(), NotAdmitted::Full(3));
        drop(one);
        let again = admit(&tcp("10.0.0.1")).unwrap();
        drop(other);
        assert_eq!(admit(&tcp("10.0.0.1")).unwrap_err(), full);
        drop((two, again));
        let seats = admission.seats.lock();
        assert_eq!((seats.taken, seats.by_origin.len()), (0, 0));
    }
}
