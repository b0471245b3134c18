//! What a socket says of itself beyond what the protocol needs.

use std::fmt;

/// Names with values, in the order in which they were said.
///
/// Kept as they are on the wire: thousands of tiny ones cost no more memory than they had there.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Properties(Box<[u8]>);

impl Properties {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &*self.0;
        // Written here only: it ends where it is empty.
        std::iter::from_fn(move || take(&mut rest))
    }

    /// The value of the first of this name, whatever its case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Reads them; `None` if they are not in their form on the wire, or one has no name.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (name, _) = take(&mut rest)?;
            if name.is_empty() {
                return None;
            }
        }
        Some(Self(bytes.into()))
    }

    /// Whether anything was said under this name.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Says one, in the place of what was said under this name.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) {
        let mut all = Vec::with_capacity(self.0.len() + 5 + name.len() + value.len());
        for (known, value) in self.iter() {
            if !known.eq_ignore_ascii_case(name.as_bytes()) {
                put(known, value, &mut all);
            }
        }
        put(name.as_bytes(), value, &mut all);
        self.0 = all.into();
    }

    /// All of them, as they are on the wire.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> FromIterator<(&'a [u8], &'a [u8])> for Properties {
    fn from_iter<I: IntoIterator<Item = (&'a [u8], &'a [u8])>>(all: I) -> Self {
        let mut bytes = Vec::new();
        for (name, value) in all {
            put(name, value, &mut bytes);
        }
        Self(bytes.into())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be anything, and secret.
        let names = self.iter().map(|(name, _)| String::from_utf8_lossy(name));
        f.debug_list().entries(names).finish()
    }
}

/// Appends one in its form on the wire: the name with its length in an octet, the value with its in
/// four. A name has at most 255 octets.
pub(crate) fn put(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&name_len, left) = rest.split_first()?;
    let (name, left) = left.split_at_checked(name_len.into())?;
    let (value_len, left) = left.split_first_chunk()?;
    let value_len = usize::try_from(u32::from_be_bytes(*value_len)).ok()?;
    let (value, left) = left.split_at_checked(value_len)?;
    *rest = left;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_replaces_what_was_said() {
        let mut all = Properties::default();
        assert_eq!(all.iter().count(), 0);
        all.set("X-one", b"1");
        all.set("X-two", b"");
        all.set("x-ONE", b"uno");
        let said: Vec<_> = all.iter().collect();
        assert_eq!(said, [(&b"X-two"[..], &b""[..]), (b"x-ONE", b"uno")]);
        assert_eq!(all.get("X-One"), Some(&b"uno"[..]));
        assert_eq!(all.get("X-three"), None);
        assert_eq!(all.iter().collect::<Properties>(), all);
    }
}
