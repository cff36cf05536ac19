//! SecurityCheck: what the owner could do for the account's safety.

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::AuditEntries;
use belay_proto::id::AccountId;

use super::{Device, Flow};
use crate::account::error::AccountError;
use crate::account::model::Session;
use crate::account::state::Refusal;

/// A device that wasn't heard of for so long is asked about, s.
const LONG_UNSEEN: u64 = 30 * 24 * 3600;
/// What was refused for so long back counts, s.
const RECENTLY: u64 = 30 * 24 * 3600;

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
        self.learn_details().await?;
        let session = self.session().await?.ok_or(Refusal::ReauthenticationRequired)?;
        let now = unix_seconds(self.parts.clock.wall());
        let history = self.parts.warden.history(now.saturating_sub(RECENTLY)).await?;
        let notes = view.identity.assurance_notes;
        let devices = self.devices_of(account).await?;
        Ok(judge(&session, &devices, &refusals(&history), &notes, now))
    }
}

/// The kinds of refusals in the audit log.
fn refusals(history: &AuditEntries) -> Vec<String> {
    let event = |entry: &belay_proto::dbus::Details| {
        let event = entry.get("event")?;
        String::try_from(event.try_clone().ok()?).ok()
    };
    let mut kinds: Vec<String> = history
        .iter()
        .filter_map(event)
        .filter(|event| matches!(event.as_str(), "command-refused" | "recovery-claim-refused"))
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// What is found, the gravest first.
fn judge(
    session: &Session,
    devices: &[Device],
    refusals: &[String],
    notes: &[String],
    now: u64,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let verified = session.identifiers.iter().filter(|address| address.verified);
    let is_only_way = verified.count() < 2;
    if !session.recovery_code_set {
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
    for kind in refusals {
        found.push(Finding::new(
            kind.clone(),
            Severity::Warning,
            "look-at-the-history",
        ));
    }
    for note in notes {
        let id = format!("assurance:{note}");
        found.push(Finding::new(id, Severity::Info, "know-what-this-device-promises"));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

#[cfg(test)]
mod tests {
    use belay_proto::id::DeviceId;

    use super::*;
    use crate::account::model::{Identifier, Profile};

    fn session(addresses: &[bool], recovery_code_set: bool) -> Session {
        let address = |(place, verified): (usize, &bool)| Identifier {
            id: format!("a{place}"),
            kind: "email".into(),
            masked: "j•••".into(),
            verified: *verified,
        };
        Session {
            account: AccountId::random(),
            login: "jo@example.org".into(),
            identifiers: addresses.iter().enumerate().map(address).collect(),
            profile: Profile::default(),
            since: 1,
            recovery_code_set,
            bound: true,
            ended: false,
        }
    }

    fn device(last_seen: u64, lost: bool) -> Device {
        Device {
            id: DeviceId::random(),
            name: "Other".into(),
            model: "m".into(),
            wipe_class: "none".into(),
            this: false,
            last_seen,
            lost,
        }
    }

    fn ids(found: &[Finding]) -> Vec<(&str, Severity)> {
        found
            .iter()
            .map(|finding| (finding.id.split(':').next().unwrap(), finding.severity))
            .collect()
    }

    #[test]
    fn an_account_with_a_code_and_two_addresses_has_nothing_to_mend() {
        let now = LONG_UNSEEN + 10;
        let found = judge(
            &session(&[true, true], true),
            &[device(now, false)],
            &[],
            &[],
            now,
        );
        assert_eq!(found, []);
    }

    #[test]
    fn no_second_way_and_no_code_is_critical_and_comes_first() {
        let found = judge(
            &session(&[true, false], false),
            &[],
            &[],
            &["unencrypted".into()],
            1,
        );
        let wanted = [
            ("recovery-code", Severity::Critical),
            ("second-address", Severity::Warning),
            ("address", Severity::Warning),
            ("assurance", Severity::Info),
        ];
        assert_eq!(ids(&found), wanted);
        let with_two = judge(&session(&[true, true], false), &[], &[], &[], 1);
        assert_eq!(ids(&with_two), [("recovery-code", Severity::Warning)]);
    }

    #[test]
    fn a_lost_device_a_long_unseen_one_and_refusals_are_told() {
        let now = 2 * LONG_UNSEEN;
        let devices = [
            device(now - LONG_UNSEEN - 1, false),
            device(now, true),
            device(now, false),
        ];
        let found = judge(
            &session(&[true, true], true),
            &devices,
            &["command-refused".into()],
            &[],
            now,
        );
        let wanted = [
            ("lost", Severity::Critical),
            ("command-refused", Severity::Warning),
            ("unseen", Severity::Info),
        ];
        assert_eq!(ids(&found), wanted);
    }
}
