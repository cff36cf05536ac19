//! The drivers against known answers: every `*.json` of the folder that `BELAY_VECTORS` names, or of `vectors/`.
//!
//! A vector is `{name, input_hex, expected, params}`. Its group, the beginning of its name, chooses who checks it
//! ([`GROUPS`]); which fields `expected` and `params` have chooses what is checked. A field that nobody looked at is a
//! failure: it was never compared.

#![forbid(unsafe_code)]

mod huami;
mod huami2021;
mod sensors;
mod vector;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use vector::Vector;

/// Compares all that a vector expects; `Err` where the code answers otherwise.
type Check = fn(&Vector) -> Result<(), String>;

/// Who checks which groups, by the beginning of a vector's name; the longest that fits is taken.
const GROUPS: [&[(&str, Check)]; 3] = [huami::GROUPS, huami2021::GROUPS, sensors::GROUPS];

fn main() -> ExitCode {
    let folder = std::env::var_os("BELAY_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"),
        PathBuf::from,
    );
    let vectors = match vector::read_folder(&folder) {
        Ok(vectors) => vectors,
        Err(error) => {
            println!("vectors: {}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for vector in &vectors {
        match check(vector) {
            Ok(()) => {
                passed += 1;
                println!("ok      {}", vector.name);
            }
            Err(why) => {
                failed += 1;
                println!("FAILED  {}: {why}", vector.name);
            }
        }
    }
    println!("vectors: {passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn check(vector: &Vector) -> Result<(), String> {
    let (_, check) = GROUPS
        .concat()
        .into_iter()
        .filter(|(prefix, _)| vector.name.starts_with(prefix))
        .max_by_key(|(prefix, _)| prefix.len())
        .ok_or("nobody checks vectors of this group")?;
    check(vector)?;
    match vector.unseen().as_slice() {
        [] => Ok(()),
        unseen => Err(format!("nobody compared: {}", unseen.join(", "))),
    }
}
