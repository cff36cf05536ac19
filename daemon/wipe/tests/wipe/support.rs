//! A folder with a plan, an intent and a journal.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub const COMMAND: &str = "0123456789abcdef0123456789abcdef";

pub struct Stage {
    // Not below /tmp, which may lie in memory: the journal is refused there.
    folder: tempfile::TempDir,
}

impl Stage {
    /// With an intent, and with these steps; `{}` in them is the stage's folder.
    pub fn new(data: &str, steps: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let stage = Self { folder };
        let here = stage.folder.path().display().to_string();
        let plan = format!(
            "[journal]\npath = \"{{}}/journal\"\n[intent]\npath = \"{{}}/intent\"\n\
             [data]\nplaces = [\"{{}}/{data}\"]\n{steps}"
        );
        stage.write("wipe.toml", &plan.replace("{}", &here));
        stage.write(
            "intent",
            &format!(r#"{{"command":"{COMMAND}","external":false,"keep_esim":false}}"#),
        );
        stage
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        // Whatever this shell's umask is: the plan is its owner's alone to write.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_belay-wipe"));
        command
            .arg("--config")
            .arg(self.at("wipe.toml"))
            .args(arguments)
            .env("RUNTIME_DIRECTORY", self.at("runtime"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.at(name)).unwrap()).unwrap()
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn assert_ok(output: &Output) {
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Past the test harness, which shows nothing of tests that pass.
pub fn skipped(why: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

pub fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
