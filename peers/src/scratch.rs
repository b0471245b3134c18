//! Endpoints that no other test, running beside this one, can have.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The transports that two processes can talk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `tcp://`
    Tcp,
    /// `ipc://`
    Ipc,
}

/// A directory of one's own, gone when dropped; and addresses to bind.
#[derive(Debug)]
pub struct Scratch {
    directory: PathBuf,
    number: u32,
}

impl Scratch {
    /// A new empty directory.
    ///
    /// # Panics
    ///
    /// When the temporary directory cannot be written.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("zocket-peers-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a writable temporary directory");
        Self { directory, number }
    }

    /// An endpoint to bind: the kernel chooses the port.
    pub fn endpoint(&self, transport: Transport) -> String {
        match transport {
            Transport::Tcp => format!("tcp://{}:*", self.address()),
            Transport::Ipc => format!("ipc://{}", self.directory.join("socket").display()),
        }
    }

    /// A loopback address where the system has many of them, so that nobody takes the port of a
    /// process that was killed before the next one binds it again.
    fn address(&self) -> String {
        if cfg!(target_os = "linux") {
            let own = std::process::id()
                .wrapping_mul(64)
                .wrapping_add(self.number);
            let [_, a, b, c] = own.to_be_bytes();
            format!("127.{a}.{b}.{}", c.clamp(1, 254))
        } else {
            "127.0.0.1".to_owned()
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
