//! Telling those who watch from outside: pollers, and the socket's own descriptor.

use super::core::Core;
use crate::command::SocketId;
use crate::waiting::Watchable;

impl Core {
    pub(crate) fn id(&self) -> SocketId {
        self.id
    }

    /// Whether something can be received; up for ever once the socket has ended.
    pub(crate) fn readable(&self) -> &dyn Watchable {
        &self.inbound
    }

    /// Whether something can be sent without waiting; up for ever once the socket has ended.
    pub(crate) fn writable(&self) -> &dyn Watchable {
        &self.outbound
    }

    /// Whether every call fails because the socket is closed or its context shut down.
    pub(crate) fn has_ended(&self) -> bool {
        self.inbound.peek(|half| half.ended.is_some())
    }

    /// Tells all who watch that there is nothing to watch any more.
    pub(super) fn part_with_watchers(&self) {
        for half in [self.readable(), self.writable()] {
            for watch in half.take_watches() {
                watch.watcher.on_gone(watch.id);
            }
        }
    }
}
