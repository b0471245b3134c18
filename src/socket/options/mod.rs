//! Every option of a socket: how it is set up, read, and changed later.
//!
//! ```text
//!   Builder ── set ────┐            ┌─ table    one entry for each: what it means, what is put where
//!                      ├─ checked ──┼─ lists    those that are many, or text
//!   SocketOptions ─ change          └─ values   what a value must be, and the reason otherwise
//!        └───────► live (beside this): what a change does;  timeouts: those that every call reads
//! ```

mod lists;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;
mod timeouts;
mod values;

use std::fmt;
use std::marker::PhantomData;

use super::builder::Builder;
use super::core::Core;
use crate::error::OptionError;
use crate::options::Options;
use crate::socket_type::SocketType;

pub(super) use timeouts::Timeouts;

/// The options of a living socket, of type `T`: to be read, each by the name of the [`Builder`]'s
/// setter, and, but for a few, to be changed; given by its `options()`.
///
/// A change that says so counts at once. All others count for endpoints bound and connections made
/// from then on, those that are made again after a loss included; a connection that is accepted has
/// what is the kernel's (buffers, keep-alive and the like) of its endpoint.
///
/// There is what applies to the type, and nothing else; of a [`Socket`](crate::Socket) there is
/// everything, and what does not apply to its type reads as its default and is not to be changed. On a
/// socket that is closed a change is of no consequence.
///
/// ```
/// use std::time::Duration;
/// use zocket::Push;
///
/// # fn main() -> Result<(), zocket::Error> {
/// let push = Push::builder().send_hwm(10_000).build()?;
/// assert_eq!(push.options().send_hwm(), 10_000);
/// assert_eq!(push.options().linger(), Some(Duration::from_secs(5)));
///
/// push.options().set_send_hwm(10)?;
/// push.options().set_linger(None)?;
/// # push.options().set_linger(Duration::ZERO)?;
/// # Ok(())
/// # }
/// ```
pub struct SocketOptions<'a, T> {
    core: &'a Core,
    kind: PhantomData<fn() -> T>,
}

impl<'a, T> SocketOptions<'a, T> {
    pub(crate) fn new(core: &'a Core) -> Self {
        Self {
            core,
            kind: PhantomData,
        }
    }

    fn change<V>(
        &self,
        option: &str,
        applies: impl FnOnce(SocketType) -> bool,
        value: Result<V, String>,
        put: impl FnOnce(&mut Options, V),
    ) -> Result<(), OptionError> {
        let value = checked(option, self.core.type_of(), applies, value)?;
        self.core
            .change_options(|options| put(options, value))
            .map_err(OptionError::Invalid)
    }
}

impl<T> Clone for SocketOptions<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SocketOptions<'_, T> {}

impl<T> fmt::Debug for SocketOptions<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.options().fmt(f)
    }
}

impl<T> Builder<T> {
    fn set<V>(
        mut self,
        option: &str,
        applies: impl FnOnce(SocketType) -> bool,
        value: Result<V, String>,
        put: impl FnOnce(&mut Options, V),
    ) -> Self {
        match checked(option, self.socket_type, applies, value) {
            Ok(value) => put(&mut self.options, value),
            Err(wrong) => self.wrong.push(wrong.to_string()),
        }
        self
    }
}

/// Where `?` ends: at the value.
fn value_of<V>(value: impl FnOnce() -> Result<V, String>) -> Result<V, String> {
    value()
}

/// The value, if it may be given to a socket of this type.
fn checked<V>(
    option: &str,
    socket_type: SocketType,
    applies: impl FnOnce(SocketType) -> bool,
    value: Result<V, String>,
) -> Result<V, OptionError> {
    if !applies(socket_type) {
        let why = format!("{option}: does not apply to {socket_type}");
        return Err(OptionError::Inapplicable(why));
    }
    value.map_err(|why| OptionError::Invalid(format!("{option}: {why}")))
}
