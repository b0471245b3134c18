//! What a socket type is made of: which halves it uses, and how many peers it takes.

use crate::socket_type::SocketType;

/// A pattern as a composition of an outbound strategy and an inbound one.
///
/// | type | outbound | inbound | peers |
/// |---|---|---|---|
/// | PUSH | load balance | – | any |
/// | PULL | – | fair queue | any |
/// | PAIR | the one peer | the one peer | one |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    socket_type: SocketType,
    sends: bool,
    receives: bool,
    one_peer: bool,
}

impl Pattern {
    pub(crate) const PUSH: Self = Self {
        socket_type: SocketType::Push,
        sends: true,
        receives: false,
        one_peer: false,
    };
    pub(crate) const PULL: Self = Self {
        socket_type: SocketType::Pull,
        sends: false,
        receives: true,
        one_peer: false,
    };
    pub(crate) const PAIR: Self = Self {
        socket_type: SocketType::Pair,
        sends: true,
        receives: true,
        one_peer: true,
    };

    pub(super) fn socket_type(self) -> SocketType {
        self.socket_type
    }

    pub(super) fn sends(self) -> bool {
        self.sends
    }

    pub(super) fn receives(self) -> bool {
        self.receives
    }

    pub(super) fn has_one_peer(self) -> bool {
        self.one_peer
    }
}
