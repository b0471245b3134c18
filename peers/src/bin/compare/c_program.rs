//! The C program (`peers/c/flow.c`) whose sides are libraries: compiled once, and run with ours in
//! libzmq's place, or with the system's own.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

use crate::side::Side;

/// What says where the library is: no part of a task.
const ASK: &str = "--library";

/// The name by which a program that was linked with libzmq looks for it.
const SONAME: &str = "libzmq.so.5";

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

#[derive(Debug)]
pub(crate) struct CProgram {
    path: PathBuf,
    /// Where our library has libzmq's name.
    ours: PathBuf,
}

impl CProgram {
    /// It, compiled at the first call.
    pub(crate) fn get() -> Result<&'static Self, String> {
        static COMPILED: OnceLock<Result<CProgram, String>> = OnceLock::new();
        let compiled = COMPILED.get_or_init(|| {
            let program = Self::compile()?;
            program.check()?;
            Ok(program)
        });
        compiled.as_ref().map_err(Clone::clone)
    }

    /// With the library of this side.
    pub(crate) fn command(&self, side: Side) -> Command {
        let mut command = Command::new(&self.path);
        match side {
            Side::Zocket => command.env(LIBRARY_PATH, &self.ours),
            _ => command.env_remove(LIBRARY_PATH),
        };
        command
    }

    fn compile() -> Result<Self, String> {
        let said = |error: io::Error| error.to_string();
        let own = env::current_exe().map_err(said)?;
        let library = own.with_file_name("libzmq.so");
        if !library.exists() {
            return Err(format!(
                "no {}: our C library is built by `cargo build --release -p capi`",
                library.display()
            ));
        }
        let ours = own.with_file_name("compare-c");
        fs::create_dir_all(&ours).map_err(said)?;
        // Put in place whole, as another comparison may run.
        let (path, soname) = (ours.join("flow"), ours.join(SONAME));
        let new = ours.join(format!("new-{}", process::id()));
        symlink(&library, &new)
            .and_then(|()| fs::rename(&new, &soname))
            .map_err(said)?;
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let compiler = Command::new("cc")
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"])
            .arg(format!("-I{}", sources.join("../capi/include").display()))
            .arg(sources.join("c/flow.c"))
            .arg(&soname)
            .args(["-pthread", "-ldl", "-o"])
            .arg(&new)
            .output()
            .map_err(|error| format!("cc: {error}"))?;
        if !compiler.status.success() {
            return Err(String::from_utf8_lossy(&compiler.stderr).into_owned());
        }
        fs::rename(&new, &path).map_err(said)?;
        Ok(Self { path, ours })
    }

    /// Fails if one side would run on the other's library.
    fn check(&self) -> Result<(), String> {
        let ours = fs::canonicalize(self.ours.join(SONAME)).map_err(|error| error.to_string())?;
        for side in [Side::Zocket, Side::Libzmq] {
            let ran = (self.command(side).arg(ASK).output()).map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&ran.stdout);
            let found = Path::new(said.trim_end());
            if !ran.status.success() {
                return Err(format!(
                    "no C program runs with the library of {}: {}",
                    side.as_str(),
                    String::from_utf8_lossy(&ran.stderr).trim_end()
                ));
            }
            if (found == ours) != (side == Side::Zocket) {
                let side = side.as_str();
                return Err(format!("{side} would run on {}", found.display()));
            }
        }
        Ok(())
    }
}
