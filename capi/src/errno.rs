//! The numbers of errors: the system's, libzmq's own, and which of them stands for an error of ours.

use std::ffi::{CStr, c_char, c_int};
use std::io;

use zocket::{
    BindError, BuildError, ConnectError, EndpointError, EndpointErrorKind, RecvError, ReserveError,
    SendFailure, SubscribeError, TryRecvError, UnbindError,
};

/// A value of `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

/// Where libzmq's own numbers begin.
const HAUSNUMERO: c_int = 156_384_712;

pub(crate) const EFSM: Errno = Errno(HAUSNUMERO + 51);
pub(crate) const ENOCOMPATPROTO: Errno = Errno(HAUSNUMERO + 52);
pub(crate) const ETERM: Errno = Errno(HAUSNUMERO + 53);
pub(crate) const EMTHREAD: Errno = Errno(HAUSNUMERO + 54);

pub(crate) const EAGAIN: Errno = Errno(libc::EAGAIN);
pub(crate) const EFAULT: Errno = Errno(libc::EFAULT);
pub(crate) const EHOSTUNREACH: Errno = Errno(libc::EHOSTUNREACH);
pub(crate) const EINTR: Errno = Errno(libc::EINTR);
pub(crate) const EINVAL: Errno = Errno(libc::EINVAL);
pub(crate) const EIO: Errno = Errno(libc::EIO);
pub(crate) const EMFILE: Errno = Errno(libc::EMFILE);
pub(crate) const ENODEV: Errno = Errno(libc::ENODEV);
pub(crate) const ENOENT: Errno = Errno(libc::ENOENT);
pub(crate) const ENOMEM: Errno = Errno(libc::ENOMEM);
pub(crate) const ENOTSOCK: Errno = Errno(libc::ENOTSOCK);
pub(crate) const ENOTSUP: Errno = Errno(libc::ENOTSUP);
pub(crate) const EPROTONOSUPPORT: Errno = Errno(libc::EPROTONOSUPPORT);

/// Of a fault of the library itself, where libzmq would end the process.
pub(crate) const BROKEN: Errno = Errno(libc::ENOTRECOVERABLE);

impl Errno {
    pub(crate) fn set(self) {
        // SAFETY: the place is the calling thread's own, and there as long as the thread is.
        unsafe { *place() = self.0 }
    }

    pub(crate) fn last() -> Self {
        // SAFETY: as in `set`.
        Self(unsafe { *place() })
    }

    fn text(self) -> Option<&'static CStr> {
        Some(match self {
            EFSM => c"Operation cannot be accomplished in current state",
            ENOCOMPATPROTO => c"The protocol is not compatible with the socket type",
            ETERM => c"Context was terminated",
            EMTHREAD => c"No thread available",
            _ => return None,
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
use libc::__errno_location as place;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as place;

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly"
))]
use libc::__error as place;

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        let known = match error.kind() {
            // Somebody listens there; or a file is there that is nobody's to remove.
            io::ErrorKind::AddrInUse | io::ErrorKind::AlreadyExists => Self(libc::EADDRINUSE),
            io::ErrorKind::InvalidInput => EINVAL,
            io::ErrorKind::Unsupported => ENOTSUP,
            // A name that does not resolve, or an interface that is not there.
            _ => ENODEV,
        };
        error.raw_os_error().map_or(known, Self)
    }
}

impl From<&EndpointError> for Errno {
    fn from(error: &EndpointError) -> Self {
        match error.kind() {
            EndpointErrorKind::UnknownScheme => EPROTONOSUPPORT,
            EndpointErrorKind::PathTooLong => Self(libc::ENAMETOOLONG),
            _ => EINVAL,
        }
    }
}

impl From<BindError> for Errno {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Endpoint(error) => (&error).into(),
            BindError::Io { error, .. } | BindError::Descriptor(error) => error.into(),
            BindError::NameTaken(_) => Self(libc::EADDRINUSE),
            BindError::NoIoThread(_) => EMTHREAD,
            BindError::Closed => ENOTSOCK,
            BindError::Terminated => ETERM,
            _ => EINVAL,
        }
    }
}

impl From<ConnectError> for Errno {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Endpoint(error) => (&error).into(),
            ConnectError::Descriptor(error) | ConnectError::Io(error) => error.into(),
            ConnectError::Option { error, .. } => error.into(),
            ConnectError::NoIoThread(_) => EMTHREAD,
            ConnectError::Closed => ENOTSOCK,
            ConnectError::Terminated => ETERM,
            _ => EINVAL,
        }
    }
}

impl From<UnbindError> for Errno {
    fn from(error: UnbindError) -> Self {
        match error {
            UnbindError::Endpoint(error) => (&error).into(),
            UnbindError::Unknown(_) => ENOENT,
            UnbindError::Closed => ENOTSOCK,
            UnbindError::Terminated => ETERM,
            _ => EINVAL,
        }
    }
}

impl From<BuildError> for Errno {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Io(error) => error.into(),
            BuildError::TooManySockets(_) => EMFILE,
            BuildError::Terminated => ETERM,
            _ => EINVAL,
        }
    }
}

impl From<SendFailure> for Errno {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Closed => ENOTSOCK,
            SendFailure::Terminated => ETERM,
            SendFailure::WrongState => EFSM,
            SendFailure::Unroutable => EHOSTUNREACH,
            SendFailure::Interrupted => EINTR,
            _ => EAGAIN,
        }
    }
}

impl From<ReserveError> for Errno {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Closed => ENOTSOCK,
            ReserveError::Terminated => ETERM,
            ReserveError::Unroutable => EHOSTUNREACH,
            _ => EAGAIN,
        }
    }
}

impl From<TryRecvError> for Errno {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Closed => ENOTSOCK,
            TryRecvError::Terminated => ETERM,
            TryRecvError::WrongState => EFSM,
            _ => EAGAIN,
        }
    }
}

impl From<RecvError> for Errno {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Interrupted => EINTR,
            error => TryRecvError::from(error).into(),
        }
    }
}

impl From<SubscribeError> for Errno {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Closed => ENOTSOCK,
            SubscribeError::Terminated => ETERM,
            _ => EINVAL,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn zmq_errno() -> c_int {
    Errno::last().0
}

#[unsafe(no_mangle)]
extern "C" fn zmq_strerror(number: c_int) -> *const c_char {
    match Errno(number).text() {
        Some(text) => text.as_ptr(),
        // SAFETY: any number may be asked for; the text is the C library's, to be read only.
        None => unsafe { libc::strerror(number) },
    }
}
