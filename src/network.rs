//! A range of IP addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin with the same bits, written `10.0.0.0/8` or `fd00::/8`; without a
/// prefix length, one address.
///
/// An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the IPv4 address that it stands for, in a
/// network as in what is compared with it: a socket that takes both families sees its IPv4 peers so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Network {
    /// Without any bit behind the prefix.
    first: IpAddr,
    prefix: u8,
}

impl Network {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4()
            && cut(bits(address), self.prefix) == bits(self.first)
    }
}

/// The bits of an address, from the left.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The first `prefix` of these bits, and nothing behind them.
fn cut(bits: u128, prefix: u8) -> u128 {
    match 128_u32.checked_sub(prefix.into()) {
        Some(behind) => bits & u128::MAX.checked_shl(behind).unwrap_or(0),
        None => bits,
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Why a text is no [`Network`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("not an IP address, or one with `/` and the length of a prefix")]
    BadAddress,
    #[error("the prefix is not a number from 0 to {0}")]
    BadPrefix(u8),
    #[error("bits are set behind the prefix; the network is {0}")]
    BitsBehind(Network),
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::BadAddress)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let mut prefix = match prefix {
            None => most,
            Some(text) => number(text)
                .filter(|&prefix| prefix <= most)
                .ok_or(NetworkError::BadPrefix(most))?,
        };
        let mut first = address;
        // The prefix of all IPv4-mapped addresses, or a longer one.
        if first.to_canonical() != first && prefix >= 96 {
            first = first.to_canonical();
            prefix -= 96;
        }
        let exact = cut(bits(first), prefix);
        if exact == bits(first) {
            return Ok(Self { first, prefix });
        }
        let first = match first {
            // An IPv4 address is the upper quarter.
            IpAddr::V4(_) => IpAddr::V4(((exact >> 96) as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(exact.into()),
        };
        Err(NetworkError::BitsBehind(Self { first, prefix }))
    }
}

/// A decimal number in its only spelling.
fn number(text: &str) -> Option<u8> {
    let number: u8 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn is_in(text: &str, address: &str) -> bool {
        network(text).contains(address.parse().unwrap())
    }

    #[test]
    fn what_is_in_it() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:9.255.255.255"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("10.1.2.2/31", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "1.2.3.4"),
            ("::/0", "::1", "::ffff:1.2.3.4"),
            ("fd00::/8", "fdff::1", "fc00::1"),
            ("fd00::/8", "fd00::", "253.0.0.0"),
            ("::1", "::1", "::2"),
            ("fe80::/65", "fe80::7fff:0:0:0", "fe80::8000:0:0:0"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"),
        ] {
            assert!(is_in(text, inside), "{inside} is in {text}");
            assert!(!is_in(text, outside), "{outside} is not in {text}");
        }
    }

    #[test]
    fn what_is_none() {
        let wrong = |text: &str| text.parse::<Network>().unwrap_err();
        for text in [
            "",
            "/",
            "/8",
            "10",
            "10.0.0/8",
            "10.0.0.0.0/8",
            "010.0.0.0/8",
            " 10.0.0.0/8",
            "localhost",
            "localhost/8",
            "[::1]",
            "[::1]/128",
            "fe80::1%eth0",
            "*",
        ] {
            assert_eq!(wrong(text), NetworkError::BadAddress, "{text:?}");
        }
        for prefix in ["", "33", "-1", "+8", "08", " 8", "8 ", "8/8", "x", "256"] {
            let text = format!("10.0.0.0/{prefix}");
            assert_eq!(wrong(&text), NetworkError::BadPrefix(32), "{text:?}");
        }
        assert_eq!(wrong("::/129"), NetworkError::BadPrefix(128));
        for (text, meant) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("fd00::1/8", "fd00::/8"),
            ("::ffff:10.0.0.1/104", "10.0.0.0/8"),
        ] {
            assert_eq!(wrong(text), NetworkError::BitsBehind(network(meant)));
            assert!(wrong(text).to_string().contains(meant));
        }
    }

    proptest! {
        /// As if the addresses were compared bit by bit.
        #[test]
        fn contains_compares_the_first_bits(a: u128, flip in 0_u32..129, prefix in 0_u8..=128) {
            let first: IpAddr = IpAddr::V6(cut(a, prefix).into());
            // (Mapped ones have the other family's prefix.)
            prop_assume!(first.to_canonical() == first);
            let network = network(&format!("{first}/{prefix}"));
            let other = a ^ 1_u128.checked_shl(127_u32.wrapping_sub(flip)).unwrap_or(0);
            let other = IpAddr::V6(other.into());
            prop_assume!(other.to_canonical() == other);
            prop_assert_eq!(network.contains(other), flip >= u32::from(prefix));
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }

        #[test]
        fn any_text_is_one_or_an_error(text in "[0-9a-f:./ ]{0,24}") {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.to_string().parse(), Ok(network));
            }
        }
    }
}
