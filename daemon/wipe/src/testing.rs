//! A machine in memory that a test can cut off after any change.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::machine::{Found, Machine};
use crate::plan::Plan;

pub(crate) const DEVICE: &str = "/dev/root";
pub(crate) const JOURNAL: &str = "/boot/belay";
pub(crate) const INTENT: &str = "/state/wipe-intent";
pub(crate) const COMMAND: &str = "0123456789abcdef0123456789abcdef";

/// Keys, discard, files, power-off.
pub(crate) fn plan() -> Plan {
    Plan::parse(
        r#"
        [journal]
        path = "/boot/belay"
        [intent]
        path = "/state/wipe-intent"
        [data]
        places = ["/dev/root"]
        [[step]]
        kind = "luks-keyslots"
        device = "/dev/root"
        [[step]]
        kind = "discard"
        device = "/dev/root"
        [[step]]
        kind = "overwrite"
        path = "/srv"
        [[step]]
        kind = "remove"
        paths = ["/srv"]
        [[step]]
        kind = "exec"
        command = ["/usr/bin/forget-esim"]
        esim = true
        [[step]]
        kind = "discard"
        device = "/dev/card"
        external = true
        [[step]]
        kind = "power-off"
        "#,
    )
    .unwrap()
}

/// A LUKS2 image: headers of 16 KiB, a keyslots' area of 64 KiB filled with ones, and some payload.
pub(crate) fn image(keyslots: &[&str]) -> Vec<u8> {
    let mut image = vec![0; 0x2_0000];
    let slots: Vec<String> = keyslots
        .iter()
        .map(|id| format!(r#""{id}":{{"type":"luks2","area":{{"offset":"32768","size":"4096"}}}}"#))
        .collect();
    let json = format!(
        r#"{{"keyslots":{{{}}},"config":{{"json_size":"12288","keyslots_size":"65536"}}}}"#,
        slots.join(",")
    );
    for (offset, mark) in [(0, b"LUKS\xba\xbe"), (0x4000_usize, b"SKUL\xba\xbe")] {
        image[offset..offset + 6].copy_from_slice(mark);
        image[offset + 6..offset + 8].copy_from_slice(&2_u16.to_be_bytes());
        image[offset + 8..offset + 16].copy_from_slice(&0x4000_u64.to_be_bytes());
        image[offset + 4096..offset + 4096 + json.len()].copy_from_slice(json.as_bytes());
    }
    image[0x8000..0x1_8000].fill(1);
    image[0x1_8000..].fill(2);
    image
}

/// What survives a power cut.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) ran: Vec<String>,
    pub(crate) power_cuts: u32,
}

/// One boot of the machine.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) disk: Rc<RefCell<Disk>>,
    /// How many changes are left until the power is cut.
    pub(crate) left: u32,
    pub(crate) programs: Vec<&'static str>,
    /// What fails whenever it is touched.
    pub(crate) broken: Vec<&'static str>,
    pub(crate) in_use: bool,
    pub(crate) journal_on: Option<&'static str>,
    /// A symlink, and where it leads.
    pub(crate) link: Option<(&'static str, &'static str)>,
    pub(crate) durable: bool,
    /// While this program runs somebody writes headers to the device.
    pub(crate) writes_back: Option<&'static str>,
    /// From then on the device takes nothing.
    pub(crate) breaks_then: bool,
    /// What happens to a file right after the next listing: it goes away, or to another name.
    pub(crate) moves: Vec<(&'static str, Option<&'static str>)>,
}

impl Model {
    pub(crate) fn new(disk: &Rc<RefCell<Disk>>) -> Self {
        Self {
            disk: Rc::clone(disk),
            left: u32::MAX,
            programs: vec!["cryptsetup", "/usr/bin/forget-esim"],
            broken: Vec::new(),
            in_use: false,
            journal_on: None,
            link: None,
            durable: true,
            writes_back: None,
            breaks_then: false,
            moves: Vec::new(),
        }
    }

    /// A disk with a LUKS2 device, an inserted card, some files and an intent.
    pub(crate) fn disk(external: bool, keep_esim: bool) -> Rc<RefCell<Disk>> {
        let intent = format!(r#"{{"command":"{COMMAND}","external":{external},"keep_esim":{keep_esim}}}"#);
        let files = [
            (DEVICE, image(&["0", "1"])),
            ("/dev/card", vec![3; 4096]),
            ("/srv/letter", b"private".to_vec()),
            (INTENT, intent.into_bytes()),
        ];
        Rc::new(RefCell::new(Disk {
            files: files.map(|(path, bytes)| (path.into(), bytes)).into(),
            ..Disk::default()
        }))
    }

    /// Makes a change, or, when it was the last one, half of it.
    fn change(
        &mut self,
        path: &Path,
        whole: impl FnOnce(&mut Disk),
        half: impl FnOnce(&mut Disk),
    ) -> io::Result<()> {
        if self.broken.iter().any(|broken| path.starts_with(broken)) {
            return Err(io::Error::other("I/O error"));
        }
        let mut disk = self.disk.borrow_mut();
        match self.left {
            0 => return Err(io::Error::other("no power")),
            1 => half(&mut disk),
            _ => whole(&mut disk),
        }
        self.left -= 1;
        if self.left == 0 {
            return Err(io::Error::other("no power"));
        }
        Ok(())
    }
}

fn put(disk: &mut Disk, path: &Path, offset: u64, bytes: &[u8]) {
    let file = disk.files.entry(path.to_owned()).or_default();
    let start = usize::try_from(offset).unwrap();
    file[start..start + bytes.len()].copy_from_slice(bytes);
}

impl Machine for Model {
    fn look(&self, path: &Path) -> io::Result<Found> {
        let disk = self.disk.borrow();
        Ok(match disk.files.get(path) {
            Some(bytes) if path.starts_with("/dev") => Found::Device(bytes.len() as u64),
            Some(bytes) => Found::File(bytes.len() as u64),
            None if disk.files.keys().any(|file| file.starts_with(path)) => Found::Folder,
            None => Found::Missing,
        })
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let disk = self.disk.borrow();
        let bytes = disk.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).unwrap().min(bytes.len());
        Ok(bytes[start..(start + length).min(bytes.len())].to_vec())
    }

    fn write(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(
            path,
            |disk| put(disk, path, offset, bytes),
            |disk| put(disk, path, offset, &bytes[..bytes.len() / 2]),
        )
    }

    fn flush(&mut self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn discard(&mut self, path: &Path, _forced: bool) -> io::Result<()> {
        let erase = |disk: &mut Disk| disk.files.get_mut(path).unwrap().fill(0);
        self.change(path, erase, |_| ())
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        let led = self.link.and_then(|(from, to)| {
            let rest = path.strip_prefix(from).ok()?;
            Some(Path::new(to).join(rest))
        });
        Ok(led.unwrap_or_else(|| path.to_owned()))
    }

    fn files(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut disk = self.disk.borrow_mut();
        let below = disk.files.keys().filter(|file| file.starts_with(path));
        let listed = below.cloned().collect();
        if let Some((from, to)) = self.moves.pop() {
            let bytes = disk.files.remove(Path::new(from)).unwrap();
            if let Some(to) = to {
                disk.files.insert(to.into(), bytes);
            }
        }
        Ok(listed)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        if self.files(path)?.is_empty() {
            return Ok(());
        }
        let gone = |disk: &mut Disk| disk.files.retain(|file, _| !file.starts_with(path));
        self.change(path, gone, |_| ())
    }

    fn save(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let saved = |disk: &mut Disk| drop(disk.files.insert(path.to_owned(), bytes.to_vec()));
        self.change(path, saved, |_| ())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let add = |disk: &mut Disk, bytes: &[u8]| {
            disk.files
                .entry(path.to_owned())
                .or_default()
                .extend_from_slice(bytes);
        };
        self.change(
            path,
            |disk| add(disk, bytes),
            |disk| add(disk, &bytes[..bytes.len() / 2]),
        )
    }

    fn load(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk.borrow().files.get(path).cloned())
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.contains(&name).then(|| PathBuf::from(name))
    }

    /// `cryptsetup erase` takes the keyslots out of both headers.
    fn run(&mut self, program: &Path, arguments: &[&str], _patience: Duration) -> io::Result<()> {
        let line = format!("{} {}", program.display(), arguments.join(" "));
        let writes_back = self.writes_back.is_some_and(|name| program == Path::new(name));
        let erased = |disk: &mut Disk| {
            if writes_back {
                put(disk, Path::new(DEVICE), 0, &image(&["0"])[..0x1_8000]);
            }
            if program == Path::new("cryptsetup") {
                put(disk, Path::new(DEVICE), 0, &image(&[])[..0x8000]);
            }
            disk.ran.push(line.clone());
        };
        if writes_back && self.breaks_then {
            self.broken.push(DEVICE);
        }
        self.change(program, erased, |_| ())
    }

    fn in_use(&self, _device: &Path) -> io::Result<bool> {
        Ok(self.in_use)
    }

    fn lies_on(&self, _folder: &Path, device: &Path) -> io::Result<bool> {
        Ok(self.journal_on.is_some_and(|on| Path::new(on) == device))
    }

    fn durable(&self, _folder: &Path) -> io::Result<bool> {
        Ok(self.durable)
    }

    fn random(&mut self, length: usize) -> io::Result<Vec<u8>> {
        Ok((0_u8..=250)
            .cycle()
            .map(|byte| byte ^ 0x5a)
            .take(length)
            .collect())
    }

    fn pause(&mut self, _time: Duration) {}

    fn power_off(&mut self) -> io::Result<()> {
        self.change(Path::new("/power"), |disk| disk.power_cuts += 1, |_| ())
    }
}
