//! What is shown of a device: how it was when it was last heard of.

use belay_proto::signed::{CommandState, DeviceCertificate};
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
/// says so, `state`, which is `unknown` where the cloud alone says that it is over, `reason`).
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
    let commands: Vec<Value> = told.lives.iter().map(|life| command(&witness, life)).collect();
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

/// A command as its device tells it; one whose outcomes aren't the device's is unknown. Before the first outcome nothing
/// signed says what was asked for, and so nothing says how long it is good: the cloud may call a lock a `locate`. Then it
/// is believed that the command waits, or was fetched, and not that it is over.
fn command(witness: &Witness, life: &CommandLife) -> Value {
    let fate = witness.fate(life.id, life, false).unwrap_or_default();
    let signed = !fate.action.is_empty();
    let action = if signed { &fate.action } else { &life.action };
    let waits = matches!(
        CommandState::from(life.state.as_str()),
        CommandState::Queued | CommandState::Delivered
    );
    let state = match signed || (waits && life.reason.is_empty()) {
        true => fate.state,
        false => CommandState::Unknown,
    };
    json!({
        "id": life.id.to_string(), "action": action, "action_signed": signed,
        "state": state.as_str(), "reason": fate.reason,
    })
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
    use belay_proto::id::CommandId;
    use belay_proto::signed::{Signed, StateReport};

    use super::*;
    use crate::account::phone::Phone;

    #[test]
    fn what_a_command_was_is_the_devices_word_or_is_said_to_be_the_clouds() {
        let phone = Phone::new();
        let id = CommandId::new();
        let done = phone.outcome(id, 1, CommandState::Done);
        let mut life = phone.life(id, &[done], &phone.warden);
        life.action = "wipe".into();
        let told = command(&phone.witness(), &life);
        assert_eq!(
            (&told["action"], &told["action_signed"]),
            (&json!("lock"), &json!(true))
        );
        assert_eq!(command_words(&told), format!("lock  done  {id}"));
        life.outcomes.clear();
        (life.state, life.reason) = ("queued".into(), String::new());
        let told = command(&phone.witness(), &life);
        assert_eq!(told["action_signed"], false);
        assert_eq!(
            command_words(&told),
            format!("wipe (the cloud's word)  queued  {id}")
        );
    }

    #[test]
    fn what_a_command_is_that_the_cloud_alone_calls_over_is_unknown_whatever_it_calls_it() {
        let phone = Phone::new();
        // A year old: made in 2025.
        let id: CommandId = "0194a5ab000070008000000000000000".parse().unwrap();
        let mut life = phone.life(id, &[], &phone.warden);
        for action in ["lock", "ring", "locate", "wipe", "something later"] {
            life.action = action.into();
            for (state, reason) in [("queued", "expired"), ("refused", "expired"), ("done", "")] {
                (life.state, life.reason) = (state.into(), reason.into());
                let told = command(&phone.witness(), &life);
                assert_eq!(
                    (&told["state"], &told["reason"], &told["action_signed"]),
                    (&json!("unknown"), &json!(""), &json!(false)),
                    "{action}"
                );
            }
            (life.state, life.reason) = ("queued".into(), String::new());
            let told = command(&phone.witness(), &life);
            assert_eq!((&told["state"], &told["reason"]), (&json!("queued"), &json!("")));
        }
        // Its device's own word is believed.
        let mut expired = phone.outcome(id, 1, CommandState::Refused);
        (expired.action, expired.reason) = ("ring".into(), "expired".into());
        let told = command(&phone.witness(), &phone.life(id, &[expired], &phone.warden));
        assert_eq!(command_words(&told), format!("ring  refused: expired  {id}"));
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
