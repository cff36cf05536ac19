//! A private bus with the real polkitd on it where there is one, and the real warden to be activated.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends with its processes.
pub struct Bus {
    pub address: String,
    children: Vec<Child>,
}

impl Bus {
    pub fn start(folder: &Path) -> Self {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dist");
        let warden = dist.join("belay-warden");
        let config = folder.join("belay.toml");
        for name in ["services", "state", "run", "warden", "sysfs"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        std::fs::write(
            &config,
            format!(
                "[warden]\nstate = \"{0}/warden\"\nruntime = \"{0}/run\"\nsysfs = \"{0}/sysfs\"\nidle-exit = 5\n",
                folder.display()
            ),
        )
        .unwrap();
        std::fs::write(
            folder.join("services/org.belay1.Warden.service"),
            format!(
                "[D-BUS Service]\nName=org.belay1.Warden\nExec={} --config {}\n",
                warden.display(),
                config.display()
            ),
        )
        .unwrap();
        if warden.exists() && std::fs::read_dir(folder.join("warden")).unwrap().next().is_none() {
            let status = Command::new(&warden)
                .arg("--config")
                .arg(&config)
                .arg("init")
                .status()
                .unwrap();
            assert!(status.success(), "belay-warden init: {status}");
        }
        std::fs::write(
            folder.join("bus.conf"),
            format!(
                "<busconfig><listen>unix:path={0}/bus.sock</listen><auth>EXTERNAL</auth>\
                 <servicedir>{0}/services</servicedir><policy context=\"default\"><allow user=\"*\"/>\
                 <allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_type=\"method_call\"/>\
                 <allow receive_type=\"method_return\"/><allow receive_type=\"error\"/>\
                 <allow receive_type=\"signal\"/></policy></busconfig>",
                folder.display()
            ),
        )
        .unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args([
                "--nofork",
                "--nopidfile",
                "--nosyslog",
                "--print-address=1",
                "--config-file",
            ])
            .arg(folder.join("bus.conf"))
            // The warden that it activates inherits this.
            .env(
                "DBUS_SYSTEM_BUS_ADDRESS",
                format!("unix:path={}/bus.sock", folder.display()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The address is printed once the socket listens.
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Self {
            address: address.trim().to_owned(),
            children: vec![daemon],
        }
    }

    /// Puts the real polkitd on the bus where it is installed.
    pub fn with_polkit(mut self) -> Self {
        let polkitd = Path::new("/usr/lib/polkit-1/polkitd");
        if polkitd.exists() {
            let child = Command::new(polkitd)
                .arg("--no-debug")
                .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            self.children.push(child);
        }
        self
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
