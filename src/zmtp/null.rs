//! The NULL mechanism: both sides send READY, and that is all.

use super::command::{self, Command};
use super::error::{Error, printable};
use super::mechanism::{Agreed, Credentials, Local, Mechanism, Step};

pub(crate) const NAME: &str = "NULL";

/// Waits for the peer's READY; before that, where it has to ask, for leave to send ours.
#[derive(Debug)]
pub(crate) struct Null {
    asks: bool,
}

impl Null {
    pub(crate) fn new(asks: bool) -> Self {
        Self { asks }
    }

    /// READY goes out without waiting for the peer's, as libzmq does it and either order allows.
    pub(crate) fn handle_greeting(self, local: &Local, out: &mut Vec<u8>) -> Step {
        if self.asks {
            return Step::Authenticate {
                credentials: Credentials::Null,
                state: Mechanism::Null(self),
            };
        }
        self.handle_accept(local, out)
    }

    pub(crate) fn handle_accept(self, local: &Local, out: &mut Vec<u8>) -> Step {
        local.put("READY", out);
        Step::Again(Mechanism::Null(self))
    }

    /// Takes READY and nothing else; ERROR is the peer's way to refuse us.
    pub(crate) fn handle_command(
        self,
        body: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        match Command::parse(body)? {
            Command::Ready(properties) => {
                let metadata = local.take(properties, out)?;
                Ok(Step::Done(Agreed::plain(metadata)))
            }
            Command::Error(reason) => Err(Error::Refused {
                reason: printable(reason),
            }),
            _ => Err(Error::UnexpectedCommand {
                name: command::name(body),
                when: "where READY is due",
            }),
        }
    }
}
