//! What the machine says of itself.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use belay_proto::wire::DeviceKind;

use crate::config::Backend;
use crate::device::name;

/// The machine's own words; empty where it has none that can be shown.
pub trait Host: Debug + Send + Sync {
    /// The host's name.
    fn name(&self) -> String;
    /// The model, as the firmware calls it.
    fn model(&self) -> String;
    /// What sort of device it is.
    fn kind(&self) -> DeviceKind;
}

/// The machine that `backend` chooses.
pub fn host(backend: Backend) -> Box<dyn Host> {
    match backend {
        #[cfg(feature = "simulated")]
        Backend::Simulated => Box::new(simulated::SimulatedHost),
        _ => Box::new(SystemHost::new(Path::new("/"))),
    }
}

/// The machine that belayd runs on.
#[derive(Debug)]
pub struct SystemHost {
    root: PathBuf,
}

impl SystemHost {
    /// Reads below `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The first of `files` whose content can be shown.
    fn first(&self, files: &[&str]) -> String {
        let read = |file: &&str| {
            let bytes = std::fs::read(self.root.join(file)).ok()?;
            // The device tree ends its texts with a zero byte.
            let text = String::from_utf8(bytes).ok()?;
            name::check(text.trim_end_matches('\0')).ok().map(str::to_owned)
        };
        files.iter().find_map(read).unwrap_or_default()
    }

    fn text(&self, file: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.root.join(file)).ok()?;
        Some(
            text.trim_matches(|c: char| c.is_whitespace() || c == '\0')
                .to_owned(),
        )
    }
}

impl Host for SystemHost {
    fn name(&self) -> String {
        self.first(&["proc/sys/kernel/hostname", "etc/hostname"])
    }

    fn model(&self) -> String {
        self.first(&["proc/device-tree/model", "sys/class/dmi/id/product_name"])
    }

    /// As systemd-hostnamed finds it, which not every system has: first what the administrator or the distribution says
    /// (`CHASSIS=`, machine-info(5)), then the device tree (`chassis-type`), then the firmware's tables.
    fn kind(&self) -> DeviceKind {
        let said = self.text("etc/machine-info");
        let said = said.as_deref().and_then(chassis).and_then(kind_of);
        let tree = || kind_of(&self.text("proc/device-tree/chassis-type")?);
        let tables = || kind_of_table(&self.text("sys/class/dmi/id/chassis_type")?);
        said.or_else(tree).or_else(tables).unwrap_or_default()
    }
}

/// The last `CHASSIS=` of a machine-info(5), which is written like a shell's assignments.
fn chassis(info: &str) -> Option<&str> {
    let mut values = info
        .lines()
        .filter_map(|line| line.trim().strip_prefix("CHASSIS="));
    let value = values.next_back()?.trim();
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    Some(quoted('"').or_else(|| quoted('\'')).unwrap_or(value))
}

/// The words of machine-info(5) and of the device tree; `None` for a server, a virtual machine and the like.
fn kind_of(chassis: &str) -> Option<DeviceKind> {
    match chassis {
        "handset" => Some(DeviceKind::Phone),
        "tablet" => Some(DeviceKind::Tablet),
        "watch" => Some(DeviceKind::Watch),
        "laptop" | "convertible" => Some(DeviceKind::Laptop),
        "desktop" | "all-in-one" => Some(DeviceKind::Desktop),
        _ => None,
    }
}

/// The numbers of SMBIOS (DSP0134, "System Enclosure or Chassis Types").
fn kind_of_table(number: &str) -> Option<DeviceKind> {
    match number.parse().ok()? {
        3 | 4 | 6 | 7 | 13 | 35 | 36 => Some(DeviceKind::Desktop),
        8..=10 | 14 | 31 | 32 => Some(DeviceKind::Laptop),
        11 => Some(DeviceKind::Phone),
        30 => Some(DeviceKind::Tablet),
        _ => None,
    }
}

#[cfg(feature = "simulated")]
mod simulated {
    use belay_proto::wire::DeviceKind;

    use super::Host;

    /// The same machine for every test.
    #[derive(Debug)]
    pub(super) struct SimulatedHost;

    impl Host for SimulatedHost {
        fn name(&self) -> String {
            "simulated".into()
        }

        fn model(&self) -> String {
            "Simulated Phone".into()
        }

        fn kind(&self) -> DeviceKind {
            DeviceKind::Phone
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceKind, Host, SystemHost};

    #[test]
    fn the_administrator_s_word_comes_before_the_device_tree_s_and_that_before_the_firmware_s() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        let host = SystemHost::new(root.path());
        assert_eq!(host.kind(), DeviceKind::Unknown);
        for (number, kind) in [
            ("10\n", DeviceKind::Laptop),
            ("30", DeviceKind::Tablet),
            ("17", DeviceKind::Unknown),
            ("x", DeviceKind::Unknown),
            ("3", DeviceKind::Desktop),
        ] {
            write("sys/class/dmi/id/chassis_type", number);
            assert_eq!(host.kind(), kind, "{number}");
        }
        for (word, kind) in [
            ("handset\0", DeviceKind::Phone),
            ("watch\0", DeviceKind::Watch),
            ("toaster\0", DeviceKind::Desktop),
        ] {
            write("proc/device-tree/chassis-type", word);
            assert_eq!(host.kind(), kind, "{word}");
        }
        for (info, kind) in [
            ("PRETTY_HOSTNAME=Pocket\n", DeviceKind::Desktop),
            ("# CHASSIS=watch\nCHASSIS=vm\n", DeviceKind::Desktop),
            ("CHASSIS=\"handset\"\n", DeviceKind::Phone),
            ("CHASSIS='tablet'\nX=1", DeviceKind::Tablet),
            ("CHASSIS=laptop\nCHASSIS=convertible\n", DeviceKind::Laptop),
        ] {
            write("etc/machine-info", info);
            assert_eq!(host.kind(), kind, "{info}");
        }
    }

    #[test]
    fn the_device_tree_comes_before_the_firmware_tables() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &[u8]| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        let host = SystemHost::new(root.path());
        assert_eq!(
            (host.name(), host.model()),
            (String::new(), String::new()),
            "nothing known is empty"
        );
        write("etc/hostname", b"mobian\n");
        write("sys/class/dmi/id/product_name", b"Board 7\n");
        assert_eq!((host.name(), host.model()), ("mobian".into(), "Board 7".into()));
        write("proc/device-tree/model", b"Pine64 PinePhone Pro\0");
        assert_eq!(host.model(), "Pine64 PinePhone Pro");
    }

    #[test]
    fn what_cannot_be_shown_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/device-tree")).unwrap();
        std::fs::write(root.path().join("proc/device-tree/model"), [0xff, 0xfe]).unwrap();
        assert_eq!(SystemHost::new(root.path()).model(), "");
    }
}
