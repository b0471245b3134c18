//! CURVE: messages per second from PUSH to PULL, and handshakes per second.
//!
//! A handshake is counted with what it is for: a REQ that is made, connects, asks, has its answer and
//! is closed. So many of them are begun at a time, and the time is that of the process they are in.
//!
//! libzmq is one with libsodium (see [`peers::sodium`]); where there is none its side fails.

use std::hint::black_box;
use std::time::Instant;

use super::{in_both_modes, throughput};
use crate::case::{Attempt, Case, FLOW, Figure, Length, Ran, Transport, Workload};
use crate::flow::{self, Look};
use crate::process::Crew;
use crate::side::{Answers, Asks, CurveLibzmq, CurveZocket, Receives, Result, Sends, Side};
use crate::task::Task;
use crate::usage;
use crate::worker::Parent;

pub(super) const NAME: &str = "curve";
pub(super) const HANDSHAKES: &str = "curve-handshakes";

/// As those of the throughput without security.
const SIZES: [(usize, u64); 3] = [(64, 200_000), (1024, 100_000), (65_536, 5_000)];

/// Connections that are being made at a time: fewer than wait to be accepted by default.
const AT_A_TIME: u64 = 32;

/// Of each question and answer.
const SIZE: usize = 16;

/// More than are open at a time, also where closing goes on behind.
const DESCRIPTORS: u64 = 16_384;

pub(super) fn cases() -> Vec<Case> {
    let flows = SIZES.into_iter().flat_map(|(size, first)| {
        let name = format!("{NAME}/tcp/{size}");
        in_both_modes(&name, &Curve { size, first })
    });
    let handshakes = in_both_modes(&format!("{HANDSHAKES}/tcp"), &Handshakes);
    flows.chain(handshakes).collect()
}

#[derive(Clone, Copy, Debug)]
struct Curve {
    size: usize,
    first: u64,
}

impl Workload for Curve {
    fn figures(&self) -> &'static [Figure] {
        FLOW
    }

    fn length(&self) -> Length {
        Length::Timed { first: self.first }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        throughput::between_two(&crew, Transport::Tcp, self.size, attempt.count)
    }
}

#[derive(Clone, Copy, Debug)]
struct Handshakes;

impl Workload for Handshakes {
    fn figures(&self) -> &'static [Figure] {
        const FIGURES: &[Figure] = &[
            Figure {
                name: "rate",
                unit: "handshakes/s",
            },
            Figure {
                name: "server_cpu_us",
                unit: "CPU microseconds of the server, start to end, per handshake",
            },
            Figure {
                name: "client_cpu_us",
                unit: "CPU microseconds of the clients, start to end, per handshake",
            },
        ];
        FIGURES
    }

    fn length(&self) -> Length {
        Length::Timed { first: 200 }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(HANDSHAKES, attempt);
        let task = |role, core| crew.task(role, core).with("count", attempt.count);
        let endpoint = crew.endpoint(Transport::Tcp);
        let mut server = crew.start(&task("server", 1).at(&endpoint))?;
        let endpoint = server.word("at")?;
        let clients = crew.start(&task("clients", 0).at(&endpoint))?;
        let seconds = clients.number("took")?;
        server.tell()?;
        let count = attempt.count as f64;
        let [server, clients] = [server.usage()?, clients.usage()?];
        Ok(Ran {
            seconds,
            figures: vec![
                count / seconds,
                server.cpu * 1e6 / count,
                clients.cpu * 1e6 / count,
            ],
        })
    }
}

pub(super) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match (task.family.as_str(), task.side) {
        (NAME, Side::Zocket) => throughput::work_with::<CurveZocket>(task, parent),
        (NAME, Side::Libzmq) => throughput::work_with::<CurveLibzmq>(task, parent),
        (_, Side::Zocket) => shake_hands::<CurveZocket>(task, parent),
        (_, Side::Libzmq) => shake_hands::<CurveLibzmq>(task, parent),
        (_, other) => Err(format!("{} does not do this", other.as_str()).into()),
    }
}

fn shake_hands<A: Asks>(task: &Task, parent: &Parent) -> Result<()> {
    let count = task.number("count")?;
    usage::allow_descriptors(DESCRIPTORS)?;
    let context = A::context(1)?;
    let message = flow::buffer(SIZE);
    let mut look = Look::new(SIZE);
    match task.role.as_str() {
        "server" => {
            let (mut server, endpoint) = A::answerer(&context, &task.endpoint)?;
            parent.say(&format!("at {endpoint}"))?;
            for _ in 0..count {
                server.answer(black_box(&message), |data| look.at(data))?;
            }
            look.end()?;
            parent.wait()
        }
        "clients" => {
            let start = Instant::now();
            let mut left = count;
            while left > 0 {
                let batch = left.min(AT_A_TIME);
                let mut clients = (0..batch)
                    .map(|_| {
                        let mut client = A::asker(&context, &[&task.endpoint])?;
                        client.send(black_box(&message))?;
                        Ok(client)
                    })
                    .collect::<Result<Vec<_>>>()?;
                for client in &mut clients {
                    client.recv(|data| look.at(data))?;
                }
                left -= batch;
            }
            let took = start.elapsed();
            look.end()?;
            parent.say(&format!("took {}", took.as_secs_f64()))
        }
        other => Err(format!("no role {other}").into()),
    }
}
