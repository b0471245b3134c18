//! Whatever comes in the place of a PLAIN command, the handshake goes on or ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zocket::fuzzing::plain(data));
