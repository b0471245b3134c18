//! The table of what is compared.

/// How the messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

/// One row of the table: a transport, a message size, and how many messages make a short first
/// run, from which the length of the others is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) transport: Transport,
    pub(crate) size: usize,
    pub(crate) first_run: u64,
}

impl Case {
    /// Such as `thr/tcp/64`.
    pub(crate) fn name(&self) -> String {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
            Transport::Inproc => "inproc",
        };
        format!("thr/{transport}/{}", self.size)
    }
}

const fn case(transport: Transport, size: usize, first_run: u64) -> Case {
    Case {
        transport,
        size,
        first_run,
    }
}

pub(crate) const CASES: [Case; 17] = [
    case(Transport::Tcp, 16, 400_000),
    case(Transport::Tcp, 64, 400_000),
    case(Transport::Tcp, 256, 300_000),
    case(Transport::Tcp, 1024, 150_000),
    case(Transport::Tcp, 8192, 30_000),
    case(Transport::Tcp, 65_536, 6_000),
    case(Transport::Tcp, 1_048_576, 600),
    case(Transport::Ipc, 16, 400_000),
    case(Transport::Ipc, 64, 400_000),
    case(Transport::Ipc, 256, 300_000),
    case(Transport::Ipc, 1024, 150_000),
    case(Transport::Ipc, 8192, 30_000),
    case(Transport::Ipc, 65_536, 6_000),
    case(Transport::Ipc, 1_048_576, 600),
    case(Transport::Inproc, 16, 400_000),
    case(Transport::Inproc, 64, 400_000),
    case(Transport::Inproc, 256, 400_000),
];
