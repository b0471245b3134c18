//! The same with boxes that all open: what is in them is any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zocket::fuzzing::curve_mock(data));
