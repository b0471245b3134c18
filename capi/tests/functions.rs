//! Every function of `zmq.h` answers, whatever it is given: a C program calls them all, against the shared
//! library and, where the compiler has it, with AddressSanitizer watching.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Cargo has put the library that is tested: beside this test.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libzmq.so");
    assert!(library.exists(), "{} is not there", library.display());
    library
}

/// Compiles the program and runs it; `None` if the compiler cannot do what the flags say.
fn run(name: &str, flags: &[&str]) -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&scratch).unwrap();
    // Under the name that is in it, by which the program will ask for it.
    std::fs::copy(library(), scratch.join("libzmq.so.5")).unwrap();
    let program = scratch.join("functions");
    let compiled = Command::new("gcc")
        .args([
            "-std=gnu11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-g",
            "-pthread",
        ])
        .args(flags)
        .arg(format!("-I{}", here.join("include").display()))
        .arg("-o")
        .arg(&program)
        .arg(here.join("tests/c/functions.c"))
        .arg(scratch.join("libzmq.so.5"))
        .output()
        .expect("gcc is there");
    if !compiled.status.success() {
        let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
        assert!(!flags.is_empty() && said.contains("asan"), "{said}");
        return None;
    }
    let ran = Command::new(&program)
        .env("LD_LIBRARY_PATH", &scratch)
        // One that asks for more than there is is to be told so, not ended.
        .env("ASAN_OPTIONS", "allocator_may_return_null=1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{:?}: {said}", ran.status);
    Some(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn every_function_answers() {
    let said = run("plain", &[]).unwrap();
    assert_eq!(said, "every function has answered\n");
}

#[test]
fn no_function_touches_what_it_must_not() {
    match run(
        "sanitized",
        &["-fsanitize=address", "-fno-omit-frame-pointer"],
    ) {
        Some(said) => assert_eq!(said, "every function has answered\n"),
        None => eprintln!("skipped: this compiler has no AddressSanitizer"),
    }
}
