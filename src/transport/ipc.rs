//! Listeners and streams over sockets of the Unix domain.
//!
//! A socket file outlives its listener when a process dies, and `bind` fails if the file is
//! there. So a bind looks whether somebody listens, and removes the file if not. Two things
//! could go wrong with that: of two binders that both saw the stale file, the slower one removes
//! the new file of the quicker one; or a binder is taken for dead between its bind and its
//! listen. Therefore the look, the removal, the bind and the listen are one step under an
//! advisory lock, which every binder of the path takes: whoever gets it second finds a live
//! listener, and exactly one wins.
//!
//! The lock is `flock` of a hidden file beside the socket: the system releases it when the
//! holder dies. The holder removes the file before it releases the lock, so that nothing is
//! left behind; whoever waited for that file finds that the path no longer leads to what it has
//! locked, and starts again. (Locking the directory would need no file, but applications lock
//! their directories for purposes of their own.)

#[cfg(not(unix))]
pub(crate) use other::{bind, connect};
#[cfg(unix)]
pub(crate) use unix::{IpcListener, bind, connect};
#[cfg(unix)]
pub(super) use unix::{adopted_listener, adopted_stream, credentials, endpoint_of};

/// Whether this system says whose process is at the other end of a connection.
pub(crate) const HAS_CREDENTIALS: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(not(unix))]
mod other {
    use std::io;

    use crate::endpoint::IpcAddress;
    use crate::transport::{KernelOptions, Listener, Stream};

    pub(crate) fn bind(_: &IpcAddress, _: &KernelOptions) -> io::Result<Listener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn connect(_: &IpcAddress, _: &KernelOptions) -> io::Result<Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsString;
    use std::fs::{self, DirBuilder, Metadata, OpenOptions};
    use std::hash::{BuildHasher, RandomState};
    use std::io::{self, ErrorKind};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use rustix::fs::FlockOperation;
    use rustix::io::Errno;
    use socket2::{Domain, SockAddr, SockRef, Socket, Type};

    use crate::admission::Remote;
    use crate::endpoint::{Endpoint, IpcAddress};
    use crate::peer_info::PeerCredentials;
    use crate::transport::{KernelOptions, Listener, Stream, retry, suppress_sigpipe};

    #[derive(Debug)]
    pub(crate) struct IpcListener {
        // Dropped first: while we listen no binder of ours takes the file for stale.
        _file: Option<OwnFile>,
        _directory: Option<OwnDirectory>,
        pub(in crate::transport) inner: mio::net::UnixListener,
        pub(in crate::transport) endpoint: Endpoint,
        options: KernelOptions,
    }

    impl IpcListener {
        pub(in crate::transport) fn accept(&self) -> io::Result<(Stream, Remote)> {
            let (stream, _) = retry(|| self.inner.accept())?;
            let socket = SockRef::from(&stream);
            // Over tcp an accepted socket has the buffers of its listener; here it has the system's.
            suppress_sigpipe(&socket)
                .and_then(|()| self.options.set_buffers(&socket))
                .map_err(|error| io::Error::new(ErrorKind::ConnectionAborted, error))?;
            let peer = Remote::Ipc(credentials(&stream));
            Ok((Stream::Ipc(stream), peer))
        }
    }

    /// Whose process is, or at the time of the connection was, at the other end.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::transport) fn credentials(
        stream: &mio::net::UnixStream,
    ) -> Option<PeerCredentials> {
        // (A process that our PID namespace has no number for is an error to rustix.)
        let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
        Some(PeerCredentials {
            pid: u32::try_from(peer.pid.as_raw_nonzero().get()).ok()?,
            uid: peer.uid.as_raw(),
            gid: peer.gid.as_raw(),
        })
    }

    /// Whose process is at the other end: here the system does not say.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::transport) fn credentials(_: &mio::net::UnixStream) -> Option<PeerCredentials> {
        None
    }

    /// Binds to `address` and listens.
    pub(crate) fn bind(address: &IpcAddress, options: &KernelOptions) -> io::Result<Listener> {
        match address {
            IpcAddress::Path(path) => bind_path(path, options, None),
            IpcAddress::Abstract(name) => {
                let socket = new_socket(options)?;
                socket.bind(&abstract_address(name)?)?;
                socket.listen(options.backlog())?;
                Ok(listener(
                    socket,
                    Endpoint::ipc_abstract(name.clone()),
                    None,
                    None,
                    options,
                ))
            }
            IpcAddress::Wildcard => {
                let directory = OwnDirectory::create()?;
                let path = directory.0.join("socket");
                bind_path(&path, options, Some(directory))
            }
        }
    }

    /// Connects to `address`.
    pub(crate) fn connect(address: &IpcAddress, options: &KernelOptions) -> io::Result<Stream> {
        let address = match address {
            IpcAddress::Path(path) => path_address(path)?,
            IpcAddress::Abstract(name) => abstract_address(name)?,
            IpcAddress::Wildcard => {
                return Err(io::Error::new(
                    ErrorKind::InvalidInput,
                    "cannot connect to a wildcard",
                ));
            }
        };
        let socket = new_socket(options)?;
        match socket.connect(&address) {
            // The listener's backlog is full. Nothing is under way and no readiness will tell
            // when there is room, so it must not look like something to wait for.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(io::Error::new(
                    ErrorKind::ResourceBusy,
                    "the backlog of the listener is full",
                ));
            }
            Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
                return Err(error);
            }
            _ => {}
        }
        Ok(Stream::Ipc(mio::net::UnixStream::from_std(socket.into())))
    }

    fn bind_path(
        path: &Path,
        options: &KernelOptions,
        directory: Option<OwnDirectory>,
    ) -> io::Result<Listener> {
        let address = path_address(path)?;
        // The working directory may be another one by the time of the removal.
        let absolute = std::path::absolute(path)?;
        let socket = new_socket(options)?;
        let _lock = Lock::acquire(&absolute)?;
        remove_stale(&absolute, &address)?;
        socket.bind(&address)?;
        let file = OwnFile::new(absolute)?;
        socket.listen(options.backlog())?;
        Ok(listener(
            socket,
            Endpoint::ipc_path(path.to_owned()),
            Some(file),
            directory,
            options,
        ))
    }

    /// A socket that somebody else has bound, and whose file is not ours to remove.
    pub(in crate::transport) fn adopted_listener(
        socket: Socket,
        options: &KernelOptions,
    ) -> io::Result<Listener> {
        suppress_sigpipe(&SockRef::from(&socket))?;
        match endpoint_of(&socket.local_addr()?) {
            Some(endpoint) => Ok(listener(socket, endpoint, None, None, options)),
            None => Err(Errno::INVAL.into()),
        }
    }

    pub(in crate::transport) fn adopted_stream(socket: Socket) -> io::Result<Stream> {
        suppress_sigpipe(&SockRef::from(&socket))?;
        Ok(Stream::Ipc(mio::net::UnixStream::from_std(socket.into())))
    }

    /// The endpoint of an address that has a name.
    pub(in crate::transport) fn endpoint_of(address: &SockAddr) -> Option<Endpoint> {
        match (address.as_pathname(), address.as_abstract_namespace()) {
            (Some(path), _) if !path.as_os_str().is_empty() => {
                Some(Endpoint::ipc_path(path.to_owned()))
            }
            (_, Some(name)) => Some(Endpoint::ipc_abstract(name.to_owned())),
            _ => None,
        }
    }

    fn listener(
        socket: Socket,
        endpoint: Endpoint,
        file: Option<OwnFile>,
        directory: Option<OwnDirectory>,
        options: &KernelOptions,
    ) -> Listener {
        Listener::Ipc(IpcListener {
            _file: file,
            _directory: directory,
            inner: mio::net::UnixListener::from_std(socket.into()),
            endpoint,
            options: options.clone(),
        })
    }

    fn new_socket(options: &KernelOptions) -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        suppress_sigpipe(&SockRef::from(&socket))?;
        options.set_buffers(&socket)?;
        Ok(socket)
    }

    fn path_address(path: &Path) -> io::Result<SockAddr> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(Errno::INVAL.into());
        }
        // With these excluded, its length is all that can be wrong with it.
        SockAddr::unix(path).map_err(|_| Errno::NAMETOOLONG.into())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn abstract_address(name: &[u8]) -> io::Result<SockAddr> {
        if name.is_empty() {
            return Err(Errno::INVAL.into());
        }
        let mut path = vec![0];
        path.extend_from_slice(name);
        SockAddr::unix(Path::new(std::ffi::OsStr::from_bytes(&path)))
            .map_err(|_| Errno::NAMETOOLONG.into())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn abstract_address(_name: &[u8]) -> io::Result<SockAddr> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Makes way for a bind: removes a socket file if nobody listens, and nothing else.
    ///
    /// On macOS and the BSDs a listener with a full backlog refuses like a dead one, and cannot
    /// be told from it.
    fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if !found.file_type().is_socket() {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "the path exists and is not a socket",
            ));
        }
        let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        probe.set_nonblocking(true)?;
        match probe.connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
            // Nobody who takes the lock; let the bind tell if the path is free.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
            // Connected, a full backlog, or a socket of another type: in use.
            _ => Err(Errno::ADDRINUSE.into()),
        }
    }

    /// What a file is, whatever its name.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct FileId {
        device: u64,
        inode: u64,
    }

    impl From<&Metadata> for FileId {
        fn from(metadata: &Metadata) -> Self {
            Self {
                device: metadata.dev(),
                inode: metadata.ino(),
            }
        }
    }

    /// Our socket file, which goes when this is dropped unless somebody has put another in its
    /// place: the inode cannot be given to another file while our socket is bound to it.
    #[derive(Debug)]
    struct OwnFile {
        path: PathBuf,
        id: FileId,
    }

    impl OwnFile {
        fn new(path: PathBuf) -> io::Result<Self> {
            let id = FileId::from(&fs::symlink_metadata(&path)?);
            Ok(Self { path, id })
        }
    }

    impl Drop for OwnFile {
        fn drop(&mut self) {
            let ours =
                fs::symlink_metadata(&self.path).is_ok_and(|found| FileId::from(&found) == self.id);
            if ours && let Err(error) = fs::remove_file(&self.path) {
                log::debug!("cannot remove {}: {error}", self.path.display());
            }
        }
    }

    /// The private directory of `ipc://*`.
    #[derive(Debug)]
    struct OwnDirectory(PathBuf);

    impl OwnDirectory {
        fn create() -> io::Result<Self> {
            let parent = std::path::absolute(std::env::temp_dir())?;
            let random = RandomState::new();
            for attempt in 0..100 {
                let name = format!("zocket-{:016x}", random.hash_one(attempt));
                let path = parent.join(name);
                match DirBuilder::new().mode(0o700).create(&path) {
                    Ok(()) => return Ok(Self(path)),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            Err(Errno::EXIST.into())
        }
    }

    impl Drop for OwnDirectory {
        fn drop(&mut self) {
            // Only if it is empty: what somebody else has put there is not ours.
            if let Err(error) = fs::remove_dir(&self.0) {
                log::debug!("cannot remove {}: {error}", self.0.display());
            }
        }
    }

    /// Nobody else of this library binds to the path as long as this lives.
    #[derive(Debug)]
    struct Lock {
        path: PathBuf,
        _file: fs::File,
    }

    impl Lock {
        /// A holder has it for microseconds; one that is stopped must not stop us.
        const PATIENCE: Duration = Duration::from_secs(2);

        fn acquire(socket: &Path) -> io::Result<Self> {
            let Some(name) = socket.file_name() else {
                return Err(Errno::INVAL.into());
            };
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(".zocket-lock");
            let path = socket.with_file_name(hidden);
            let deadline = Instant::now() + Self::PATIENCE;
            loop {
                match Self::try_acquire(&path, Self::open(&path)?)? {
                    Some(lock) => return Ok(lock),
                    None if Instant::now() >= deadline => return Err(Errno::ADDRINUSE.into()),
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        }

        fn open(path: &Path) -> io::Result<fs::File> {
            // Neither follow a symlink nor wait for the reader of a FIFO.
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(flags.bits() as i32)
                .open(path)
        }

        /// Locks `file`, opened at `path`; `None` if another has it, or has removed it.
        fn try_acquire(path: &Path, file: fs::File) -> io::Result<Option<Self>> {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            let locked = FileId::from(&file.metadata()?);
            match fs::symlink_metadata(path) {
                Ok(found) if FileId::from(&found) == locked => {}
                Ok(_) => return Ok(None),
                // The former holder has removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
            Ok(Some(Self {
                path: path.to_owned(),
                _file: file,
            }))
        }
    }

    impl Drop for Lock {
        fn drop(&mut self) {
            // Before the lock is released, or a newcomer's lock would lose its file.
            if let Err(error) = fs::remove_file(&self.path) {
                log::debug!("cannot remove {}: {error}", self.path.display());
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::thread;

        use super::*;

        /// E6: one holder at a time, though each removes the file that the others wait for.
        #[test]
        fn e6_lock_has_one_holder() {
            let directory = OwnDirectory::create().unwrap();
            let socket = directory.0.join("s");
            let held = AtomicBool::new(false);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..2000 {
                            let path = socket.with_file_name(".s.zocket-lock");
                            let file = Lock::open(&path).unwrap();
                            let Some(lock) = Lock::try_acquire(&path, file).unwrap() else {
                                continue;
                            };
                            assert!(!held.swap(true, Ordering::SeqCst), "two holders");
                            thread::yield_now();
                            held.store(false, Ordering::SeqCst);
                            drop(lock);
                        }
                    });
                }
            });
        }

        /// E6: the file that was waited for is not the one at the path any more.
        #[test]
        fn e6_lock_of_a_removed_file_is_none() {
            let directory = OwnDirectory::create().unwrap();
            let path = directory.0.join("lock");
            let waiting = Lock::open(&path).unwrap();
            let late = Lock::open(&path).unwrap();
            let holder = Lock::try_acquire(&path, Lock::open(&path).unwrap()).unwrap();
            let another = Lock::open(&path).unwrap();
            assert!(Lock::try_acquire(&path, another).unwrap().is_none());
            drop(holder.unwrap());
            assert!(Lock::try_acquire(&path, waiting).unwrap().is_none());
            let next = Lock::try_acquire(&path, Lock::open(&path).unwrap()).unwrap();
            assert!(Lock::try_acquire(&path, late).unwrap().is_none());
            drop(next.unwrap());
            let path = directory.0.clone();
            drop(directory);
            assert!(!path.exists(), "no lock is left");
        }
    }
}
