//! Interop tests and side-by-side benchmarks.
