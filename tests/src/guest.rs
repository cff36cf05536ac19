//! Who runs what: the programs as an unprivileged user even when the tests run as root, and connections to the
//! bus as somebody else.

use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use zbus::Connection;
use zbus::connection::Builder;

use crate::surprise::During;
use crate::{Outcome, Surprise};

/// The user the programs run as when the tests run as root: `nobody`. The warden as root refuses the simulated
/// clock, by design.
const NOBODY: u32 = 65_534;

/// The user at the device when the tests run as root: neither root nor the user of the programs. `dbus-daemon`
/// turns away numbers without an entry in `/etc/passwd`; 1 and 2 are `daemon` and `bin` everywhere, in one order
/// or the other.
const PERSON: u32 = 1;

/// A second user, who is not at the device.
const STRANGER: u32 = 2;

/// Whether the tests run as root, and can therefore be several users.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// The user that the programs and the bus run as, where it isn't the user of the tests.
#[must_use]
pub fn programs() -> Option<u32> {
    is_root().then_some(NOBODY)
}

/// The user at the device, who calls methods: somebody unprivileged as root, else the user of the tests.
#[must_use]
pub fn person() -> u32 {
    if is_root() { PERSON } else { geteuid().as_raw() }
}

/// Another user, who isn't at the device; only root can be one.
#[must_use]
pub fn stranger() -> Option<u32> {
    is_root().then_some(STRANGER)
}

/// Gives `path` to the user of the programs.
///
/// # Errors
/// What `chown` says.
pub fn give(path: &Path) -> Outcome {
    if let Some(uid) = programs() {
        std::os::unix::fs::chown(path, Some(uid), Some(uid)).during(path.display())?;
    }
    Ok(())
}

/// Connects to the bus at the socket `bus` as user `uid`.
///
/// # Errors
/// Where this process may not become that user, or the bus refuses.
pub async fn connect(bus: &Path, uid: u32) -> Outcome<Connection> {
    let builder = builder(bus, uid)?;
    Ok(builder.build().await?)
}

/// The same, before the connection is made, for those who serve objects on it.
///
/// # Errors
/// Where this process may not become that user, or nobody listens.
pub fn builder(bus: &Path, uid: u32) -> Outcome<Builder<'static>> {
    let stream = stream_as(bus, uid)?;
    Ok(Builder::unix_stream(stream).user_id(uid))
}

/// Whether user `uid` may send `SIGKILL` to the process `pid`, which is done where it may.
///
/// # Errors
/// Where this process may not become that user.
pub fn may_kill(uid: u32, pid: u32) -> Outcome<bool> {
    let tried = std::thread::spawn(move || -> Outcome<bool> {
        let user = Uid::from_raw(uid);
        set_thread_groups(&[])?;
        set_thread_res_uid(user, user, user)?;
        Ok(crate::process::signal(pid, rustix::process::Signal::KILL).is_ok())
    });
    tried
        .join()
        .map_err(|_| Surprise::new("the thread that kills died"))?
}

/// Opens the socket on a thread that has become `uid`: the kernel notes the credentials of the thread that
/// connects, and the bus believes only those.
fn stream_as(bus: &Path, uid: u32) -> Outcome<UnixStream> {
    if uid == geteuid().as_raw() {
        return UnixStream::connect(bus).during(bus.display());
    }
    let bus = bus.to_owned();
    let opened = std::thread::spawn(move || -> Outcome<UnixStream> {
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        set_thread_groups(&[])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        UnixStream::connect(&bus).during(bus.display())
    });
    opened
        .join()
        .map_err(|_| Surprise::new("the thread that connects died"))?
}
