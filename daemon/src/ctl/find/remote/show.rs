//! What is shown of a device: how it was when it was last heard of.

use belay_proto::clock::millis;
use belay_proto::signed::{DeviceCertificate, Verb, longest_life};
use belay_proto::wire::{CommandLife, Report as Sealed, SealedReport};
use serde_json::{Value, json};

use super::devices::{Entry, Told};
use super::session::Access;
use crate::account::{Standing, Witness};
use crate::ctl::find::report;
use crate::ctl::find::words::wipe_words;
use crate::ctl::output::Report;
use crate::ctl::text::{Ink, printable, time_words};

/// How a device was: what its warden signed, the newest report of each kind among `sealed`, the last commands.
///
/// JSON: `device`, `standing` (`lock`, `find`, `presence`, `episode`, `time_ms`; null = it never reported), `reports` (the
/// newest of each kind; null without the password), `commands` (`id`, `action`, `action_signed`: false = the cloud alone
/// says so, `state`, `reason`).
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
        standing_words(told.standing.as_ref(), ink),
    ];
    if access.opens() {
        lines.extend(newest.iter().filter_map(report::words));
    } else {
        lines.push("its reports open with the password alone".to_owned());
    }
    let now = access.session.now();
    let commands: Vec<Value> = told
        .lives
        .iter()
        .map(|life| command(&witness, life, now))
        .collect();
    lines.extend(commands.iter().map(command_words));
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

/// With the time, by which a person sees that a cloud holds back what came later.
fn standing_words(standing: Option<&Standing>, ink: Ink) -> String {
    let Some(standing) = standing else {
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
    text.push_str(&match standing.time {
        0 => "\n  its last report doesn't say when that was".to_owned(),
        time => format!(
            "\n  its last report is of {}, by its own time",
            time_words(time / 1000)
        ),
    });
    text
}

/// A command as its device tells it; one whose outcomes aren't the device's is unknown. `now` in ms since the Unix epoch.
fn command(witness: &Witness, life: &CommandLife, now: u64) -> Value {
    let fate = witness
        .fate(life.id, life, is_over(life, now))
        .unwrap_or_default();
    let signed = !fate.action.is_empty();
    let action = if signed { &fate.action } else { &life.action };
    json!({
        "id": life.id.to_string(), "action": action, "action_signed": signed,
        "state": fate.state.as_str(), "reason": fate.reason,
    })
}

/// Whether a command of this age can't be good any more: before, the cloud isn't believed that it ran out of time.
fn is_over(life: &CommandLife, now: u64) -> bool {
    let longest = Verb::parse(&life.action).ok().and_then(longest_life);
    match (life.id.made_at(), longest) {
        (Some(made), Some(longest)) => made.saturating_add(millis(longest)) <= now,
        _ => false,
    }
}

fn command_words(command: &Value) -> String {
    let text = |key: &str| printable(command[key].as_str().unwrap_or_default());
    let whose = match command["action_signed"].as_bool() {
        Some(true) => "",
        _ => " (the cloud's word)",
    };
    let reason = text("reason");
    let reason = if reason.is_empty() {
        reason
    } else {
        format!(": {reason}")
    };
    format!(
        "{}{whose}  {}{reason}  {}",
        text("action"),
        text("state"),
        text("id")
    )
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
    use std::time::Duration;

    use belay_proto::id::CommandId;
    use belay_proto::signed::{CommandState, Signed, StateReport};

    use super::*;
    use crate::account::phone::Phone;

    #[test]
    fn what_a_command_was_is_the_devices_word_or_is_said_to_be_the_clouds() {
        let phone = Phone::new();
        let id = CommandId::new();
        let done = phone.outcome(id, 1, CommandState::Done);
        let mut life = phone.life(id, &[done], &phone.warden);
        life.action = "wipe".into();
        let told = command(&phone.witness(), &life, 0);
        assert_eq!(
            (&told["action"], &told["action_signed"]),
            (&json!("lock"), &json!(true))
        );
        assert_eq!(command_words(&told), format!("lock  done  {id}"));
        life.outcomes.clear();
        let told = command(&phone.witness(), &life, 0);
        assert_eq!(told["action_signed"], false);
        assert_eq!(
            command_words(&told),
            format!("wipe (the cloud's word)  queued  {id}")
        );
    }

    #[test]
    fn the_cloud_is_not_believed_that_a_command_ran_out_of_time_that_has_not() {
        let phone = Phone::new();
        let id = CommandId::new();
        let mut life = phone.life(id, &[], &phone.warden);
        life.reason = "expired".into();
        let minutes = |minutes: u64| id.made_at().unwrap() + millis(Duration::from_secs(60 * minutes));
        let (day, year) = (24 * 60, 365 * 24 * 60);
        for (action, age, reason) in [
            ("ring", 9, ""),
            ("ring", 11, "expired"),
            ("wipe", 29 * day, ""),
            ("wipe", 31 * day, "expired"),
            ("lock", year, ""),
            ("something later", year, ""),
        ] {
            life.action = action.into();
            let told = command(&phone.witness(), &life, minutes(age));
            assert_eq!(told["reason"], reason, "{action} after {age} min");
        }
    }

    #[test]
    fn how_a_device_stands_is_shown_with_the_time_that_it_signed() {
        let phone = Phone::new();
        let mut report = phone.report(1);
        report.time = 1_767_225_600_000;
        let standing = |report: &StateReport| {
            let signed = Signed::seal(report, &phone.warden).encode();
            phone.witness().standing(&signed).unwrap()
        };
        assert_eq!(
            standing_words(Some(&standing(&report)), Ink::OFF),
            "unlocked\n  its last report is of 2026-01-01 00:00:00 UTC, by its own time"
        );
        report.time = 0;
        let words = standing_words(Some(&standing(&report)), Ink::OFF);
        assert!(words.ends_with("doesn't say when that was"), "{words}");
        assert_eq!(standing_words(None, Ink::OFF), "it has never reported");
    }

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
