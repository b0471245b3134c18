//! What is compared: a case, what it measures, and what one run of it comes to.

use crate::process::Usage;
use crate::side::Side;

/// How the messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

impl Transport {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
            Self::Inproc => "inproc",
        }
    }
}

/// Where the processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Each of the two on a core of its own.
    Pinned,
    /// Wherever the system puts them.
    Free,
}

/// One row of the table.
pub(crate) struct Case {
    /// Such as `thr/tcp/64`, or `thr/tcp/64/free` where the processes are not pinned.
    pub(crate) name: String,
    pub(crate) placement: Placement,
    pub(crate) workload: Box<dyn Workload>,
}

/// What the sides are given to do: one family of cases with its numbers.
pub(crate) trait Workload {
    /// Which sides can do it.
    fn sides(&self) -> Vec<Side> {
        vec![Side::Zocket, Side::Libzmq]
    }

    /// What is measured; the first is the one that the ratio is about.
    fn figures(&self) -> &'static [Figure];

    /// How long it is.
    fn length(&self) -> Length;

    /// Does it once.
    fn run(&self, attempt: &Attempt) -> Result<Ran, String>;
}

/// One kind of number that a workload measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// As it is called in JSON.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

/// How much one run does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    /// So much, whatever time it takes.
    Fixed(u64),
    /// So much in a first short run, from which the length of the others is taken.
    Timed { first: u64 },
}

/// One run of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) side: Side,
    pub(crate) placement: Placement,
    /// How many messages, or what else the workload counts.
    pub(crate) count: u64,
}

/// What one run came to.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// How long that took which was measured.
    pub(crate) seconds: f64,
    /// In the order of [`Workload::figures`].
    pub(crate) figures: Vec<f64>,
}

/// What is measured where messages flow.
pub(crate) const FLOW: &[Figure] = &[
    Figure {
        name: "rate",
        unit: "messages/s",
    },
    Figure {
        name: "cpu_s_per_million",
        unit: "CPU seconds of all processes, start to end, per million messages",
    },
    Figure {
        name: "peak_mib",
        unit: "MiB, the peaks of all processes together",
    },
];

impl Ran {
    /// Of [`FLOW`].
    pub(crate) fn flow(messages: u64, seconds: f64, usage: Usage) -> Self {
        let messages = messages as f64;
        Self {
            seconds,
            figures: vec![
                messages / seconds,
                usage.cpu * 1e6 / messages,
                usage.peak / f64::from(1 << 20),
            ],
        }
    }
}
