//! Who owns a socket: dropping it closes the socket.

use std::ops::Deref;
use std::sync::Arc;

use super::core::Core;

/// The one owner of a core, whichever type of socket holds it.
#[derive(Debug)]
pub(crate) struct Owner(Arc<Core>);

impl Owner {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }
}

impl Deref for Owner {
    type Target = Arc<Core>;

    #[inline]
    fn deref(&self) -> &Arc<Core> {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.0.context().is_foreign() {
            // It is the parent's to close.
            return;
        }
        // First: nobody can take it out of a poller any more, and closing may take its time.
        self.0.part_with_watchers();
        self.0.close_on_drop();
    }
}
