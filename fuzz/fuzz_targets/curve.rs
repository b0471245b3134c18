//! Whatever comes in the place of a CURVE command, or is changed in one, the connection goes on or ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zocket::fuzzing::curve(data));
