//! Who is asked whether a peer is let in: the socket's own authenticator, a ZAP handler, or nobody.

use super::core::Core;
use super::zap;
use crate::auth::{Ask, Candidate, Decided, Mechanism, Reply, Ruling, Subject, User, Verdict};
use crate::endpoint::{Address, Endpoint, Host};
use crate::handshake_fault::HandshakeFault;
use crate::inproc::ZAP;
use crate::options::Options;

impl Core {
    /// Says where a password can be read on the way.
    pub(super) fn warn_of_plain(&self, endpoint: &Endpoint) {
        let stays_here = match endpoint.address() {
            Address::Tcp(tcp) => match &tcp.host {
                Host::V4(ip) => ip.is_loopback(),
                Host::V6(ip, _) => ip.to_canonical().is_loopback(),
                Host::Name(name) => name == "localhost",
                Host::Any => false,
            },
            Address::Ipc(_) | Address::Inproc(_) => true,
        };
        if !stays_here && self.options().security.mechanism() == Mechanism::Plain {
            log::warn!("{endpoint}: PLAIN sends passwords over the network in clear text");
        }
    }

    /// Whether it is asked about peers that prove nothing.
    pub(super) fn asks_about_null(&self, terms: &Options) -> bool {
        self.options().authenticator.is_some() || !terms.zap_domain.is_empty()
    }

    /// Has it decided about a peer that has presented its credentials.
    ///
    /// The domain is that of the endpoint; the authenticator is whoever it is now.
    pub(super) fn authenticate(&self, terms: &Options, subject: Subject, reply: Reply) -> Decided {
        let options = self.options();
        let ask = Ask {
            subject,
            domain: terms.zap_domain.clone(),
            socket_type: self.type_of(),
            routing_id: options.routing_id.clone(),
        };
        if let Some(hired) = &options.authenticator {
            return Decided::Later(hired.ask(ask, reply));
        }
        let has_domain = !terms.zap_domain.is_empty();
        let mechanism = ask.subject.credentials.mechanism();
        if mechanism == Mechanism::Null && !has_domain {
            return Decided::Now(Verdict::Accept(User::anonymous()).into());
        }
        let registry = self.context().registry();
        if registry.is_bound(ZAP) {
            let (candidate, asked) = Candidate::new(ask, reply);
            zap::ask(self.context().clone(), candidate);
            return Decided::Later(asked);
        }
        let is_needed = match mechanism {
            Mechanism::Plain => true,
            Mechanism::Null => terms.zap_enforce_domain,
            // One that was there and is not any more has not said that everybody may come.
            Mechanism::Curve => {
                (has_domain && terms.zap_enforce_domain) || registry.was_zap_bound()
            }
        };
        if is_needed {
            let why = "there is no authenticator, and no ZAP handler is bound";
            return Decided::Now(Ruling::faulty(HandshakeFault::NobodyToAsk, why));
        }
        Decided::Now(Verdict::Accept(User::anonymous()).into())
    }
}
