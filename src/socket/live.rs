//! Options that are changed on a living socket, and what of them takes effect at once.

use std::sync::Arc;

use super::core::Core;
use super::exchange::Manner;
use super::halves::{Intake, Writers};
use super::ledger::Lanes;
use crate::options::Options;
use crate::pipe::Limits;
use crate::signal::{News, Target, Wakes};
use crate::sync::Ordering;

impl Core {
    /// Changes the options, if the new ones go together. What is read on the path of a message is
    /// with the halves and the pipes, and is changed there; all else is asked for when it is needed.
    pub(super) fn change_options(&self, put: impl FnOnce(&mut Options)) -> Result<(), String> {
        // Under the lock of control, so that what is applied last is what is kept.
        self.control.update(|control, wakes| {
            let old = self.options();
            let mut new = Options::clone(&old);
            put(&mut new);
            if new.conflate != old.conflate && control.has_had_endpoints() {
                return Err("conflate: what every queue keeps follows from it".to_owned());
            }
            new.settle()?;
            self.context.check_affinity(&new.affinity)?;
            let new = Arc::new(new);
            *self.options.lock() = new.clone();
            self.apply(&old, &new, wakes);
            Ok(())
        })
    }

    fn apply(&self, old: &Options, new: &Options, wakes: &mut Wakes) {
        self.timeouts.set(new);
        self.only_first
            .store(new.only_first_subscribe, Ordering::Relaxed);
        if Limits::sending(old) != Limits::sending(new)
            || Limits::receiving(old) != Limits::receiving(new)
        {
            let ledger = self.ledger.lock();
            for lanes in ledger.live() {
                lanes.grant(new, wakes);
            }
        }
        // Whoever waits looks again: it may have what it waited for, or an error. Whoever watches is
        // told if there is room now, or none any more.
        self.outbound.update_for_all_within(wakes, |out, wakes| {
            out.mandatory = new.mandatory;
            if let Writers::Distributor(distributor) = &mut out.writers {
                distributor.set_rules(self.pattern.rules(new));
            }
            self.inbound.update_within(wakes, |inb, wakes| {
                inb.invert_matching = new.invert_matching;
                inb.conflate = new.conflate;
                match &mut inb.intake {
                    Intake::Exchange(exchange) => {
                        exchange.manner = Manner::of(new);
                        out.awaits_reply = !new.relaxed && exchange.asked().is_some();
                    }
                    Intake::Upstreams(upstreams) => {
                        upstreams.set_rules(self.pattern, new);
                        // Whom there was no room for may go on.
                        if let Some(me) = self.me.upgrade() {
                            for pipe in upstreams.held() {
                                let owner = me.clone();
                                wakes.post(Target { owner, token: pipe }, News::Readable);
                            }
                        }
                    }
                    _ => {}
                }
            });
        });
    }

    /// Gives the lanes of a new pipe the limits that this side has for it: those that hold when it
    /// can be found in the ledger already, where a change finds it.
    pub(super) fn grant_limits(&self, lanes: &Lanes) {
        let mut options = self.options();
        loop {
            let mut wakes = Wakes::new();
            lanes.grant(&options, &mut wakes);
            wakes.fire();
            let now = self.options();
            if Arc::ptr_eq(&options, &now) {
                return;
            }
            options = now;
        }
    }
}
