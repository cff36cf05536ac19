//! The account's devices, as far as they prove themselves.

use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::wire::{CommandLife, Report, ReportIds, SealedReport};
use serde_json::{Value, json};

use super::session::{Access, Keys, cloud, untrue};
use crate::account::{Cloud as _, ListedDevice, Orders as _, Standing, Untrue, Witness, certificate};
use crate::ctl::error::Error;
use crate::ctl::find::choose::{Named, choose};
use crate::ctl::text::{Ink, printable, time_words};

/// Of how many commands a device's newest word is looked for besides its report.
const LIVES: usize = 20;

/// The most answers full of reports that are read: the cloud keeps 200 of at most 64 KiB.
const MOST_PAGES: usize = 64;

/// A device as the cloud lists it.
pub struct Entry {
    /// The id that its certificate claims.
    pub id: String,
    /// The name, the cloud's word.
    pub name: String,
    /// When the cloud last heard of it, seconds since the epoch.
    pub last_seen: u64,
    /// Whether the cloud last heard that it is lost.
    pub lost: bool,
    certificate: Result<DeviceCertificate, Untrue>,
}

impl Named for Entry {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Entry {
    fn read(listed: ListedDevice, owner: &PublicKey, account: &AccountId) -> Self {
        let claimed = Signed::decode(&listed.certificate)
            .and_then(|signed| signed.peek_unverified::<DeviceCertificate>());
        Self {
            id: claimed.map_or_else(|_| String::new(), |claimed| claimed.device.to_string()),
            name: listed.name,
            last_seen: listed.last_seen,
            lost: listed.lost,
            certificate: certificate(&listed.certificate, owner, account),
        }
    }

    /// Its certificate, when the owner has signed it.
    ///
    /// # Errors
    /// `ForeignCertificate`.
    pub fn certificate(&self) -> Result<&DeviceCertificate, Error> {
        self.certificate.as_ref().map_err(|error| untrue(*error))
    }

    /// For scripts: `id`, `name`, `model`, `wipe_class`, `last_seen`, `lost`, `certified`.
    pub fn json(&self) -> Value {
        let certified = self.certificate.as_ref().ok();
        json!({
            "id": self.id,
            "name": self.name,
            "model": certified.map(|certificate| &certificate.model),
            "wipe_class": certified.map(|certificate| &certificate.wipe_class),
            "last_seen": self.last_seen,
            "lost": self.lost,
            "certified": certified.is_some(),
        })
    }

    /// For people: a line.
    pub fn words(&self, ink: Ink) -> String {
        let model = match &self.certificate {
            Ok(certificate) => printable(&certificate.model),
            Err(_) => ink.bad("not certified by the owner"),
        };
        let lost = if self.lost {
            ink.bad("  lost")
        } else {
            String::new()
        };
        format!(
            "{}  {model}  {}  {}{lost}",
            printable(&self.name),
            time_words(self.last_seen),
            self.id
        )
    }
}

/// What a device has told of itself.
pub struct Told {
    /// How it stands; nothing where it never said.
    pub standing: Option<Standing>,
    /// Its sealed reports, oldest first.
    pub sealed: Vec<SealedReport>,
    /// What to ask for after next time.
    pub last: u64,
    /// The last commands to it, newest first.
    pub lives: Vec<CommandLife>,
}

impl Access {
    /// The account's devices.
    ///
    /// # Errors
    /// What the cloud says.
    pub async fn devices(&self) -> Result<Vec<Entry>, Error> {
        let listed = self.session.client.devices().await.map_err(cloud)?;
        let owner = self.keys.owner();
        Ok(listed
            .into_iter()
            .map(|listed| Entry::read(listed, &owner, &self.account))
            .collect())
    }

    /// The device that is meant, and that the owner certified.
    ///
    /// # Errors
    /// `NoSuchDevice`, `ForeignCertificate`; what the cloud says.
    pub async fn device(&self, text: &str) -> Result<(Entry, DeviceCertificate), Error> {
        let mut entries = self.devices().await?;
        let id = choose(&entries, text)?.id.clone();
        let place = entries
            .iter()
            .position(|entry| entry.id == id)
            .ok_or_else(|| Error::named("NoSuchDevice", "the account has no such device"))?;
        let entry = entries.swap_remove(place);
        let certificate = entry.certificate()?.clone();
        Ok((entry, certificate))
    }

    /// What a device has told of itself, each signature checked.
    ///
    /// # Errors
    /// `ForgedReport`, `ForgedOutcome`; `OldReport` where this computer has seen a later one; what the cloud says.
    pub async fn told(&self, witness: &Witness) -> Result<Told, Error> {
        let client = &self.session.client;
        let (mut sealed, mut last, mut state) = (Vec::new(), 0, None);
        for _ in 0..MOST_PAGES {
            let page = client.reports(witness.device, last).await.map_err(cloud)?;
            state = page.state.or(state);
            last = page.last;
            if page.reports.is_empty() {
                break;
            }
            sealed.extend(page.reports);
        }
        let lives = client.lives(witness.device, LIVES).await.map_err(cloud)?;
        let standing = witness.newest(state.as_deref(), &lives).map_err(untrue)?;
        self.check_age(witness, state.as_deref())?;
        Ok(Told {
            standing,
            sealed,
            last,
            lives,
        })
    }

    /// The reports that came after the cloud's number `after`, and what to ask for after next time.
    ///
    /// # Errors
    /// What the cloud says.
    pub async fn news(&self, device: DeviceId, after: u64) -> Result<(Vec<SealedReport>, u64), Error> {
        let page = self.session.client.reports(device, after).await.map_err(cloud)?;
        Ok((page.reports, page.last))
    }

    /// Opens a sealed report; nothing without the password, and for what isn't a report of this device.
    pub fn open(&self, witness: &Witness, sealed: &SealedReport) -> Option<Report> {
        let Keys::Owner(opened) = &self.keys else {
            return None;
        };
        let ids = ReportIds {
            account: witness.account,
            device: witness.device,
            epoch: witness.epoch,
            report: sealed.id,
        };
        Report::open(&opened.root.report_box(), &ids, &sealed.sealed).ok()
    }

    /// The cloud keeps the newest state report alone: one that is older than what was seen before is held back.
    fn check_age(&self, witness: &Witness, state: Option<&[u8]>) -> Result<(), Error> {
        let reported = state
            .map(|state| witness.standing(state))
            .transpose()
            .map_err(untrue)?
            .map_or(0, |standing| standing.sequence);
        let mut seen = 0;
        let noted = self.session.vault.note(|memory| {
            seen = memory.reported(&witness.device);
            if reported > seen {
                memory.saw(witness.device, reported);
            }
        });
        noted.map_err(Error::io("the remembered session"))?;
        if reported < seen {
            return Err(untrue(Untrue::OldReport));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::phone::Phone;

    fn listed(certificate: Vec<u8>) -> ListedDevice {
        ListedDevice {
            certificate,
            name: "Pocket\u{1b}".into(),
            last_seen: 1_767_225_600,
            lost: true,
            current: false,
        }
    }

    #[test]
    fn a_device_that_the_owner_did_not_certify_is_shown_and_not_used() {
        let (phone, other) = (Phone::new(), Phone::new());
        let owner = phone.owner.public();
        let account = phone.certificate.account;
        let good = Entry::read(listed(phone.signed()), &owner, &account);
        assert_eq!(good.certificate().unwrap(), &phone.certificate);
        let line = good.words(Ink::OFF);
        assert!(line.contains("Phone 1") && line.contains("lost") && !line.contains('\u{1b}'));
        let bad = Entry::read(listed(other.signed()), &owner, &account);
        let error = bad.certificate().unwrap_err();
        assert_eq!(error.json()["error"]["name"], "ForeignCertificate");
        assert_eq!(error.exit_code(), 69);
        assert!(bad.words(Ink::OFF).contains("not certified"));
        assert_eq!(
            (&bad.json()["certified"], &good.json()["certified"]),
            (&json!(false), &json!(true))
        );
    }
}
