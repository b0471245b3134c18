//! Any string is an endpoint or an error; an endpoint reads back as it is written.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zocket::fuzzing::endpoint(data));
