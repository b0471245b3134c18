//! The NULL mechanism: both sides send READY, and that is all.

use super::command::{self, Command};
use super::error::{Error, printable};
use super::mechanism::Local;
use super::metadata::{self, Metadata};

pub(crate) const NAME: &str = "NULL";

/// Waits for the peer's READY.
#[derive(Debug)]
pub(crate) struct ExpectReady;

impl ExpectReady {
    /// READY goes out without waiting for the peer's, as libzmq does it and either order allows.
    pub(crate) fn handle_greeting(&mut self, local: &Local, out: &mut Vec<u8>) {
        let mut properties = Vec::new();
        metadata::encode(
            local.socket_type,
            local.routing_id.as_ref(),
            &local.properties,
            &mut properties,
        );
        command::put("READY", &[&properties], out);
    }

    /// Takes READY and nothing else; ERROR is the peer's way to refuse us.
    pub(crate) fn handle_command(self, body: &[u8]) -> Result<Metadata, Error> {
        match Command::parse(body)? {
            Command::Ready(properties) => Metadata::parse(properties),
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
