//! Points in a program at which a test has it die, as a power cut or the kernel's last resort would.
//!
//! [`failpoint!`](macro@crate::failpoint) names a point. Without the feature `simulated` that is all it does: nothing of it is compiled.
//! With it, and where the variable [`VARIABLE`] names a file whose one line is `NAME HITS`, the program kills itself with
//! `SIGKILL` the next time but HITS that it comes by the point of that name; before that it gives the file the ending `.met`, so
//! that the program which is started in its place lives on, and whoever armed the point knows that it was met.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::process::{Signal, getpid, kill_process};

/// The variable that names the file.
pub const VARIABLE: &str = "BELAY_FAILPOINT";

/// Whether points can be armed: whoever may write the file can end the program.
pub fn can_be_armed() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// What the file is called once its point was met.
pub fn met(file: &Path) -> PathBuf {
    file.with_extension("met")
}

/// Comes by the point `name`. For [`failpoint!`](macro@crate::failpoint) alone.
pub fn pass(name: &str) {
    let Some(file) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        return;
    };
    match count_down(&file, name) {
        Ok(false) => {}
        Ok(true) => die(),
        // Whoever armed it waits for what never comes, and says so.
        Err(error) => eprintln!("the failpoint's file {} can't be used: {error}", file.display()),
    }
}

/// Whether this was the hit that the file speaks of.
fn count_down(file: &Path, name: &str) -> io::Result<bool> {
    let line = match fs::read_to_string(file) {
        Ok(line) => line,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let Some((armed, hits)) = line.trim().split_once(' ') else {
        return Ok(false);
    };
    if armed != name {
        return Ok(false);
    }
    let hits: u32 = hits.parse().map_err(io::Error::other)?;
    match hits.checked_sub(1) {
        Some(left) => {
            let fresh = file.with_extension("new");
            fs::write(&fresh, format!("{name} {left}\n"))?;
            fs::rename(&fresh, file)?;
            Ok(false)
        }
        None => {
            fs::rename(file, met(file))?;
            Ok(true)
        }
    }
}

fn die() {
    if kill_process(getpid(), Signal::KILL).is_err() {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_point_is_met_after_so_many_hits_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("armed");
        assert!(!count_down(&file, "here").unwrap(), "nothing is armed");
        fs::write(&file, "here 2\n").unwrap();
        let hits = ["here", "there", "here", "here", "here"].map(|name| count_down(&file, name).unwrap());
        assert_eq!(hits, [false, false, false, true, false]);
        assert!(met(&file).exists() && !file.exists());
    }
}
