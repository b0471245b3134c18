//! Every function of `zmq.h` answers, whatever it is given, and what programs rely on besides is kept: C
//! programs find out, with the shared library, with the static one, and, where the compiler has it, with
//! AddressSanitizer watching.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Cargo has put a library that is tested: beside this test.
fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name(name);
    assert!(library.exists(), "{} is not there", library.display());
    library
}

/// Which library a program is linked with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linked {
    Shared,
    Static,
}

/// What `libzmq.pc` says that a program needs besides the static library.
fn private_libraries() -> Vec<String> {
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("libzmq.pc.in");
    let description = std::fs::read_to_string(description).unwrap();
    let line = description
        .lines()
        .find_map(|line| line.strip_prefix("Libs.private:"));
    line.unwrap()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// Compiles a program and runs it; `None` if the compiler cannot do what the flags say.
fn run(name: &str, linked: Linked, flags: &[&str]) -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kind = if linked == Linked::Static {
        "static"
    } else {
        "shared"
    };
    let scratch =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{kind}{}", flags.concat()));
    std::fs::create_dir_all(&scratch).unwrap();
    let libraries = match linked {
        Linked::Shared => {
            // Under the name that is in it, by which the program will ask for it.
            let place = scratch.join("libzmq.so.5");
            std::fs::copy(library("libzmq.so"), &place).unwrap();
            vec![place.display().to_string()]
        }
        Linked::Static => {
            let mut libraries = vec![library("libzmq.a").display().to_string()];
            libraries.extend(private_libraries());
            libraries
        }
    };
    let program = scratch.join(name);
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
        .arg(here.join("tests/c").join(name).with_extension("c"))
        .args(libraries)
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

const FUNCTIONS: &str = "every function has answered\n";
const CONTRACTS: &str = "every contract is kept\n";
const SANITIZED: &[&str] = &["-fsanitize=address", "-fno-omit-frame-pointer"];

fn sanitized(name: &str, says: &str) {
    match run(name, Linked::Shared, SANITIZED) {
        Some(said) => assert_eq!(said, says),
        None => eprintln!("skipped: this compiler has no AddressSanitizer"),
    }
}

#[test]
fn every_function_answers() {
    let said = run("functions", Linked::Shared, &[]).unwrap();
    assert_eq!(said, FUNCTIONS);
}

#[test]
fn no_function_touches_what_it_must_not() {
    sanitized("functions", FUNCTIONS);
}

/// The descriptor of a socket, sockets that threads share, ends while somebody is inside, signals and forks.
#[test]
fn every_contract_is_kept() {
    let said = run("contracts", Linked::Shared, &[]).unwrap();
    assert_eq!(said, CONTRACTS);
}

#[test]
fn no_contract_touches_what_it_must_not() {
    sanitized("contracts", CONTRACTS);
}

#[test]
fn the_static_library_needs_no_more_than_its_description_says() {
    let said = run("functions", Linked::Static, &[]).unwrap();
    assert_eq!(said, FUNCTIONS);
}
