//! What became of everything that was ever in a pipe of a socket.

use super::core::Core;
use super::halves::Intake as Policy;
use crate::options::Options;
use crate::pipe::{Intake, Limits, Load, Outlet, PipeId, Tally};
use crate::routing::Stall;
use crate::signal::Wakes;
use crate::stats::{Count, PeerStats, Stats};

/// The lanes of a socket's pipes, for as long as anything may still happen in them, and the sum of
/// those before.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    live: Vec<(PipeId, Lanes)>,
    past: Sums,
    /// Pipes that have ended since the last look through them.
    ended: usize,
}

/// The two lanes of one pipe.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    pub(super) outbound: Option<Outlet>,
    pub(super) inbound: Option<Intake>,
}

impl Lanes {
    /// Says how much this side lets wait in them.
    pub(super) fn grant(&self, options: &Options, wakes: &mut Wakes) {
        if let Some(outlet) = &self.outbound {
            outlet.grant(Limits::sending(options), wakes);
        }
        if let Some(intake) = &self.inbound {
            intake.grant(Limits::receiving(options), wakes);
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    outbound: Tally,
    inbound: Tally,
}

impl Ledger {
    pub(super) fn open(&mut self, pipe: PipeId, lanes: Lanes) {
        self.live.push((pipe, lanes));
    }

    /// The lanes of all pipes in which something may happen yet.
    pub(super) fn live(&self) -> impl Iterator<Item = &Lanes> {
        self.live.iter().map(|(_, lanes)| lanes)
    }

    /// A pipe has come to its end. A look through all of them is due once it is worth it, so that
    /// many that end together do not cost one each.
    pub(super) fn on_end(&mut self) {
        self.ended += 1;
        if 4 * self.ended > self.live.len() {
            self.sweep();
        }
    }

    /// A pipe that came to nothing: its lanes are none of ours. (Over inproc they may be offered
    /// again, and would be counted again.)
    pub(super) fn strike(&mut self, pipe: PipeId) {
        self.live.retain(|(known, _)| *known != pipe);
    }

    /// Adds up the lanes in which nothing will happen any more, and lets go of them.
    fn sweep(&mut self) {
        let past = &mut self.past;
        self.live.retain_mut(|(_, lanes)| {
            if let Some(outlet) = lanes.outbound.take_if(|outlet| outlet.is_over()) {
                past.outbound += outlet.tally();
            }
            if let Some(intake) = lanes.inbound.take_if(|intake| intake.is_over()) {
                past.inbound += intake.tally();
            }
            lanes.outbound.is_some() || lanes.inbound.is_some()
        });
        self.ended = 0;
    }

    /// The outbound lanes in which something is queued: those of pipes that were let go of, too.
    pub(super) fn unsent(&self) -> impl Iterator<Item = (PipeId, &Outlet, Tally)> {
        self.live.iter().filter_map(|(pipe, lanes)| {
            let outlet = lanes.outbound.as_ref()?;
            let tally = outlet.tally();
            (!tally.queued.is_none()).then_some((*pipe, outlet, tally))
        })
    }

    /// The bytes in memory for all lanes that `is_new` has not seen yet.
    pub(super) fn held(&self, is_new: &mut dyn FnMut(usize) -> bool) -> usize {
        let lanes = self.live.iter().flat_map(|(_, lanes)| {
            let outbound = lanes.outbound.as_ref().map(Outlet::held);
            outbound
                .into_iter()
                .chain(lanes.inbound.as_ref().map(Intake::held))
        });
        lanes
            .filter(|(lane, _)| is_new(*lane))
            .map(|(_, bytes)| bytes)
            .sum()
    }

    fn sums(&mut self) -> Sums {
        self.sweep();
        let mut sums = self.past;
        for (_, lanes) in &self.live {
            if let Some(outlet) = &lanes.outbound {
                sums.outbound += outlet.tally();
            }
            if let Some(intake) = &lanes.inbound {
                sums.inbound += intake.tally();
            }
        }
        sums
    }
}

impl Core {
    /// Both halves are held while they are looked at, so that what is on its way from one place to
    /// another within the socket is not counted twice or missed.
    pub(super) fn stats(&self) -> Stats {
        let (peers, connections) =
            (self.control).peek(|control| (control.peers.len() as u64, control.connections));
        self.outbound.peek(|out| {
            self.inbound.peek(|inb| {
                let Sums { outbound, inbound } = self.ledger.lock().sums();
                // A reader gives back what it has read in bulk.
                let unreturned = inb.readers.unreturned();
                let mut waiting = inbound.queued;
                waiting -= unreturned;
                let mut discarded = inb.discarded;
                let arrived = inbound.arrived();
                if let Policy::Upstreams(upstreams) = &inb.intake {
                    waiting += upstreams.queued();
                }
                discarded.unread += inbound.missed().messages as u64;
                let mut dropped = out.dropped;
                dropped.with_peer += outbound.missed().messages as u64;
                dropped.displaced += outbound.displaced.messages as u64;
                let mut accepted = out.accepted;
                accepted += outbound.direct;
                Stats {
                    accepted: count(accepted),
                    written: count(outbound.worked_off),
                    send_queue: count(outbound.queued),
                    dropped,
                    arrived: count(arrived),
                    returned: count(inb.returned),
                    recv_queue: count(waiting),
                    discarded,
                    peers,
                    connections,
                }
            })
        })
    }

    /// The same for each peer that is there.
    pub(super) fn peer_stats(&self) -> Vec<PeerStats> {
        self.control.peek(|control| {
            self.outbound.peek(|out| {
                self.inbound.peek(|inb| {
                    let ledger = self.ledger.lock();
                    let known = |(pipe, lanes): &(PipeId, Lanes)| {
                        let peer = control.peers.get(pipe)?.clone();
                        let tally = |lane: Option<Tally>| lane.unwrap_or_default();
                        let outbound = tally(lanes.outbound.as_ref().map(Outlet::tally));
                        let inbound = tally(lanes.inbound.as_ref().map(Intake::tally));
                        let mut waiting = inbound.queued;
                        if let Some(reader) = inb.readers.get(*pipe) {
                            waiting -= reader.unreturned();
                        }
                        Some(PeerStats {
                            peer,
                            written: count(outbound.worked_off),
                            send_queue: count(outbound.queued),
                            missed: out.writers.stall(*pipe).map_or(0, Stall::missed),
                            arrived: count(inbound.arrived()),
                            recv_queue: count(waiting),
                        })
                    };
                    ledger.live.iter().filter_map(known).collect()
                })
            })
        })
    }
}

fn count(load: Load) -> Count {
    Count {
        messages: load.messages as u64,
        bytes: load.bytes as u64,
    }
}
