//! Something to wipe: a LUKS2 container in a file where cryptsetup is installed, else files; and the plan for it.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use belay_wipe::mounts;
use tempfile::TempDir;

use crate::surprise::During;
use crate::{Outcome, Stage, Surprise, expect, guest};

/// What opens the container.
const PASSPHRASE: &[u8] = b"correct horse battery staple";
/// Room for both LUKS2 headers and some data.
const SIZE: u64 = 32 * 1024 * 1024;
/// What is private.
const LETTER: &[u8] = b"Dear diary";

/// The owner's data.
#[derive(Debug)]
pub(super) struct Scratch {
    /// On a real disk: a wipe refuses a journal that lies in memory.
    folder: TempDir,
    cryptsetup: Option<PathBuf>,
}

impl Scratch {
    /// Makes the data, its `wipe.toml`, and what the warden has to know of them. Before the warden is started.
    ///
    /// # Errors
    /// What the file system or cryptsetup says.
    pub(super) fn make(stage: &Stage) -> Outcome<Self> {
        let folder = tempfile::Builder::new()
            .prefix("belay-scratch-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(durable(stage.exe())?)?;
        guest::give(folder.path())?;
        let scratch = Self {
            folder,
            cryptsetup: cryptsetup(),
        };
        let journal = scratch.at("journal");
        fs::create_dir(&journal)?;
        guest::give(&journal)?;
        match &scratch.cryptsetup {
            Some(_) => scratch.container()?,
            None => scratch.files()?,
        }
        stage.place().write("wipe.toml", &scratch.plan(stage), 0o644)?;
        stage
            .place()
            .write("belay.d/wipe.toml", &scratch.settings(stage), 0o644)?;
        Ok(scratch)
    }

    /// What it is, for the story.
    pub(super) fn words(&self) -> &'static str {
        match self.cryptsetup {
            Some(_) => "a LUKS2 container in a file, made by cryptsetup",
            None => "files, since cryptsetup isn't installed",
        }
    }

    /// What a wipe of it is worth, as `Device.WipeClass` says.
    pub(super) fn class(&self) -> &'static str {
        match self.cryptsetup {
            Some(_) => "crypto",
            None => "overwrite",
        }
    }

    /// How it was looked whether the data can be read.
    pub(super) fn probe(&self) -> &'static str {
        match self.cryptsetup {
            Some(_) => "cryptsetup open --test-passphrase",
            None => "reading the file",
        }
    }

    /// Whether the data can be read.
    ///
    /// # Errors
    /// Where cryptsetup can't be run.
    pub(super) fn is_readable(&self) -> Outcome<bool> {
        match &self.cryptsetup {
            Some(program) => {
                let opened = run(
                    program,
                    &["open", "--test-passphrase", "--key-file=-"],
                    &self.data(),
                )?;
                Ok(opened.status.success())
            }
            None => Ok(fs::read(self.data().join("letter")).is_ok_and(|read| read == LETTER)),
        }
    }

    /// What the wipe wrote down outside the data, as JSON text.
    ///
    /// # Errors
    /// Where there is nothing.
    pub(super) fn tombstone(&self) -> Outcome<String> {
        fs::read_to_string(self.at("journal/tombstone")).during("the tombstone")
    }

    /// Whether the last step was done.
    pub(super) fn is_power_off(&self) -> bool {
        self.at("power-is-off").exists()
    }

    fn container(&self) -> Outcome {
        let Some(program) = &self.cryptsetup else {
            return Ok(());
        };
        File::create_new(self.data())?.set_len(SIZE)?;
        // A passphrase for this story alone: guessing it needn't be dear.
        let format = [
            "luksFormat",
            "--type=luks2",
            "--key-file=-",
            "--pbkdf=pbkdf2",
            "--pbkdf-force-iterations=1000",
            "--batch-mode",
        ];
        let made = run(program, &format, &self.data())?;
        expect!(
            made.status.success(),
            "cryptsetup luksFormat: {}",
            String::from_utf8_lossy(&made.stderr).trim()
        );
        guest::give(&self.data())
    }

    fn files(&self) -> Outcome {
        let (folder, letter) = (self.data(), self.data().join("letter"));
        fs::create_dir(&folder)?;
        fs::write(&letter, LETTER)?;
        guest::give(&letter)?;
        guest::give(&folder)
    }

    /// `wipe.toml`. The power goes off at the end; here a file says so.
    fn plan(&self, stage: &Stage) -> String {
        let (data, journal) = (quoted(&self.data()), quoted(&self.at("journal")));
        let intent = quoted(&stage.place().at("warden/wipe-intent"));
        let steps = match self.cryptsetup {
            Some(_) => format!(
                "[[step]]\nkind = \"luks-keyslots\"\ndevice = {data}\n\n\
                 [[step]]\nkind = \"discard\"\ndevice = {data}\n"
            ),
            None => format!(
                "[[step]]\nkind = \"overwrite\"\npath = {data}\n\n\
                 [[step]]\nkind = \"remove\"\npaths = [{data}]\n"
            ),
        };
        let off = quoted(&self.at("power-is-off"));
        format!(
            "[journal]\npath = {journal}\n\n[intent]\npath = {intent}\n\n[data]\nplaces = [{data}]\n\n{steps}\n\
             [[step]]\nkind = \"power-off\"\nmethod = \"exec\"\n\
             command = [\"/bin/sh\", \"-c\", \": >\\\"$0\\\"\", {off}]\n"
        )
    }

    /// A drop-in for `belay.toml`.
    fn settings(&self, stage: &Stage) -> String {
        let (exe, plan) = (quoted(stage.exe()), quoted(&stage.place().at("wipe.toml")));
        format!(
            "[warden]\nwipe-journal = {}\n\n[warden.exec]\n\
             wipe-class = [{exe}, \"role\", \"belay-wipe\", \"--class\", \"--config\", {plan}]\n",
            quoted(&self.at("journal"))
        )
    }

    fn data(&self) -> PathBuf {
        self.at(match self.cryptsetup {
            Some(_) => "container",
            None => "home",
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A folder that isn't in memory: that for temporary files, the one for those that outlive a boot, or the program's.
fn durable(exe: &Path) -> Outcome<PathBuf> {
    let mounted = mounts::parse(&fs::read_to_string("/proc/self/mountinfo")?);
    let is_durable = |folder: &PathBuf| {
        let mount = mounts::below(&mounted, folder);
        mount.is_some_and(|mount| !matches!(mount.kind.as_str(), "tmpfs" | "ramfs"))
    };
    [std::env::temp_dir(), "/var/tmp".into()]
        .into_iter()
        .chain(exe.parent().map(Path::to_owned))
        .filter_map(|folder| fs::canonicalize(folder).ok())
        .find(is_durable)
        .ok_or_else(|| {
            Surprise::new("every folder for temporary files lies in memory: set TMPDIR to one on a disk")
        })
}

/// cryptsetup, which many have outside their `PATH`.
fn cryptsetup() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join("cryptsetup"))
        .find(|program| program.is_file())
}

/// Runs cryptsetup on a file, with the passphrase on its standard input.
fn run(program: &Path, arguments: &[impl AsRef<OsStr>], file: &Path) -> Outcome<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .during(program.display())?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without reading.
        let _unread = stdin.write_all(PASSPHRASE);
    }
    Ok(child.wait_with_output()?)
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}
