//! What is shown of a device: how it was when it was last heard of.

use belay_proto::signed::DeviceCertificate;
use belay_proto::wire::{Report as Sealed, SealedReport};
use serde_json::{Value, json};

use super::devices::{Entry, Told};
use super::session::Access;
use crate::account::Witness;
use crate::ctl::find::report;
use crate::ctl::find::words::wipe_words;
use crate::ctl::output::Report;
use crate::ctl::text::{Ink, printable, time_words};

/// How a device was: what its warden signed, the newest report of each kind among `sealed`, the last commands.
///
/// JSON: `device`, `standing` (`lock`, `find`, `presence`, `episode`, `time_ms`; null = it never reported), `reports` (the
/// newest of each kind; null without the password), `commands` (`id`, `action`, `state`, `reason`).
pub fn status(
    access: &Access,
    entry: &Entry,
    certificate: &DeviceCertificate,
    told: &Told,
    sealed: &[SealedReport],
    ink: Ink,
) -> Report {
    let witness = Witness::from(certificate);
    let newest = newest_of_each(sealed.iter().filter_map(|sealed| access.open(&witness, sealed)));
    let mut lines = vec![
        format!(
            "{}  {}  {}",
            printable(&entry.name),
            printable(&certificate.model),
            certificate.device
        ),
        format!(
            "wipe class {}: {}",
            printable(&certificate.wipe_class),
            wipe_words(&certificate.wipe_class)
        ),
        format!("last heard of: {}", time_words(entry.last_seen)),
        standing_words(told, ink),
    ];
    if access.opens() {
        lines.extend(newest.iter().filter_map(report::words));
    } else {
        lines.push("its reports open with the password alone".to_owned());
    }
    let commands: Vec<Value> = told.lives.iter().map(|life| command(&witness, life)).collect();
    lines.extend(commands.iter().map(|command| {
        let text = |key: &str| printable(command[key].as_str().unwrap_or_default());
        let reason = text("reason");
        let reason = if reason.is_empty() {
            reason
        } else {
            format!(": {reason}")
        };
        format!("{}  {}{reason}  {}", text("action"), text("state"), text("id"))
    }));
    let standing = told.standing.as_ref().map(|standing| {
        json!({
            "lock": standing.lock, "find": standing.find, "presence": standing.presence,
            "episode": standing.episode, "time_ms": standing.time,
        })
    });
    let reports = access
        .opens()
        .then(|| newest.iter().map(report::json).collect::<Vec<_>>());
    let json = json!({
        "device": entry.json(), "standing": standing, "reports": reports, "commands": commands,
    });
    Report::new(lines.join("\n"), json)
}

fn standing_words(told: &Told, ink: Ink) -> String {
    let Some(standing) = &told.standing else {
        return "it has never reported".to_owned();
    };
    let mut text = match standing.lock.as_str() {
        "unlocked" => ink.good("unlocked"),
        other => ink.bad(&printable(other)),
    };
    if standing.find == Some(false) {
        text.push_str(&format!(
            "; {}",
            ink.bad("find-device is off: it takes no commands")
        ));
    }
    text
}

/// A command as its device tells it; one whose outcomes aren't the device's is unknown.
fn command(witness: &Witness, life: &belay_proto::wire::CommandLife) -> Value {
    let fate = witness.fate(life.id, life, true).unwrap_or_default();
    json!({
        "id": life.id.to_string(), "action": life.action, "state": fate.state.as_str(), "reason": fate.reason,
    })
}

/// The last report of each kind, in the order they came.
fn newest_of_each(reports: impl Iterator<Item = Sealed>) -> Vec<Sealed> {
    let mut newest: Vec<Sealed> = Vec::new();
    for report in reports {
        newest.retain(|known| std::mem::discriminant(known) != std::mem::discriminant(&report));
        newest.push(report);
    }
    newest.retain(|report| *report != Sealed::Unknown);
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_of_each_kind_counts() {
        let battery = |percentage| Sealed::Battery {
            at: 1,
            percentage,
            state: "charging".into(),
        };
        let event = Sealed::Event {
            at: 2,
            code: "critical-battery".into(),
        };
        let newest = newest_of_each([battery(9), event.clone(), battery(8), Sealed::Unknown].into_iter());
        assert_eq!(newest, [event, battery(8)]);
    }
}
