//! SecurityCheck: what the owner could do for the account's safety.

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::AuditEntries;
use belay_proto::id::AccountId;
use belay_proto::signed::{MOST_EPOCHS, epoch_follows};
use belay_proto::steps::{self, Done, PasswordStrengthOutput};
use belay_proto::text::with_causes;

use super::{Device, Flow};
use crate::account::error::AccountError;
use crate::account::model::{Departure, Session};
use crate::account::state::Refusal;
use crate::warden::HoldView;

/// A device that wasn't heard of for so long is asked about, s.
const LONG_UNSEEN: u64 = 30 * 24 * 3600;
/// What was refused for so long back counts, s.
const RECENTLY: u64 = 30 * 24 * 3600;

/// A password that is the same for so long is asked about, s.
const OLD_PASSWORD: u64 = 2 * 365 * 24 * 3600;
/// What a new password has to reach, of 4.
const STRONG_ENOUGH: u32 = 3;
/// So many wrong passwords in a row are no slip of the finger.
const GUESSES: u32 = 5;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// To know.
    Info,
    /// To mend some time.
    Warning,
    /// To mend now.
    Critical,
}

impl Severity {
    /// The word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing that could be better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: a word, and for one of several after a colon which.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// What to do, as a code.
    pub advice: &'static str,
}

impl Finding {
    fn new(id: impl Into<String>, severity: Severity, advice: &'static str) -> Self {
        Self {
            id: id.into(),
            severity,
            advice,
        }
    }
}

impl Flow {
    /// Asks the cloud and the warden, and judges what they say.
    pub(crate) async fn security_check(self) -> Result<Vec<Finding>, AccountError> {
        let view = self.parts.warden.view();
        let account: AccountId = view.identity.account.ok_or(Refusal::NotBound)?;
        let kept = self.session().await?.ok_or(Refusal::ReauthenticationRequired)?;
        if let Some(departure) = kept.departure {
            // Nobody tells anything of the account here any more.
            return Ok(vec![departed(departure)]);
        }
        self.learn_details().await?;
        let session = self.session().await?.ok_or(Refusal::ReauthenticationRequired)?;
        let now = unix_seconds(self.parts.clock.wall());
        let history = self.parts.warden.history(now.saturating_sub(RECENTLY)).await?;
        let known = Known {
            session: &session,
            devices: &self.devices_of(account).await?,
            refusals: &refusals(&history),
            notes: &view.identity.assurance_notes,
            key_epoch: view.identity.key_epoch,
            key_epochs: view.identity.key_epochs,
            password: self.password_strength().await,
        };
        let mut found = judge(&known, now);
        // The gravest first: somebody may be taking the account over.
        if self.is_being_recovered().await {
            found.insert(
                0,
                Finding::new(
                    "recovery-hold",
                    Severity::Critical,
                    "type-your-password-if-it-is-not-you",
                ),
            );
        }
        Ok(found)
    }
}

impl Flow {
    /// Whether somebody recovers the account without its code, here or, as the cloud tells, anywhere.
    async fn is_being_recovered(&self) -> bool {
        let is_here = self.parts.warden.view().identity.hold == HoldView::Running;
        let told = self.parts.cloud.credentials().await;
        is_here || told.is_ok_and(|answer| answer.recovery_ms.is_some())
    }

    /// A warden that can't say is no reason to say nothing of the rest.
    async fn password_strength(&self) -> Option<Strength> {
        let input = Done {}.encode();
        let told = self.step(
            "",
            steps::PASSWORD_STRENGTH,
            input,
            PasswordStrengthOutput::decode,
        );
        match told.await {
            Ok(told) => told.score.zip(told.since),
            Err(error) => {
                tracing::info!(error = %with_causes(&error), "no word of the password's strength");
                None
            }
        }
    }
}

/// The password's score, and since when it is known here, s since the epoch.
type Strength = (u32, u64);

/// What is judged.
struct Known<'a> {
    session: &'a Session,
    devices: &'a [Device],
    refusals: &'a [String],
    notes: &'a [String],
    /// The newest key epoch that the warden keeps keys of, and of how many it does.
    key_epoch: u64,
    key_epochs: u64,
    password: Option<Strength>,
}

/// The kinds of refusals in the audit log.
fn refusals(history: &AuditEntries) -> Vec<String> {
    let text = |entry: &belay_proto::dbus::Details, key: &str| {
        let value = entry.get(key)?;
        String::try_from(value.try_clone().ok()?).ok()
    };
    let kind = |entry: &belay_proto::dbus::Details| {
        let event = text(entry, "event")?;
        match event.as_str() {
            "command-refused" | "recovery-claim-refused" => Some(event),
            "password-check" => {
                let number = text(entry, "detail")?.strip_prefix("try ")?.parse::<u32>().ok()?;
                (number >= GUESSES).then(|| "password-guesses".to_owned())
            }
            _ => None,
        }
    };
    let mut kinds: Vec<String> = history.iter().filter_map(kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// What there is to say of a device that is none of the account's any more.
fn departed(departure: Departure) -> Finding {
    let id = match departure {
        Departure::Removed => "removed",
        Departure::AccountDeleted => "account-deleted",
    };
    Finding::new(id, Severity::Critical, "sign-out-of-this-device")
}

/// What there is to say where the account gets no new keys any more.
fn of_keys(key_epoch: u64, key_epochs: u64) -> Option<Finding> {
    let id = match (epoch_follows(key_epoch), key_epochs >= MOST_EPOCHS as u64) {
        // A removal and a new root are done all the same, under the keys that whoever is shut out has.
        (false, _) => "no-new-keys",
        // They are refused, and a recovery or another password goes on with the keys that there are.
        (true, true) => "no-removals",
        (true, false) => return None,
    };
    Some(Finding::new(id, Severity::Warning, "begin-another-account"))
}

/// What is found, the gravest first.
fn judge(known: &Known<'_>, now: u64) -> Vec<Finding> {
    let Known { session, devices, .. } = *known;
    let mut found = Vec::new();
    found.extend(known.password.and_then(|password| of_password(password, now)));
    let verified = session.identifiers.iter().filter(|address| address.verified);
    let is_only_way = verified.count() < 2;
    if !session.has_known_code() {
        // Without a code and with one address alone a forgotten password is the end of the data.
        let severity = if is_only_way {
            Severity::Critical
        } else {
            Severity::Warning
        };
        found.push(Finding::new("recovery-code", severity, "create-a-recovery-code"));
    }
    if is_only_way {
        found.push(Finding::new(
            "second-address",
            Severity::Warning,
            "add-an-address",
        ));
    }
    for address in session.identifiers.iter().filter(|address| !address.verified) {
        let id = format!("address:{}", address.id);
        found.push(Finding::new(id, Severity::Warning, "confirm-the-address"));
    }
    found.extend(of_keys(known.key_epoch, known.key_epochs));
    for device in devices.iter().filter(|device| !device.this) {
        if device.lost {
            let id = format!("lost:{}", device.id);
            found.push(Finding::new(id, Severity::Critical, "find-or-remove-the-device"));
        } else if device.last_seen.saturating_add(LONG_UNSEEN) < now {
            let id = format!("unseen:{}", device.id);
            found.push(Finding::new(
                id,
                Severity::Info,
                "remove-the-device-if-it-is-gone",
            ));
        }
    }
    for kind in known.refusals {
        found.push(Finding::new(
            kind.clone(),
            Severity::Warning,
            "look-at-the-history",
        ));
    }
    for note in known.notes {
        let id = format!("assurance:{note}");
        found.push(Finding::new(id, Severity::Info, "know-what-this-device-promises"));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn of_password((score, since): Strength, now: u64) -> Option<Finding> {
    let (id, severity) = if score < STRONG_ENOUGH {
        ("weak-password", Severity::Warning)
    } else if since.saturating_add(OLD_PASSWORD) < now {
        ("old-password", Severity::Info)
    } else {
        return None;
    };
    Some(Finding::new(id, severity, "change-the-password"))
}

#[cfg(test)]
mod tests;
