//! What frames travel in after the handshake, where they do not travel as they are.

#[cfg(feature = "curve")]
pub(crate) use super::curve::Traffic;

/// Without CURVE they always do: nobody makes one.
#[cfg(not(feature = "curve"))]
#[derive(Debug)]
pub(crate) enum Traffic {}

#[cfg(not(feature = "curve"))]
impl Traffic {
    pub(crate) fn sealed(&self) -> &[u8] {
        match *self {}
    }

    pub(crate) fn put_clear(&mut self, _: &[u8]) {
        match *self {}
    }

    pub(crate) fn seal<'a>(
        &mut self,
        _: impl Iterator<Item = (super::header::Header, &'a [u8])>,
    ) -> Result<usize, super::error::Error> {
        match *self {}
    }

    pub(crate) fn consume(&mut self, _: usize) -> usize {
        match *self {}
    }

    pub(crate) fn set_read_max(&mut self, _: usize) {
        match *self {}
    }

    pub(crate) fn read_buf(&mut self) -> &mut Vec<u8> {
        match *self {}
    }

    pub(crate) fn held(&self) -> usize {
        match *self {}
    }

    pub(crate) fn release(&mut self) {
        match *self {}
    }

    pub(crate) fn open(&mut self, _: u64, _: &mut Vec<u8>) -> Result<(), super::error::Error> {
        match *self {}
    }
}
