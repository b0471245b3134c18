//! A scripted raw peer: speaks just enough ZMTP to do it wrong, over the standard library's streams.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use zocket::Endpoint;

/// How long something that must happen may take on a busy machine: only the bound of a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Flag bits of a frame.
pub(crate) const MORE: u8 = 1;
pub(crate) const COMMAND: u8 = 4;

/// The greeting of ZMTP 3.1 with the NULL mechanism.
pub(crate) fn greeting() -> Vec<u8> {
    let mut greeting = vec![0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[11] = 1;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// A frame in its canonical form.
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = match u8::try_from(body.len()) {
        Ok(len) => vec![flags, len],
        Err(_) => long_header(flags, body.len() as u64),
    };
    frame.extend_from_slice(body);
    frame
}

/// The header of a frame of any length.
pub(crate) fn long_header(flags: u8, len: u64) -> Vec<u8> {
    let mut header = vec![flags | 2];
    header.extend_from_slice(&len.to_be_bytes());
    header
}

/// The READY of a peer of this type.
pub(crate) fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type".to_vec();
    body.extend_from_slice(&(socket_type.len() as u32).to_be_bytes());
    body.extend_from_slice(socket_type.as_bytes());
    frame(COMMAND, &body)
}

/// All that a peer of this type says before its first message.
pub(crate) fn hello(socket_type: &str) -> Vec<u8> {
    [greeting(), ready(socket_type)].concat()
}

/// All that was recorded.
pub(crate) fn recorded() -> Vec<serde_json::Value> {
    serde_json::from_str(include_str!("../data/zmtp_vectors.json")).unwrap()
}

/// The bytes of one record.
pub(crate) fn bytes_of(record: &serde_json::Value) -> Vec<u8> {
    let hex = record["hex"].as_str().unwrap();
    (0..hex.len() / 2)
        .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
        .collect()
}

/// The bytes of the record of this name.
pub(crate) fn vector(name: &str) -> Vec<u8> {
    let all = recorded();
    let record = all.iter().find(|record| record["name"] == name);
    bytes_of(record.unwrap_or_else(|| panic!("{name} was not recorded")))
}

/// One raw connection.
pub(crate) enum Raw {
    Tcp(TcpStream),
    #[cfg(unix)]
    Ipc(UnixStream),
}

impl Raw {
    pub(crate) fn connect(endpoint: &Endpoint) -> Self {
        Self::try_connect(endpoint).unwrap()
    }

    pub(crate) fn try_connect(endpoint: &Endpoint) -> io::Result<Self> {
        if let Some(address) = endpoint.socket_addr() {
            return TcpStream::connect(address).map(Self::Tcp);
        }
        #[cfg(unix)]
        if let Some(path) = endpoint.path() {
            return UnixStream::connect(path).map(Self::Ipc);
        }
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Connects and completes the handshake as a peer of this type.
    pub(crate) fn join(endpoint: &Endpoint, socket_type: &str) -> Self {
        let mut raw = Self::connect(endpoint);
        raw.handshake(socket_type);
        raw
    }

    /// The same as a peer that speaks ZMTP 3.0.
    pub(crate) fn join_3_0(endpoint: &Endpoint, socket_type: &str) -> Self {
        let mut raw = Self::connect(endpoint);
        let mut hello = hello(socket_type);
        hello[11] = 0;
        raw.shake(&hello);
        raw
    }

    pub(crate) fn handshake(&mut self, socket_type: &str) {
        self.shake(&hello(socket_type));
    }

    fn shake(&mut self, hello: &[u8]) {
        self.say(hello);
        self.listen(64);
        let header = self.listen(2);
        assert_eq!(header[0], COMMAND, "not a READY");
        self.listen(header[1].into());
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Self::Ipc(_) => None,
        }
    }

    /// Sends as much of it as the other side takes.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            #[cfg(unix)]
            Self::Ipc(stream) => stream.write_all(bytes),
        }
        .is_ok()
    }

    /// Reads exactly so many bytes.
    pub(crate) fn listen(&mut self, len: usize) -> Vec<u8> {
        self.set_read_timeout(PATIENCE);
        let mut bytes = vec![0; len];
        match self {
            Self::Tcp(stream) => stream.read_exact(&mut bytes),
            #[cfg(unix)]
            Self::Ipc(stream) => stream.read_exact(&mut bytes),
        }
        .unwrap();
        bytes
    }

    /// What comes in this time, up to so many bytes.
    pub(crate) fn listen_within(&mut self, len: usize, patience: Duration) -> Vec<u8> {
        let deadline = Instant::now() + patience;
        let mut bytes = Vec::new();
        while bytes.len() < len
            && let Some(left) = deadline.checked_duration_since(Instant::now())
        {
            self.set_read_timeout(left.max(ms(1)));
            let mut buf = vec![0; len - bytes.len()];
            let read = match self {
                Self::Tcp(stream) => stream.read(&mut buf),
                #[cfg(unix)]
                Self::Ipc(stream) => stream.read(&mut buf),
            };
            match read {
                Ok(0) => break,
                Ok(n) => bytes.extend_from_slice(&buf[..n]),
                Err(_) => {}
            }
        }
        bytes
    }

    /// The next frame: its flags and its body.
    pub(crate) fn next_frame(&mut self) -> (u8, Vec<u8>) {
        let flags = self.listen(1)[0];
        let len = if flags & 2 == 0 {
            self.listen(1)[0].into()
        } else {
            let len = self.listen(8).try_into().unwrap();
            usize::try_from(u64::from_be_bytes(len)).unwrap()
        };
        (flags & !2, self.listen(len))
    }

    /// The same connection once more, to speak and to listen at the same time.
    pub(crate) fn try_clone(&self) -> Self {
        match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().unwrap()),
            #[cfg(unix)]
            Self::Ipc(stream) => Self::Ipc(stream.try_clone().unwrap()),
        }
    }

    /// Whether the other side closes the connection in this time; what it says before is ignored.
    pub(crate) fn is_closed_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut buf = [0; 4096];
        loop {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            self.set_read_timeout(left.max(ms(1)));
            let read = match self {
                Self::Tcp(stream) => stream.read(&mut buf),
                #[cfg(unix)]
                Self::Ipc(stream) => stream.read(&mut buf),
            };
            match read {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => {}
                    _ => return true,
                },
            }
        }
    }

    /// Goes without a goodbye: the other side's connection is reset (tcp).
    pub(crate) fn reset(self) {
        if let Self::Tcp(stream) = &self {
            socket2::SockRef::from(stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    }

    fn set_read_timeout(&self, timeout: Duration) {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
            #[cfg(unix)]
            Self::Ipc(stream) => stream.set_read_timeout(Some(timeout)),
        }
        .unwrap();
    }
}

/// Waits for something that no event tells of.
#[track_caller]
pub(crate) fn eventually(what: &str, mut happens: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happens() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(ms(5));
    }
}

/// A directory of its own for each test, removed in the end.
pub(crate) struct TempDir(std::path::PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "zocket-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// An ipc endpoint in it.
    pub(crate) fn ipc(&self, name: &str) -> String {
        format!("ipc://{}/{name}", self.0.display())
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A tcp endpoint where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

/// The log of this process, for assertions on it.
pub(crate) mod records {
    use std::sync::{Condvar, Mutex};
    use std::time::Instant;

    use super::PATIENCE;

    struct Collector;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static MORE: Condvar = Condvar::new();

    impl log::Log for Collector {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            let line = format!("{} {}", record.level(), record.args());
            LINES.lock().unwrap().push(line);
            MORE.notify_all();
        }

        fn flush(&self) {}
    }

    pub(crate) fn collect() {
        static COLLECTOR: Collector = Collector;
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            log::set_logger(&COLLECTOR).unwrap();
            log::set_max_level(log::LevelFilter::Debug);
        });
    }

    /// The first line in which every one of these occurs; waits for it.
    #[track_caller]
    pub(crate) fn await_line(pieces: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = LINES.lock().unwrap();
        loop {
            let found = lines
                .iter()
                .find(|line| pieces.iter().all(|piece| line.contains(piece)));
            if let Some(line) = found {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let about: Vec<_> = lines
                    .iter()
                    .filter(|line| pieces.first().is_some_and(|piece| line.contains(piece)))
                    .cloned()
                    .collect();
                drop(lines);
                panic!("no record with {pieces:?}; with the first: {about:#?}");
            }
            lines = MORE.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub(crate) fn count(piece: &str) -> usize {
        LINES
            .lock()
            .unwrap()
            .iter()
            .filter(|line| line.contains(piece))
            .count()
    }
}
