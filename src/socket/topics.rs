//! Subscriptions: a subscriber's publishers are told of them, a publisher's subscribers have them
//! applied.

use super::core::Core;
use super::halves::{Ended, Inbound, Intake, Outbound, Writers};
use super::publishing::{self, Digest};
use crate::peer_info::PeerInfo;
use crate::pipe::{Change, PipeId};
use crate::routing::Interests;
use crate::signal::Wakes;

impl Core {
    /// Adds to what a subscriber wants, or takes from it; tells its publishers if that matters.
    pub(super) fn subscribe(&self, topic: &[u8], subscribe: bool) -> Result<(), Ended> {
        let tells_each = self.options().verbose_unsubscribe;
        self.outbound.update(|out, wakes| {
            if let Some(ended) = out.ended {
                return Err(ended);
            }
            let Writers::Upstream(upstream) = &out.writers else {
                return Ok(());
            };
            self.inbound.update_within(wakes, |inb, wakes| {
                let (Intake::Filter(wanted) | Intake::Told(wanted)) = &mut inb.intake else {
                    return;
                };
                let (first, tell) = if subscribe {
                    // Every one is told: an XPUB may want to know how often.
                    (wanted.add(topic), true)
                } else {
                    let gone = wanted.remove(topic);
                    (false, gone == Some(true) || gone.is_some() && tells_each)
                };
                if tell {
                    let change = Change {
                        topic: topic.into(),
                        subscribe,
                        first,
                    };
                    upstream.tell(&change, wakes);
                }
            });
            Ok(())
        })
    }

    /// What an XPUB's application decides that a subscriber gets; `false` if that is gone.
    pub(super) fn accept(&self, pipe: PipeId, topics: &[&[u8]], subscribe: bool) -> bool {
        let is_last_value = self.options().manual_last_value;
        let there = self.outbound.update(|out, _| {
            let Writers::Distributor(distributor) = &mut out.writers else {
                return false;
            };
            for topic in topics {
                let there = if subscribe {
                    let there = matches!(distributor.subscribe(pipe, topic), Ok(Some(_)));
                    if there && is_last_value {
                        distributor.next_only_to(pipe);
                    }
                    there
                } else {
                    distributor.unsubscribe(pipe, topic).is_some()
                };
                if !there {
                    return false;
                }
            }
            distributor.get(pipe).is_some()
        });
        self.count_subscribers();
        there
    }

    /// Takes in what a subscriber has said.
    pub(super) fn digest(&self, pipe: PipeId) {
        self.in_steps(|out, inb, wakes| publishing::digest(out, inb, pipe, wakes));
    }

    /// What may be long work is done in steps, that let others at the halves in between.
    pub(super) fn in_steps(
        &self,
        step: impl Fn(&mut Outbound, &mut Inbound, &mut Wakes) -> Digest,
    ) {
        loop {
            let digest = self.outbound.update(|out, wakes| {
                self.inbound
                    .update_within(wakes, |inb, wakes| step(out, inb, wakes))
            });
            if digest == Digest::Done {
                break;
            }
        }
        self.count_subscribers();
    }

    /// Who is at the other end of a publisher's pipe, or was last.
    pub(super) fn subscriber(&self, id: PipeId) -> Option<PeerInfo> {
        if !self.pattern.publishes() {
            return None;
        }
        self.outbound.peek(|out| match &out.writers {
            Writers::Distributor(distributor) => distributor.info(id).cloned(),
            _ => None,
        })
    }

    /// How many different topics are subscribed to, by this socket or at it.
    pub(super) fn topics_count(&self) -> usize {
        let wanted = self.outbound.peek(|out| match &out.writers {
            Writers::Distributor(distributor) => distributor.topics(),
            _ => 0,
        });
        let wants = self.inbound.peek(|inb| match &inb.intake {
            Intake::Filter(wanted) | Intake::Told(wanted) => wanted.len(),
            _ => 0,
        });
        wanted + wants
    }

    /// Tells whoever waits for subscribers how many there are.
    pub(super) fn count_subscribers(&self) {
        if !self.pattern.publishes() {
            return;
        }
        self.control.update_for_all(|control, _| {
            control.subscribers = self.outbound.peek(|out| match &out.writers {
                Writers::Distributor(distributor) => distributor.subscribers(),
                _ => 0,
            });
        });
    }
}

macro_rules! counting_topics {
    ($name:ident $whose:literal) => {
        impl $name {
            #[doc = $whose]
            /// libzmq's `ZMQ_TOPICS_COUNT`.
            pub fn topics_count(&self) -> usize {
                self.core.topics_count()
            }
        }
    };
}

/// Everything that a subscriber wants, for a publisher that knows nothing of it yet.
pub(super) fn all_of(wanted: &Interests) -> Vec<Change> {
    let mut changes = Vec::with_capacity(wanted.len());
    wanted.for_each(|topic| {
        changes.push(Change {
            topic: topic.into(),
            subscribe: true,
            first: true,
        });
    });
    changes
}
