//! Several authenticators as one.

use std::fmt;
use std::sync::Arc;

use super::{Authenticator, Candidate, Verdict};

/// Two authenticators of which both must accept; by [`Authenticator::and`].
#[derive(Clone)]
pub struct And(Arc<dyn Authenticator>, Arc<dyn Authenticator>);

/// Two authenticators of which one that accepts is enough; by [`Authenticator::or`].
#[derive(Clone)]
pub struct Or(Arc<dyn Authenticator>, Arc<dyn Authenticator>);

impl And {
    pub(super) fn new(first: impl Authenticator, second: impl Authenticator) -> Self {
        Self(Arc::new(first), Arc::new(second))
    }
}

impl Or {
    pub(super) fn new(first: impl Authenticator, second: impl Authenticator) -> Self {
        Self(Arc::new(first), Arc::new(second))
    }
}

impl Authenticator for And {
    fn authenticate(&self, candidate: Candidate) {
        let second = self.1.clone();
        self.0
            .authenticate(candidate.passed_on(move |candidate, first| {
                let Verdict::Accept(user) = first.verdict else {
                    return candidate.rule(first);
                };
                second.authenticate(candidate.passed_on(|candidate, second| {
                    candidate.rule(match second.verdict {
                        Verdict::Accept(more) => Verdict::Accept(user.joined(more)).into(),
                        _ => second,
                    });
                }));
            }));
    }
}

impl Authenticator for Or {
    fn authenticate(&self, candidate: Candidate) {
        let second = self.1.clone();
        self.0.authenticate(
            candidate.passed_on(move |candidate, first| match first.verdict {
                Verdict::Accept(_) => candidate.rule(first),
                _ => second.authenticate(candidate),
            }),
        );
    }
}

impl fmt::Debug for And {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("And").finish_non_exhaustive()
    }
}

impl fmt::Debug for Or {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Or").finish_non_exhaustive()
    }
}
