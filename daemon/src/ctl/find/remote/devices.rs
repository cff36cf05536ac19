//! The account's devices, as far as they prove themselves.

use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{DeviceCertificate, Signed, Verb};
use belay_proto::wire::{CommandLife, Report, ReportIds, SealedReport};
use serde_json::{Value, json};

use super::session::{Access, Keys, cloud, untrue};
use crate::account::{Cloud as _, ListedDevice, Orders as _, Standing, Untrue, Witness, certificate};
use crate::cloud::CloudError;
use crate::ctl::error::Error;
use crate::ctl::find::choose::{Named, choose};
use crate::ctl::text::{Ink, printable, time_words};

/// How many of the last commands are shown.
const LIVES: usize = 20;

/// Of how many commands a device's newest word is looked for besides its report, for another command.
const LIVES_FOR_A_COMMAND: usize = 3;

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

impl Named for &Entry {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> &str {
        &self.name
    }
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
    /// The last commands to it, newest first.
    pub lives: Vec<CommandLife>,
    /// The first of its sealed reports, oldest first.
    sealed: Vec<SealedReport>,
    /// What to ask for after those.
    last: u64,
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

    /// The device of `all` that is meant, and that the owner certified.
    ///
    /// # Errors
    /// `NoSuchDevice`, `ForeignCertificate`.
    pub fn device<'e>(&self, all: &'e [Entry], text: &str) -> Result<(&'e Entry, DeviceCertificate), Error> {
        // What isn't certified takes nothing away from what is.
        let certified: Vec<_> = all.iter().filter(|entry| entry.certificate.is_ok()).collect();
        let entry = match choose(&certified, text) {
            Ok(entry) => entry,
            Err(Error::Data(ambiguous)) => return Err(Error::Data(ambiguous)),
            Err(_) => choose(all, text)?,
        };
        Ok((entry, entry.certificate()?.clone()))
    }

    /// What a device has told of itself, as far as it proves itself and as far as `verb` needs it; without one all is
    /// taken that is left. What isn't as it should be is added to `doubts`.
    ///
    /// # Errors
    /// `ForgedReport`, `ForgedOutcome`, `OldReport` where this computer has seen a later one, for a verb that can't be
    /// delegated; what the cloud says.
    pub async fn told(
        &self,
        witness: &Witness,
        verb: Option<Verb>,
        doubts: &mut Vec<String>,
    ) -> Result<Told, Error> {
        let client = &self.session.client;
        let page = client.reports(witness.device, 0).await.map_err(cloud)?;
        let most = verb.map_or(LIVES, |_| LIVES_FOR_A_COMMAND);
        let lives = client.lives(witness.device, most).await.map_err(cloud)?;
        let seen = self.session.vault.reported(&witness.device);
        let testimony = witness.testimony(page.state.as_deref(), &lives, seen);
        if let Some(doubt) = testimony.doubt {
            doubts.push(format!("The cloud lies or is broken: {doubt}. It was left out."));
        }
        let testimony = match verb {
            Some(verb) => testimony.good_for(verb).map_err(untrue)?,
            None => testimony,
        };
        if testimony.reported > seen {
            let noted = self.session.vault.saw(witness.device, testimony.reported).await;
            noted.map_err(Error::io("the remembered session"))?;
        }
        Ok(Told {
            standing: testimony.standing,
            lives,
            sealed: page.reports,
            last: page.last,
        })
    }

    /// All sealed reports of a device, oldest first.
    ///
    /// # Errors
    /// What the cloud says.
    pub async fn sealed(&self, witness: &Witness, told: &mut Told) -> Result<Vec<SealedReport>, Error> {
        let (mut sealed, mut last) = (std::mem::take(&mut told.sealed), told.last);
        for _ in 1..MOST_PAGES {
            let (page, next) = self.news(witness.device, last).await.map_err(cloud)?;
            if page.is_empty() {
                break;
            }
            last = next;
            sealed.extend(page);
        }
        Ok(sealed)
    }

    /// The reports that came after the cloud's number `after`, and what to ask for after next time.
    ///
    /// # Errors
    /// What the cloud says.
    pub async fn news(&self, device: DeviceId, after: u64) -> Result<(Vec<SealedReport>, u64), CloudError> {
        let page = self.session.client.reports(device, after).await?;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::phone::Phone;

    fn listed(certificate: Vec<u8>) -> ListedDevice {
        ListedDevice {
            certificate,
            name: "Pocket\u{1b}".into(),
            kind: belay_proto::wire::DeviceKind::Phone,
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
