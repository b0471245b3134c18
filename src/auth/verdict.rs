//! What is decided about a candidate.

use std::borrow::Cow;
use std::fmt;

use crate::handshake_fault::HandshakeFault;
use crate::properties::Properties;

/// What is decided about a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is let in, as this user. ZAP's 200.
    Accept(User),
    /// Not now; it may try again. A peer is not told why its connection ends. ZAP's 300.
    RefuseForNow,
    /// Its credentials are not good enough, which it is told. ZAP's 400.
    Refuse,
    /// It cannot be found out whether they are, which it is told. ZAP's 500.
    Failed,
}

impl Verdict {
    /// ZAP's status code for it: 200, 300, 400 or 500.
    pub fn status(&self) -> u16 {
        match self {
            Self::Accept(_) => 200,
            Self::RefuseForNow => 300,
            Self::Refuse => 400,
            Self::Failed => 500,
        }
    }
}

/// A verdict, with the reason for those who watch: the peer is not told.
#[derive(Clone, Debug)]
pub(crate) struct Ruling {
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Cow<'static, str>>,
    /// What was wrong with who was asked.
    pub(crate) fault: Option<HandshakeFault>,
}

impl Ruling {
    /// Nothing could be decided: the peer may try again.
    pub(crate) fn faulty(fault: HandshakeFault, why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            fault: Some(fault),
            ..Verdict::RefuseForNow.because(why)
        }
    }
}

impl Verdict {
    pub(crate) fn because(self, why: impl Into<Cow<'static, str>>) -> Ruling {
        Ruling {
            verdict: self,
            why: Some(why.into()).filter(|why: &Cow<'_, str>| !why.is_empty()),
            fault: None,
        }
    }
}

impl From<Verdict> for Ruling {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            why: None,
            fault: None,
        }
    }
}

/// Who a peer is found to be: the name of a user, and what else is known.
///
/// The application has it from [`PeerInfo::user_id`](crate::PeerInfo::user_id) and
/// [`PeerInfo::user_property`](crate::PeerInfo::user_property). The peer is not told.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct User {
    id: Option<String>,
    metadata: Properties,
}

impl User {
    /// Somebody of this name.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()).filter(|id: &String| !id.is_empty()),
            metadata: Properties::default(),
        }
    }

    /// Somebody whose name does not matter.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Says something about the user; what was said under this name, in whatever case, is replaced.
    ///
    /// A name has 1 to 255 bytes; what has another is left out, which is logged.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        if (1..=255).contains(&name.len()) && u32::try_from(value.len()).is_ok() {
            self.metadata.set(name, value);
        } else {
            log::warn!(
                "a property of a user is left out: its name has {} bytes",
                name.len()
            );
        }
        self
    }

    /// The name.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn from_parts(id: Option<String>, metadata: Properties) -> Self {
        Self { id, metadata }
    }

    pub(crate) fn into_parts(self) -> (Option<String>, Properties) {
        (self.id, self.metadata)
    }

    /// What both say; where they differ, what this one says.
    pub(super) fn joined(self, other: Self) -> Self {
        let mut metadata = self.metadata;
        let more = other
            .metadata
            .iter()
            .filter(|(name, _)| !metadata.has(name));
        let all: Vec<_> = metadata.iter().chain(more).collect();
        metadata = all.into_iter().collect();
        Self {
            id: self.id.or(other.id),
            metadata,
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be anything.
        write!(
            f,
            "User({:?}, {:?})",
            self.id.as_deref().unwrap_or(""),
            self.metadata
        )
    }
}
