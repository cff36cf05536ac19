//! Stand-ins for the warden, NetworkManager, the login manager, USBGuard and systemd, on one shared picture of the
//! device.

use std::collections::BTreeMap;
use std::io::PipeReader;
use std::os::fd::OwnedFd as StdFd;

use belay_proto::steps::{Done, TICK, TickOutput};
use tokio::sync::watch;
use zbus::object_server::SignalEmitter;
use zbus::{ObjectPath, OwnedFd, OwnedObjectPath, Variant, fdo};

/// The device as the stand-ins see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub lock: String,
    /// What the warden's `Identity` says beside it.
    pub kept: bool,
    /// How often it was asked.
    pub asked: u32,
    /// What it is once it was read.
    pub then: Option<String>,
    /// What the warden answers to a tick, and how often it was told.
    pub next: u64,
    /// What `next` is after it was asked for once more.
    pub then_next: Option<u64>,
    pub ticks: u32,
    pub networking: bool,
    pub wireless: bool,
    pub wwan: bool,
    pub usb: String,
    pub sessions: BTreeMap<String, String>,
    pub ended: Vec<String>,
    /// `what:mode` of each inhibitor that was asked for.
    pub inhibited: Vec<String>,
    pub target: bool,
    pub starts: Vec<String>,
}

#[derive(Clone)]
pub struct Shared(pub watch::Sender<Picture>);

impl Shared {
    pub fn get<T>(&self, of: impl FnOnce(&Picture) -> T) -> T {
        of(&self.0.borrow())
    }

    pub fn change(&self, how: impl FnOnce(&mut Picture)) {
        self.0.send_modify(how);
    }
}

pub struct Warden(pub Shared);

#[zbus::interface(name = "org.belay1.Warden")]
impl Warden {
    #[zbus(property)]
    fn lock_state(&self) -> String {
        let said = self.0.get(|picture| picture.lock.clone());
        self.0
            .change(|picture| picture.lock = picture.then.take().unwrap_or_else(|| said.clone()));
        said
    }

    fn identity(&self) -> std::collections::HashMap<&'static str, Variant<'static>> {
        self.0.change(|picture| picture.asked += 1);
        [("kept", Variant::from(self.0.get(|picture| picture.kept)))].into()
    }

    #[zbus(name = "Use")]
    fn use_ticket(&self, ticket: &str, step: &str, input: &[u8]) -> fdo::Result<Vec<u8>> {
        if (ticket, step, input) != ("", TICK, &*Done {}.encode()) {
            return Err(fdo::Error::InvalidArgs(step.to_owned()));
        }
        self.0.change(|picture| picture.ticks += 1);
        let next = self.0.get(|picture| picture.next);
        self.0
            .change(|picture| picture.next = picture.then_next.take().unwrap_or(next));
        Ok(TickOutput { next }.encode())
    }
}

pub struct NetworkManager(pub Shared);

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl NetworkManager {
    #[zbus(property)]
    fn networking_enabled(&self) -> bool {
        self.0.get(|picture| picture.networking)
    }

    #[zbus(property)]
    fn wireless_enabled(&self) -> bool {
        self.0.get(|picture| picture.wireless)
    }

    #[zbus(property)]
    fn set_wireless_enabled(&self, on: bool) {
        self.0.change(|picture| picture.wireless = on);
    }

    #[zbus(property)]
    fn wwan_enabled(&self) -> bool {
        self.0.get(|picture| picture.wwan)
    }

    #[zbus(property)]
    fn set_wwan_enabled(&self, on: bool) {
        self.0.change(|picture| picture.wwan = on);
    }

    async fn enable(&self, on: bool, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> fdo::Result<()> {
        self.0.change(|picture| picture.networking = on);
        self.networking_enabled_changed(&emitter).await?;
        Ok(())
    }
}

pub struct Login {
    pub shared: Shared,
    /// The other ends of the inhibitors.
    pub held: tokio::sync::mpsc::UnboundedSender<PipeReader>,
}

type Session = (String, u32, String, String, OwnedObjectPath);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    fn list_sessions(&self) -> fdo::Result<Vec<Session>> {
        let sessions = self.shared.get(|picture| picture.sessions.clone());
        sessions
            .into_iter()
            .map(|(id, user)| {
                let path = ObjectPath::try_from(format!("/org/freedesktop/login1/session/{id}"))?;
                Ok((id, 1000, user, "seat0".to_owned(), path.into()))
            })
            .collect()
    }

    fn terminate_session(&self, id: String) {
        self.shared.change(|picture| {
            picture.sessions.remove(&id);
            picture.ended.push(id);
        });
    }

    fn inhibit(&self, what: String, _who: String, _why: String, mode: String) -> fdo::Result<OwnedFd> {
        let (reader, writer) = std::io::pipe().map_err(|error| fdo::Error::IOError(error.to_string()))?;
        self.shared
            .change(|picture| picture.inhibited.push(format!("{what}:{mode}")));
        let _ = self.held.send(reader);
        Ok(OwnedFd::from(StdFd::from(writer)))
    }

    #[zbus(signal)]
    pub async fn session_new(emitter: &SignalEmitter<'_>, id: &str, path: ObjectPath<'_>)
    -> zbus::Result<()>;
}

pub struct UsbGuard(pub Shared);

#[zbus::interface(name = "org.usbguard1")]
impl UsbGuard {
    #[zbus(name = "getParameter")]
    fn get_parameter(&self, _name: &str) -> String {
        self.0.get(|picture| picture.usb.clone())
    }

    #[zbus(name = "setParameter")]
    fn set_parameter(&self, _name: &str, value: String) -> String {
        let previous = self.0.get(|picture| picture.usb.clone());
        self.0.change(|picture| picture.usb = value);
        previous
    }
}

pub struct Systemd(pub Shared);

pub const TARGET: &str = "/org/freedesktop/systemd1/unit/belay_2dlost_2etarget";

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Systemd {
    fn subscribe(&self) {}

    fn load_unit(&self, _name: &str) -> ObjectPath<'static> {
        ObjectPath::from_static_str_unchecked(TARGET)
    }

    fn start_unit(&self, name: String, mode: &str) -> ObjectPath<'static> {
        self.0.change(|picture| {
            picture.target = true;
            picture.starts.push(format!("{name} {mode}"));
        });
        ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/1")
    }

    #[zbus(signal)]
    pub async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

pub struct Target(pub Shared);

#[zbus::interface(name = "org.freedesktop.systemd1.Unit")]
impl Target {
    #[zbus(property)]
    fn load_state(&self) -> String {
        "loaded".to_owned()
    }

    #[zbus(property)]
    fn active_state(&self) -> String {
        let up = self.0.get(|picture| picture.target);
        if up { "active" } else { "inactive" }.to_owned()
    }
}

/// The body of a `Set` of NetworkManager's.
pub fn set<'a>(name: &'a str, on: bool) -> (&'a str, &'a str, Variant<'a>) {
    ("org.freedesktop.NetworkManager", name, Variant::from(on))
}
