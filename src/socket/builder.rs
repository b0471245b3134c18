//! Sets up a socket: setters for its options (see `options`), checked together.

use std::fmt;
use std::marker::PhantomData;

use super::core::Core;
use super::sealed::CoreToken;
use super::{Owner, Pattern, SocketKind};
use crate::context::{Context, NotEnrolled};
use crate::error::BuildError;
use crate::options::Options;
use crate::socket_type::SocketType;

/// Sets up a socket of type `T`; made by its `builder()`.
///
/// A setter exists only where it applies. Nothing is checked before [`build`](Self::build), which
/// then names everything that is wrong at once.
///
/// ```
/// use std::time::Duration;
/// use zocket::Push;
///
/// # fn main() -> Result<(), zocket::Error> {
/// let push = Push::builder()
///     .send_hwm(10_000)
///     .linger(Duration::from_secs(1))
///     .reconnect_interval(Duration::from_millis(50))
///     .build()?;
/// # drop(push);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Builder<T> {
    pub(super) socket_type: SocketType,
    pub(super) options: Options,
    context: Option<Context>,
    pub(super) wrong: Vec<String>,
    kind: PhantomData<fn() -> T>,
}

impl<T: SocketKind> Builder<T> {
    pub(super) fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            options: Options::default(),
            context: None,
            wrong: Vec::new(),
            kind: PhantomData,
        }
    }

    /// The context that the socket lives in. Default: [`Context::global`].
    ///
    /// inproc names are seen within one context only.
    pub fn context(mut self, context: &Context) -> Self {
        self.context = Some(context.clone());
        self
    }

    /// Sets every option to libzmq's default, those that were set before, too.
    ///
    /// Which are: to linger for ever (SUB and XSUB: not at all), to ask nobody for a sign of life
    /// (and a [`heartbeat_timeout`](Self::heartbeat_timeout) that is the interval, if one is set),
    /// 30 s for a handshake, an attempt to connect after at most 100 ms each time, 8192 bytes for a
    /// read and a write, and no limit to messages, frames, subscriptions and handshakes under way. What
    /// is not an option stays: that a wait is a random part of its interval, say, and that one topic has
    /// at most 1 MiB.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zocket::Push;
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let push = Push::builder().with_libzmq_defaults().send_hwm(10).build()?;
    /// assert_eq!(push.options().linger(), None);
    /// assert_eq!(push.options().handshake_timeout(), Some(Duration::from_secs(30)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_libzmq_defaults(mut self) -> Self {
        self.options = Options::of_libzmq(self.socket_type);
        self
    }

    /// Makes the socket.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`] lists every value that cannot be; [`BuildError::TooManySockets`] if the
    /// context may have no more; [`BuildError::Terminated`] if it is shut down.
    pub fn build(mut self) -> Result<T, BuildError> {
        let context = self.context.unwrap_or_else(Context::global);
        self.options.adopt(context.socket_defaults());
        let settled = self.options.settle();
        let affinity = context.check_affinity(&self.options.affinity);
        self.wrong.extend(settled.and(affinity).err());
        if !self.wrong.is_empty() {
            return Err(BuildError::Invalid(self.wrong));
        }
        if context.is_shut_down() {
            return Err(BuildError::Terminated);
        }
        let (core, enrolled) = Core::enrolled(Pattern(self.socket_type), self.options, context);
        match enrolled {
            // Shut down just now: it is born terminated.
            Ok(()) | Err(NotEnrolled::Terminated) => Ok(T::from_core(CoreToken(Owner::new(core)))),
            Err(NotEnrolled::TooMany(most)) => Err(BuildError::TooManySockets(most)),
        }
    }

    /// The socket with nothing set: cannot fail, and makes a socket that is born terminated where
    /// `build` says so.
    pub(super) fn make_default(socket_type: SocketType) -> T {
        // There is no limit to the sockets of this context.
        let core = Core::new(Pattern(socket_type), Options::default(), Context::global());
        T::from_core(CoreToken(Owner::new(core)))
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
