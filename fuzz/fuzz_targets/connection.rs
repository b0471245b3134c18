//! Whatever a peer sends, a connection delivers messages or ends; and it does the same
//! however the bytes are cut into reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zocket::fuzzing::connection(data));
