//! What a socket type is made of.

use super::exchange::{Exchange, Manner};
use super::halves::{Intake, Writers};
use super::publishing::Upstreams;
use crate::options::Options;
use crate::routing::{Distributor, Interests, LoadBalancer, Rules, Table, Upstream};
use crate::socket_type::SocketType;

/// A pattern as a composition of an outbound strategy and an inbound one.
///
/// | type | outbound | inbound | framing |
/// |---|---|---|---|
/// | PUSH | load balance | – | |
/// | PULL | – | fair queue | |
/// | PAIR | the one peer | the one peer | |
/// | PUB, XPUB | distribute by subscription | what subscribers say | first frame = topic |
/// | SUB, XSUB | to every publisher | fair queue (SUB: filtered) | |
/// | DEALER | load balance | fair queue | |
/// | ROUTER | by routing id | fair queue | routing id in front |
/// | REQ | load balance, one at a time | from the peer that was asked | empty delimiter (and id) in front |
/// | REP | back to who asked | fair queue | envelope kept, and put in front of the reply |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(pub(crate) SocketType);

impl Pattern {
    pub(super) fn socket_type(self) -> SocketType {
        self.0
    }

    /// Whether pipes have a lane to the peer.
    pub(super) fn sends(self) -> bool {
        self.0 != SocketType::Pull
    }

    /// Whether pipes have a lane from the peer. (A publisher's brings it subscriptions.)
    pub(super) fn receives(self) -> bool {
        self.0 != SocketType::Push
    }

    /// Whether a message is sent as it is, to whoever is to have it.
    pub(super) fn sends_plainly(self) -> bool {
        matches!(
            self.0,
            SocketType::Push
                | SocketType::Dealer
                | SocketType::Pair
                | SocketType::Pub
                | SocketType::XPub
        )
    }

    /// Whether a message is received as it comes, with nothing to be taken off and nobody to be told.
    pub(super) fn receives_plainly(self) -> bool {
        matches!(
            self.0,
            SocketType::Pull | SocketType::Dealer | SocketType::Pair | SocketType::Sub
        )
    }

    /// Whether it sends to its peers by their names.
    pub(super) fn routes(self) -> bool {
        self.0 == SocketType::Router
    }

    pub(super) fn has_one_peer(self) -> bool {
        self.0 == SocketType::Pair
    }

    pub(super) fn publishes(self) -> bool {
        matches!(self.0, SocketType::Pub | SocketType::XPub)
    }

    pub(super) fn subscribes(self) -> bool {
        matches!(self.0, SocketType::Sub | SocketType::XSub)
    }

    /// Whether it tells its peers its routing id.
    pub(super) fn announces_itself(self) -> bool {
        matches!(
            self.0,
            SocketType::Req | SocketType::Dealer | SocketType::Router
        )
    }

    /// Whether a pipe is worth nothing without the connection it was made for: a reply goes to who
    /// asked, and to nobody who comes after.
    pub(super) fn needs_connection(self) -> bool {
        self.0 == SocketType::Rep
    }

    pub(super) fn writers(self, options: &Options) -> Writers {
        match self.0 {
            SocketType::Pub | SocketType::XPub => {
                Writers::Distributor(Distributor::new(self.rules(options)))
            }
            SocketType::Sub | SocketType::XSub => Writers::Upstream(Upstream::default()),
            SocketType::Router | SocketType::Rep => Writers::Table(Table::new(random())),
            // Whether a request may be sent is a matter of both halves.
            SocketType::Req => Writers::Balance(LoadBalancer::new()),
            _ => Writers::Balance(LoadBalancer::with_shortcut()),
        }
    }

    /// How a publisher goes about it.
    pub(super) fn rules(self, options: &Options) -> Rules {
        Rules {
            invert: options.invert_matching,
            nodrop: options.nodrop,
            max_topics: options.max_subscriptions,
            max_topic_bytes: options.max_subscription_bytes,
            max_topics_of_one: options.max_subscriptions_per_address,
            slow: options.slow_subscriber,
        }
    }

    pub(super) fn intake(self, options: &Options) -> Intake {
        match self.0 {
            SocketType::Pub | SocketType::XPub => Intake::Upstreams(Upstreams::new(self, options)),
            SocketType::Sub => Intake::Filter(Interests::new()),
            SocketType::XSub => Intake::Told(Interests::new()),
            SocketType::Req => Intake::Exchange(Exchange::new(random(), Manner::of(options))),
            SocketType::Rep => Intake::Requests(None),
            _ => Intake::Plain,
        }
    }
}

/// A number that nobody can foretell, for ids to begin with.
fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    // Keyed anew for each: the hash of nothing is as good as a random number.
    RandomState::new().hash_one(()) as u32
}
