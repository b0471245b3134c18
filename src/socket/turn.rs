//! Whose turn it is: requests of several threads and tasks follow one another on a REQ.

use crate::waiting::{GaveUp, Half, Patience, Ready};

/// One place, for one at a time.
#[derive(Debug)]
pub(super) struct Turn(Half<Place>);

#[derive(Debug)]
struct Place {
    taken: bool,
}

impl Ready for Place {
    fn ready(&self) -> bool {
        !self.taken
    }
}

/// The place is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a>(&'a Turn);

impl Turn {
    pub(super) fn new() -> Self {
        Self(Half::new(Place { taken: false }))
    }

    pub(super) fn take(&self, patience: impl FnOnce() -> Patience) -> Result<Taken<'_>, GaveUp> {
        self.0.wait(patience, |place, _| place.take())?;
        Ok(Taken(self))
    }

    pub(super) async fn take_async(&self) -> Taken<'_> {
        self.0.wait_async(|place, _| place.take()).await;
        Taken(self)
    }
}

impl Place {
    fn take(&mut self) -> Option<()> {
        (!std::mem::replace(&mut self.taken, true)).then_some(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.0.update(|place, _| place.taken = false);
    }
}
