//! A private bus with the stand-ins, and the program in its own process.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use zbus::names::WellKnownName;
use zbus::object_server::Interface;
use zbus::{Connection, ObjectPath, connection};

use crate::services::{
    Login, NetworkManager, Picture, Shared, Systemd, TARGET, Target, UsbGuard, Warden, set,
};

/// Long enough for a loaded machine, short enough to fail a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);
/// What time is counted in.
const TURN: Duration = Duration::from_millis(50);
const NM: &str = "/org/freedesktop/NetworkManager";
const LOGIN: &str = "/org/freedesktop/login1";
const WARDEN: &str = "/org/belay1/warden";
const SYSTEMD: &str = "/org/freedesktop/systemd1";

pub struct Stage {
    bus: Child,
    address: String,
    folder: TempDir,
    pub shared: Shared,
    warden: Connection,
    network: Option<Connection>,
    login: Connection,
    systemd: Connection,
    _usb: Connection,
    held: mpsc::UnboundedReceiver<PipeReader>,
}

impl Stage {
    /// A device with Wi-Fi on, mobile data off, and somebody logged in beside the lost screen.
    pub async fn new(lock: &str) -> Self {
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let address = address.trim().to_owned();
        let sessions = [("c1", "ada"), ("c2", "belay-screen")];
        let shared = Shared(watch::Sender::new(Picture {
            lock: lock.to_owned(),
            kept: true,
            networking: true,
            wireless: true,
            wwan: false,
            usb: "allow".to_owned(),
            target: true,
            sessions: sessions.map(|(id, user)| (id.to_owned(), user.to_owned())).into(),
            ..Picture::default()
        }));
        let (holder, held) = mpsc::unbounded_channel();
        let login = Login {
            shared: shared.clone(),
            held: holder,
        };
        let systemd = serve(
            &address,
            "org.freedesktop.systemd1",
            SYSTEMD,
            Systemd(shared.clone()),
        )
        .await;
        systemd
            .object_server()
            .at(TARGET, Target(shared.clone()))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("belay.toml"), "[cloud]\nurl = \"\"\n").unwrap();
        Self {
            warden: serve(&address, "org.belay1.Warden", WARDEN, Warden(shared.clone())).await,
            network: Some(network(&address, &shared).await),
            login: serve(&address, "org.freedesktop.login1", LOGIN, login).await,
            systemd,
            _usb: serve(
                &address,
                "org.usbguard1",
                "/org/usbguard1",
                UsbGuard(shared.clone()),
            )
            .await,
            bus,
            address,
            folder,
            shared,
            held,
        }
    }

    pub fn start(&self) -> Watch {
        let child = Command::new(env!("CARGO_BIN_EXE_belay-watch"))
            .arg("--config")
            .arg(self.folder.path().join("belay.toml"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .env("STATE_DIRECTORY", self.folder.path().join("state"))
            .env_remove("NOTIFY_SOCKET")
            .spawn()
            .unwrap();
        Watch(child)
    }

    /// The file of former values.
    pub fn before(&self) -> PathBuf {
        self.folder.path().join("state/before.json")
    }

    /// Waits until the device looks like this.
    pub async fn until(&self, what: &str, like: impl Fn(&Picture) -> bool) {
        let mut picture = self.shared.0.subscribe();
        let found = tokio::time::timeout(PATIENCE, picture.wait_for(|picture| like(picture))).await;
        let found = found.map(|found| found.map(|_| ()));
        assert!(found.is_ok(), "never: {what}: {:?}", self.shared.0.borrow());
    }

    /// The warden says something else from now on.
    pub async fn lock(&self, lock: &str) {
        self.shared.change(|picture| picture.lock = lock.to_owned());
        self.hint().await;
    }

    /// The warden says that something has changed.
    pub async fn hint(&self) {
        let object = self.warden.object_server().interface::<_, Warden>(WARDEN).await;
        let object = object.unwrap();
        let emitter = object.signal_emitter();
        object.get().await.lock_state_changed(emitter).await.unwrap();
    }

    /// Somebody switches a radio, as a settings app does.
    pub async fn switch(&self, name: &str, on: bool) {
        let client = connect(&self.address).await;
        let interface = Some("org.freedesktop.DBus.Properties");
        let service = Some("org.freedesktop.NetworkManager");
        client
            .call_method(service, NM, interface, "Set", &set(name, on))
            .await
            .unwrap();
    }

    /// Somebody switches all of it off.
    pub async fn network_off(&self) {
        let client = connect(&self.address).await;
        let service = Some("org.freedesktop.NetworkManager");
        client
            .call_method(service, NM, service, "Enable", &false)
            .await
            .unwrap();
    }

    /// NetworkManager leaves the bus, and comes back with other switches.
    pub async fn restart_network(&mut self, wireless: bool) {
        self.network.take().unwrap().close().await.unwrap();
        self.shared.change(|picture| picture.wireless = wireless);
        self.network = Some(network(&self.address, &self.shared).await);
    }

    pub async fn log_in(&self, id: &str, user: &str) {
        self.shared
            .change(|picture| drop(picture.sessions.insert(id.to_owned(), user.to_owned())));
        let object = self.login.object_server().interface::<_, Login>(LOGIN).await;
        let object = object.unwrap();
        let path = ObjectPath::from_static_str_unchecked("/org/freedesktop/login1/session/x");
        Login::session_new(object.signal_emitter(), id, path)
            .await
            .unwrap();
    }

    /// The lost screen's target goes down.
    pub async fn stop_target(&self) {
        self.shared.change(|picture| picture.target = false);
        let object = self
            .systemd
            .object_server()
            .interface::<_, Systemd>(SYSTEMD)
            .await;
        let object = object.unwrap();
        let job = ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/2");
        Systemd::job_removed(object.signal_emitter(), 2, job, "belay-lost.target", "done")
            .await
            .unwrap();
    }

    /// The inhibitor that was asked for last; its `read` ends when it is released.
    pub async fn inhibitor(&mut self) -> PipeReader {
        tokio::time::timeout(PATIENCE, self.held.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

/// The running program.
pub struct Watch(Child);

impl Watch {
    /// Waits until it ends by itself.
    pub async fn ended(mut self) -> ExitStatus {
        let pid = i32::try_from(self.0.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::NONBLOCK).unwrap();
        let handle = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(handle).unwrap();
        tokio::time::timeout(PATIENCE, handle.readable())
            .await
            .unwrap()
            .unwrap();
        self.0.wait().unwrap()
    }

    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long it takes, counted in turns of this process: while a busy machine leaves it no processor, no time passes.
pub async fn time_of(what: impl Future<Output = ()>) -> Duration {
    let mut turns = interval(TURN);
    // What was missed isn't made up for.
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut what = pin!(what);
    let mut passed = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            () = &mut what => return passed,
            _ = turns.tick() => passed += TURN,
        }
    }
}

/// Waits until an inhibitor is released.
pub async fn released(mut inhibitor: PipeReader) {
    let read = tokio::task::spawn_blocking(move || inhibitor.read(&mut [0]).unwrap());
    assert_eq!(tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap(), 0);
}

async fn connect(address: &str) -> Connection {
    connection::Builder::address(address).build().await.unwrap()
}

async fn network(address: &str, shared: &Shared) -> Connection {
    let name = "org.freedesktop.NetworkManager";
    serve(address, name, NM, NetworkManager(shared.clone())).await
}

async fn serve<I: Interface>(address: &str, name: &'static str, path: &'static str, object: I) -> Connection {
    let connection = connect(address).await;
    connection.object_server().at(path, object).await.unwrap();
    let name = WellKnownName::try_from(name).unwrap();
    connection.request_name(name).await.unwrap();
    connection
}
