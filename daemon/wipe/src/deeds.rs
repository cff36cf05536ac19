//! How each kind of step is done. Every one may be done again after it was cut off anywhere.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::luks;
use crate::machine::{Found, Machine};
use crate::plan::{PowerOffMethod, ResetMethod, Work};

/// How much is written at once, in bytes.
const CHUNK: usize = 1024 * 1024;
/// How much is read back at each of the sampled places.
const SAMPLE: usize = 4096;
/// How many places are sampled.
const SAMPLES: u64 = 16;
/// How often a folder is listed from which files go away.
const LISTINGS: u32 = 3;
const CRYPTSETUP_PATIENCE: Duration = Duration::from_secs(60);
const RESET_PATIENCE: Duration = Duration::from_secs(10 * 60);
const POWER_PATIENCE: Duration = Duration::from_secs(60);

/// In the journal of each LUKS2 device: what nobody on this device can destroy.
pub const BACKUPS: &str = "a backup of the header that lies elsewhere would still open it";

/// Does a step; `end` is where the headers and keyslots of a `luks-keyslots` device end, in bytes.
///
/// Answers notes for the journal.
///
/// # Errors
/// The step isn't done, or what was read back isn't what it should be.
pub fn perform(machine: &mut dyn Machine, work: &Work, end: Option<u64>) -> io::Result<Vec<String>> {
    match work {
        Work::LuksKeyslots { device } => destroy_keys(machine, device, end),
        Work::Discard { device, mounted } => discard(machine, device, *mounted),
        Work::Overwrite { target, passes, .. } => match machine.look(target)? {
            Found::Device(_) => overwrite(machine, target, *passes).map(|()| Vec::new()),
            _ => overwrite_files(machine, target, *passes),
        },
        Work::Remove { paths } => {
            let mut failed = None;
            for path in paths {
                if let Err(error) = machine.remove(path) {
                    failed.get_or_insert(error);
                }
            }
            failed.map_or(Ok(Vec::new()), Err)
        }
        Work::FactoryReset { method } => {
            let (program, arguments) = reset_command(*method);
            run(machine, program, arguments, RESET_PATIENCE)
        }
        Work::Exec { command, timeout } => exec(machine, command, *timeout),
        Work::PowerOff { method } => match method {
            PowerOffMethod::Kernel => machine.power_off().map(|()| Vec::new()),
            PowerOffMethod::Systemd => {
                // Inhibitors are ours, or a thief's.
                let arguments = ["--no-block", "--ignore-inhibitors", "poweroff"];
                run(machine, SYSTEMCTL, &arguments, POWER_PATIENCE)
            }
            PowerOffMethod::Exec(command) => exec(machine, command, POWER_PATIENCE),
        },
    }
}

/// systemd's command line.
pub const SYSTEMCTL: &str = "systemctl";

/// The program and arguments of a factory reset.
#[must_use]
pub const fn reset_command(method: ResetMethod) -> (&'static str, &'static [&'static str]) {
    match method {
        ResetMethod::Repart => ("systemd-repart", &["--factory-reset=yes", "--dry-run=no"]),
        ResetMethod::Target => (SYSTEMCTL, &["start", "factory-reset.target"]),
    }
}

/// Where the headers and keyslots of a LUKS2 device end; asked before the first byte is changed.
///
/// # Errors
/// It can't be read, or isn't LUKS2 any more.
pub fn end_of_keys(machine: &dyn Machine, device: &Path) -> io::Result<u64> {
    layout(machine, device)
        .map(|luks| luks.end)
        .map_err(io::Error::other)
}

/// Both headers of a device.
///
/// # Errors
/// As [`luks::read`].
pub fn layout(machine: &dyn Machine, device: &Path) -> Result<luks::Luks, luks::LuksError> {
    luks::read(&|offset, length| machine.read(device, offset, length))
}

/// Whether a header is there again, which somebody wrote who had the device open.
///
/// # Errors
/// It can't be read.
pub fn is_written_back(machine: &dyn Machine, device: &Path) -> io::Result<bool> {
    luks::any_mark(&|offset, length| machine.read(device, offset, length))
}

fn destroy_keys(machine: &mut dyn Machine, device: &Path, end: Option<u64>) -> io::Result<Vec<String>> {
    let mut notes = vec![BACKUPS.to_owned()];
    let found = layout(machine, device);
    let end = match (end, &found) {
        (Some(end), _) => end,
        (None, Ok(luks)) => luks.end,
        (None, Err(error)) => return Err(io::Error::other(error.to_string())),
    };
    let end = match machine.look(device)? {
        Found::Device(size) | Found::File(size) => end.min(size),
        _ => return Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    // cryptsetup knows the keyslots best, and takes the lock that others respect. Ours comes after it in any case.
    if let (Ok(_), Some(program)) = (&found, machine.program("cryptsetup")) {
        let text = device.to_string_lossy();
        match machine.run(&program, &["erase", "-q", "--", &text], CRYPTSETUP_PATIENCE) {
            Ok(()) => {
                machine.flush(device)?;
                if let Ok(luks) = layout(machine, device)
                    && luks.keyslots > 0
                {
                    notes.push(format!("cryptsetup left {} keyslots", luks.keyslots));
                }
            }
            Err(error) => notes.push(format!("cryptsetup erase: {error}")),
        }
    }
    // The keyslots before the headers: cut off in between, the headers still tell where the rest lies.
    let headers = found.map_or(2 * luks::SIZES[0], |luks| luks.headers).min(end);
    scramble(machine, device, headers, end)?;
    fill_zero(machine, device, headers)?;
    if luks::any_mark(&|offset, length| machine.read(device, offset, length))? {
        return Err(io::Error::other("a header is left"));
    }
    Ok(notes)
}

/// Random bytes from `start` to `end`, each of them read back from the medium.
fn scramble(machine: &mut dyn Machine, device: &Path, start: u64, end: u64) -> io::Result<()> {
    let noise = machine.random(CHUNK)?;
    for (offset, length) in chunks(start, end) {
        machine.write(device, offset, noise.get(..length).unwrap_or(&noise))?;
    }
    machine.flush(device)?;
    for (offset, length) in chunks(start, end) {
        if machine.read(device, offset, length)? != noise.get(..length).unwrap_or(&noise) {
            return Err(io::Error::other(
                "the keyslots' area reads otherwise than written",
            ));
        }
    }
    Ok(())
}

fn fill_zero(machine: &mut dyn Machine, device: &Path, end: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK];
    for (offset, length) in chunks(0, end) {
        machine.write(device, offset, zeros.get(..length).unwrap_or(&zeros))?;
    }
    machine.flush(device)?;
    for (offset, length) in chunks(0, end) {
        if machine
            .read(device, offset, length)?
            .iter()
            .any(|byte| *byte != 0)
        {
            return Err(io::Error::other("a header reads otherwise than zeroed"));
        }
    }
    Ok(())
}

fn chunks(start: u64, end: u64) -> impl Iterator<Item = (u64, usize)> {
    (start..end).step_by(CHUNK).map(move |offset| {
        let left = usize::try_from(end - offset).unwrap_or(CHUNK);
        (offset, left.min(CHUNK))
    })
}

/// Discards; where that can't be done, or changes nothing, overwrites.
fn discard(machine: &mut dyn Machine, device: &Path, mounted: bool) -> io::Result<Vec<String>> {
    let size = size(machine, device)?;
    let before = samples(machine, device, size)?;
    let note = match machine.discard(device, mounted) {
        Ok(()) => {
            machine.flush(device)?;
            let after = samples(machine, device, size)?;
            let held = |(before, after): (&Vec<u8>, &Vec<u8>)| {
                before == after && before.iter().any(|byte| *byte != 0)
            };
            if !before.iter().zip(&after).any(held) {
                return Ok(Vec::new());
            }
            "discarded without effect: overwritten".to_owned()
        }
        Err(error) => format!("not discarded ({error}): overwritten"),
    };
    overwrite(machine, device, 1)?;
    Ok(vec![note])
}

fn overwrite(machine: &mut dyn Machine, target: &Path, passes: u32) -> io::Result<()> {
    let size = size(machine, target)?;
    for _ in 0..passes {
        let noise = machine.random(CHUNK)?;
        for (offset, length) in chunks(0, size) {
            machine.write(target, offset, noise.get(..length).unwrap_or(&noise))?;
        }
        machine.flush(target)?;
        for offset in sampled(size) {
            let within = usize::try_from(offset % CHUNK as u64).unwrap_or(0);
            let read = machine.read(target, offset, SAMPLE.min(CHUNK - within))?;
            if Some(&*read) != noise.get(within..within + read.len()) {
                return Err(io::Error::other(format!(
                    "{}: reads otherwise than written at {offset}",
                    target.display()
                )));
            }
        }
    }
    Ok(())
}

/// Overwrites every file below a folder. One that goes away meanwhile may lie under another name now, even under that of
/// a file whose turn is over: then all are listed and overwritten anew. A folder that doesn't come to rest is done in
/// the end, or the wipe would never be.
fn overwrite_files(machine: &mut dyn Machine, folder: &Path, passes: u32) -> io::Result<Vec<String>> {
    let mut gone = 0;
    for _ in 0..LISTINGS {
        gone = 0;
        let mut failed = None;
        for file in machine.files(folder)? {
            // One that fails leaves none of the others as it was.
            if let Err(error) = overwrite(machine, &file, passes) {
                if matches!(machine.look(&file), Ok(Found::Missing)) {
                    gone += 1;
                } else {
                    failed.get_or_insert(error);
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if gone == 0 {
            return Ok(Vec::new());
        }
    }
    Ok(vec![format!(
        "{gone} files went away while they were overwritten"
    )])
}

fn samples(machine: &dyn Machine, target: &Path, size: u64) -> io::Result<Vec<Vec<u8>>> {
    sampled(size)
        .map(|offset| machine.read(target, offset, SAMPLE))
        .collect()
}

/// Places spread over the whole, on sector boundaries; the last one near the end.
fn sampled(size: u64) -> impl Iterator<Item = u64> {
    let last = size.saturating_sub(SAMPLE as u64);
    (0..SAMPLES).map(move |n| (last / (SAMPLES - 1) * n) & !511)
}

fn size(machine: &dyn Machine, target: &Path) -> io::Result<u64> {
    match machine.look(target)? {
        Found::Device(size) | Found::File(size) => Ok(size),
        _ => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{} is neither device nor file", target.display()),
        )),
    }
}

fn exec(machine: &mut dyn Machine, command: &[String], patience: Duration) -> io::Result<Vec<String>> {
    let mut words = command.iter().map(String::as_str);
    let program = words.next().unwrap_or_default();
    run(machine, program, &words.collect::<Vec<_>>(), patience)
}

fn run(
    machine: &mut dyn Machine,
    program: &str,
    arguments: &[&str],
    patience: Duration,
) -> io::Result<Vec<String>> {
    let found = machine
        .program(program)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{program} isn't installed")))?;
    machine.run(&found, arguments, patience).map(|()| Vec::new())
}
