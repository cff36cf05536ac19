//! A stage for one test: it judges itself at its end.

use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use belay_tests::Stage;
use belay_tests::stage::Plan;
use belay_tests::sysfs::Hardware;

/// How fast time passes where belayd's pauses are waited for while exchanges and passwords are to succeed on a busy machine as well: of
/// the 10 s that belayd waits for an exchange five pass however fast it is, and of the minute that a ticket lives this leaves twenty
/// seconds.
pub const PACE: u32 = 3;

/// A stage whose end fails the test where the contract was broken or a program panicked. The logs of a failed
/// test are kept.
pub struct Scene(Stage);

/// Says why a test, or a part of it, isn't done. Past the test harness, which shows nothing of tests that pass:
/// whoever runs the tests must see what wasn't tested.
pub fn skipped(why: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// The usual plan.
pub fn plan() -> Plan {
    Plan::new(Path::new(env!("CARGO_BIN_EXE_playground")))
}

/// A file of settings for a cloud.
pub fn settings(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    file
}

/// The usual device with everything running.
pub async fn scene() -> Scene {
    Scene::of(plan()).await
}

impl Scene {
    /// A device by this plan with everything running.
    pub async fn of(plan: Plan) -> Self {
        Self(plan.up().await.unwrap())
    }

    /// Another device, whose cloud and network are those of `first`.
    pub async fn beside(first: &Self) -> Self {
        Self::beside_by(plan(), first).await
    }

    /// The same by this plan, on a phone of its own.
    pub async fn beside_by(plan: Plan, first: &Self) -> Self {
        static PHONES: AtomicU32 = AtomicU32::new(0x5e6f_7a8b);
        let hardware = Hardware::Phone(PHONES.fetch_add(1, Ordering::Relaxed));
        let mut second = Self(Plan { hardware, ..plan }.beside(first).await.unwrap());
        second.init_warden().await.unwrap();
        second.start_belayd().await.unwrap();
        second
    }

    /// Only the bus and the simulators.
    pub async fn empty() -> Self {
        Self::of_empty(plan()).await
    }

    /// The same by this plan.
    pub async fn of_empty(plan: Plan) -> Self {
        Self(plan.empty().await.unwrap())
    }
}

impl Deref for Scene {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.0
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let verdict = if failed { Ok(()) } else { self.0.verdict() };
        if failed || verdict.is_err() {
            eprintln!("the logs of this test are in {}", self.0.keep().display());
        }
        verdict.unwrap();
    }
}

/// Whether the long mode runs.
pub fn is_long() -> bool {
    std::env::var_os("BELAY_LONG").is_some()
}

/// Whether there is time for what takes minutes; else says that it is skipped.
pub fn has_time_for(what: &str) -> bool {
    let has = is_long();
    if !has {
        skipped(&format!("{what}: it takes minutes, which the long mode has"));
    }
    has
}
