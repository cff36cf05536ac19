//! What the machine says of itself.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use crate::config::Backend;
use crate::device::name;

/// The machine's own words; empty where it has none that can be shown.
pub trait Host: Debug + Send + Sync {
    /// The host's name.
    fn name(&self) -> String;
    /// The model, as the firmware calls it.
    fn model(&self) -> String;
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
}

impl Host for SystemHost {
    fn name(&self) -> String {
        self.first(&["proc/sys/kernel/hostname", "etc/hostname"])
    }

    fn model(&self) -> String {
        self.first(&["proc/device-tree/model", "sys/class/dmi/id/product_name"])
    }
}

#[cfg(feature = "simulated")]
mod simulated {
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
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, SystemHost};

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
