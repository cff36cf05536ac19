//! `belay-agent`: folders of users on two devices, through belayd and the cloud.

use std::fs;
use std::path::PathBuf;

use belay_tests::app::collection;
use belay_tests::guest;
use belay_tests::process::{Process, Program};
use belay_tests::stage::BELAYD;
use belay_tests::until::until;

use super::{Device, Fleet};

/// A card of nobody, with more properties.
pub fn card(uid: &str, more: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{uid}\r\n{more}END:VCARD\r\n")
}

/// The home folder of a device's user.
pub struct Home(PathBuf);

impl Home {
    pub fn of(device: &Device) -> Self {
        let home = Self(device.scene.place().folder("home", 0o700).unwrap());
        home.give("");
        for folder in [".contacts", "Pictures", ".config", ".config/belay-agent"] {
            fs::create_dir(home.at(folder)).unwrap();
            home.give(folder);
        }
        home.write(".config/belay-agent/config.toml", "settle = 0\n");
        home
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A folder of the user's, with those above it.
    pub fn folder(&self, name: &str) {
        fs::create_dir_all(self.at(name)).unwrap();
        for (slash, _) in name.match_indices('/') {
            self.give(&name[..slash]);
        }
        self.give(name);
    }

    pub fn give(&self, name: &str) {
        if guest::is_root() {
            std::os::unix::fs::chown(self.at(name), Some(guest::person()), Some(guest::person())).unwrap();
        }
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
        self.give(name);
    }

    /// The agent of this user.
    pub fn agent(&self, device: &Device, args: &[&str]) -> Program {
        device
            .scene
            .program("belay-agent", args)
            .env("HOME", &self.0)
            .as_user(guest::person())
    }

    /// Waits until a file says this.
    pub async fn says(&self, name: &str, wanted: impl Fn(&str) -> bool) -> String {
        let path = self.at(name);
        let read = async || fs::read_to_string(&path).ok().filter(|text| wanted(text));
        until(&format!("{} to be as wanted", path.display()), read)
            .await
            .unwrap()
    }

    pub async fn lacks(&self, name: &str) {
        let path = self.at(name);
        let gone = async || (!path.exists()).then_some(());
        until(&format!("{} to be gone", path.display()), gone)
            .await
            .unwrap();
    }

    /// How many files there are where one lies.
    pub fn siblings(&self, name: &str) -> usize {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.files(folder).len()
    }

    pub fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// Two devices, a home on each, and an agent in it.
pub struct Pair {
    pub fleet: Fleet,
    pub homes: [Home; 2],
    agents: Vec<Process>,
}

impl Pair {
    pub async fn of(names: &[&str]) -> Self {
        Self::with(names, |_| ()).await
    }

    /// The same, once the homes are prepared.
    pub async fn with(names: &[&str], prepare: impl Fn(&[Home; 2])) -> Self {
        let fleet = Fleet::of(2, names).await;
        let homes = [Home::of(&fleet.devices[0]), Home::of(&fleet.devices[1])];
        prepare(&homes);
        let start = |(home, device): (&Home, &Device)| home.agent(device, &[]).start().unwrap();
        let agents = homes.iter().zip(&fleet.devices).map(start).collect();
        Self { fleet, homes, agents }
    }

    /// Waits until a device's collection has so many records.
    pub async fn has(&self, device: usize, name: &str, wanted: usize) {
        let app = &self.fleet.devices[device].app;
        let count = async || {
            let rows = app.list(name).await.unwrap().unwrap();
            (rows.len() == wanted).then_some(())
        };
        until(&format!("device {device} to have {wanted} {name}"), count)
            .await
            .unwrap();
    }

    /// Waits until a device's record says this.
    pub async fn told(&self, device: usize, name: &str, natural: &str, text: &str) {
        let app = &self.fleet.devices[device].app;
        let is_told = async || {
            let rows = app.list(name).await.unwrap().unwrap();
            let row = rows
                .into_iter()
                .find(|row| row.natural == natural && row.conflict_with.is_empty())?;
            let (content, _) = app.content(name, &row.id).await.unwrap().ok()?;
            (content == text.as_bytes()).then_some(())
        };
        until(&format!("device {device} to be told of {natural}"), is_told)
            .await
            .unwrap();
    }

    /// Ends both agents, which has to go well.
    pub async fn stop(self) -> (Fleet, [Home; 2]) {
        for agent in self.agents {
            assert!(agent.stop().await.unwrap().success());
        }
        (self.fleet, self.homes)
    }
}

#[tokio::test]
async fn a_contact_written_on_one_phone_is_on_the_other_and_follows_every_change() {
    const ALL: &[&str] = &["contacts"];
    let pair = Pair::of(ALL).await;
    let [ada, second] = &pair.homes;
    ada.write(".contacts/any name.vcf", &card("ann", ""));
    for uid in ["bob", "cy", "dee"] {
        ada.write(&format!(".contacts/{uid}.vcf"), &card(uid, ""));
    }
    pair.has(0, "contacts", 4).await;
    pair.fleet.settled(ALL, "").await;
    second
        .says(".contacts/ann.vcf", |text| text == card("ann", ""))
        .await;
    second
        .says(".contacts/dee.vcf", |text| text == card("dee", ""))
        .await;

    // Changed there, it is changed here, under the name that it has here.
    second.write(".contacts/ann.vcf", &card("ann", "TEL:1\r\n"));
    let is_told = async || {
        let rows = pair.fleet.devices[1].app.list("contacts").await.unwrap().unwrap();
        let length = card("ann", "TEL:1\r\n").len() as u64;
        rows.iter()
            .any(|row| row.natural == "ann" && row.length == length)
            .then_some(())
    };
    until("belayd to be told", is_told).await.unwrap();
    pair.fleet.settled(ALL, "").await;
    ada.says(".contacts/any name.vcf", |text| text.contains("TEL:1"))
        .await;
    assert!(!ada.at(".contacts/ann.vcf").exists());

    // Changed on both while the network is away, it has both changes on both.
    pair.fleet.away(0, true);
    pair.fleet.away(1, true);
    ada.write(".contacts/bob.vcf", &card("bob", "TEL:2\r\n"));
    second.write(".contacts/bob.vcf", &card("bob", "NOTE:n\r\n"));
    for device in 0..2 {
        let waits = async || (pair.fleet.devices[device].pending("contacts").await == 1).then_some(());
        until("the change to wait for the cloud", waits).await.unwrap();
    }
    pair.fleet.away(0, false);
    pair.fleet.away(1, false);
    pair.fleet.settled(ALL, "").await;
    for home in [ada, second] {
        home.says(".contacts/bob.vcf", |text| {
            text.contains("TEL:2") && text.contains("NOTE:n")
        })
        .await;
    }

    // Removed here, it is gone there.
    fs::remove_file(ada.at(".contacts/any name.vcf")).unwrap();
    pair.has(0, "contacts", 3).await;
    pair.fleet.settled(ALL, "").await;
    second.lacks(".contacts/ann.vcf").await;
    assert_eq!(second.files(".contacts"), ["bob.vcf", "cy.vcf", "dee.vcf"]);

    // belayd leaves the bus and comes back.
    let mut pair = pair;
    pair.fleet.devices[0].scene.stop_belayd().await.unwrap();
    pair.homes[0].write(".contacts/eve.vcf", &card("eve", ""));
    pair.fleet.devices[0].scene.start_belayd().await.unwrap();
    pair.has(0, "contacts", 4).await;
    let (fleet, _) = pair.stop().await;
    for device in &fleet.devices {
        device.scene.verdict().unwrap();
    }
}

#[tokio::test]
async fn an_unmounted_folder_deletes_nothing_until_its_owner_says_so() {
    const ALL: &[&str] = &["contacts"];
    let pair = Pair::of(ALL).await;
    for uid in ["ann", "bob", "cy"] {
        pair.homes[0].write(&format!(".contacts/{uid}.vcf"), &card(uid, ""));
    }
    pair.has(0, "contacts", 3).await;
    pair.fleet.settled(ALL, "").await;
    pair.homes[1]
        .says(".contacts/cy.vcf", |text| text == card("cy", ""))
        .await;
    let (fleet, homes) = pair.stop().await;
    let [ada, _] = &homes;
    let device = &fleet.devices[0];
    let once = async |args: &[&str]| {
        let (status, _) = ada.agent(device, args).output().await.unwrap();
        status.code()
    };
    assert_eq!(once(&["--once"]).await, Some(0));
    // Away, and an empty one in its place.
    fs::rename(ada.at(".contacts"), ada.at("away")).unwrap();
    assert_eq!(once(&["--once"]).await, Some(69));
    fs::create_dir(ada.at(".contacts")).unwrap();
    ada.give(".contacts");
    assert_eq!(once(&["--once"]).await, Some(69));
    assert_eq!(device.app.list("contacts").await.unwrap().unwrap().len(), 3);
    assert_eq!(ada.files(".contacts"), Vec::<String>::new());
    // Back again.
    fs::remove_dir(ada.at(".contacts")).unwrap();
    fs::rename(ada.at("away"), ada.at(".contacts")).unwrap();
    assert_eq!(once(&["--once"]).await, Some(0));
    // Without its memory it finds that both are the same, and doubles nothing.
    fs::remove_dir_all(ada.at(".local/state/belay-agent")).unwrap();
    assert_eq!(once(&["--once"]).await, Some(0));
    assert_eq!(device.app.list("contacts").await.unwrap().unwrap().len(), 3);
    assert_eq!(ada.files(".contacts"), ["ann.vcf", "bob.vcf", "cy.vcf"]);
    let count = async || device.app.list("contacts").await.unwrap().unwrap().len();
    // All edited but one, which is removed: nothing that anybody has to be asked about.
    for uid in ["ann", "bob"] {
        ada.write(&format!(".contacts/{uid}.vcf"), &card(uid, "TEL:1\r\n"));
    }
    fs::remove_file(ada.at(".contacts/cy.vcf")).unwrap();
    assert_eq!((once(&["--once"]).await, count().await), (Some(0), 2));
    ada.write(".contacts/cy.vcf", &card("cy", ""));
    assert_eq!((once(&["--once"]).await, count().await), (Some(0), 3));
    // Emptied by its owner: what is written from then on is put, and the rest goes once the owner says so.
    for uid in ["ann", "bob", "cy"] {
        fs::remove_file(ada.at(&format!(".contacts/{uid}.vcf"))).unwrap();
    }
    assert_eq!((once(&["--once"]).await, count().await), (Some(69), 3));
    ada.write(".contacts/dee.vcf", &card("dee", ""));
    for _ in 0..2 {
        assert_eq!((once(&["--once"]).await, count().await), (Some(69), 4));
    }
    assert_eq!(ada.files(".contacts"), ["dee.vcf"]);
    // By mistake: it is all back.
    let refill = ["--refill", "contacts"];
    assert_eq!((once(&refill).await, count().await), (Some(0), 4));
    assert_eq!(
        ada.files(".contacts"),
        ["ann.vcf", "bob.vcf", "cy.vcf", "dee.vcf"]
    );
    assert_eq!((once(&["--once"]).await, count().await), (Some(0), 4));
    // In earnest.
    for uid in ["ann", "bob", "cy", "dee"] {
        fs::remove_file(ada.at(&format!(".contacts/{uid}.vcf"))).unwrap();
    }
    ada.write(".contacts/eve.vcf", &card("eve", ""));
    assert_eq!((once(&["--once"]).await, count().await), (Some(69), 5));
    assert_eq!(
        (once(&["--emptied", "contacts"]).await, count().await),
        (Some(0), 1)
    );
}

#[tokio::test]
async fn nothing_is_touched_that_isnt_on_and_nothing_without_belayd() {
    let mut fleet = Fleet::of(1, &[]).await;
    let home = Home::of(&fleet.devices[0]);
    home.write(".contacts/ann.vcf", &card("ann", ""));
    let once = async |device: &Device, args: &[&str]| {
        let (status, said) = home.agent(device, args).output().await.unwrap();
        (status.code(), said)
    };
    let device = &fleet.devices[0];
    assert_eq!(once(device, &["--once"]).await.0, Some(0));
    assert_eq!(device.app.list("contacts").await.unwrap().unwrap().len(), 0);
    assert!(
        !device
            .app
            .get::<bool>(collection("contacts"), "Enabled")
            .await
            .unwrap()
    );
    assert_eq!(once(device, &["--check-config"]).await, (Some(0), String::new()));
    assert!(once(device, &["--print-config"]).await.1.contains("settle = 0"));
    home.write(".config/belay-agent/config.toml", "settle = 0\ncolour = 1\n");
    assert_eq!(once(device, &["--check-config"]).await.0, Some(78));
    home.write(".config/belay-agent/config.toml", "settle = 0\n");
    fleet.devices[0].scene.stop_belayd().await.unwrap();
    assert_eq!(once(&fleet.devices[0], &["--once"]).await.0, Some(69));
    // Looking for belayd starts none.
    assert_eq!(fleet.devices[0].scene.owner(BELAYD).await.unwrap(), None);
}
