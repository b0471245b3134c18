//! `cargo xtask install-capi PREFIX`: builds the C library and lays it out as programs look for it.
//!
//! ```text
//!   PREFIX/lib/libzmq.so.5              the library, under the name that is in it
//!   PREFIX/lib/libzmq.so                the same, for the linker
//!   PREFIX/lib/libzmq.a
//!   PREFIX/lib/pkgconfig/libzmq.pc
//!   PREFIX/include/zmq.h, zmq_utils.h
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["install-capi", prefix] => install_capi(Path::new(prefix)),
        _ => {
            eprintln!("usage: cargo xtask install-capi PREFIX");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn install_capi(prefix: &Path) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the repository is not where it was built")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "capi", "--lib"])
        .current_dir(root)
        .status()?;
    if !built.success() {
        return Err("the library could not be built".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let built = root.join(target).join("release");
    // Others will read it from anywhere.
    let prefix = std::path::absolute(prefix)?;
    let (lib, include) = (prefix.join("lib"), prefix.join("include"));
    let pkgconfig = lib.join("pkgconfig");
    for directory in [&include, &pkgconfig] {
        fs::create_dir_all(directory)?;
    }
    replace(&built.join("libzmq.so"), &lib.join("libzmq.so.5"))?;
    let link = lib.join("libzmq.so");
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link)?;
    }
    std::os::unix::fs::symlink("libzmq.so.5", &link)?;
    replace(&built.join("libzmq.a"), &lib.join("libzmq.a"))?;
    let capi = root.join("capi");
    for header in ["zmq.h", "zmq_utils.h"] {
        replace(&capi.join("include").join(header), &include.join(header))?;
    }
    let description = fs::read_to_string(capi.join("libzmq.pc.in"))?
        .replace("@PREFIX@", &prefix.display().to_string());
    fs::write(pkgconfig.join("libzmq.pc"), description)?;
    println!("libzmq.so.5 is in {}", lib.display());
    Ok(())
}

/// Puts a file in the place of another in one step: programs that run keep what they have.
fn replace(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let named = |error: std::io::Error| format!("{}: {error}", from.display());
    let fresh = to.with_extension("new");
    fs::copy(from, &fresh).map_err(named)?;
    fs::rename(&fresh, to)?;
    Ok(())
}
