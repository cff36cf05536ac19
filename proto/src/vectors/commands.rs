//! What the owner's commands say: outcomes, state reports, text messages, subjects of tickets, reports.

use serde_json::json;

use super::objects::{action, outputs, seal};
use super::{Inputs, Outcome as Computed, check};
use crate::keys::SigningKey;
use crate::secret::Secret;
use crate::signed::{CommandState, Outcome, StateReport, Verb};
use crate::sms::{SMS_CHARACTERS, SmsAction, SmsCommand, low16};
use crate::steps::{PolicyChanges, command_subject, policies_subject};
use crate::text::{from_base64url, hex};

#[test]
fn outcomes_have_the_known_bytes() {
    check(include_str!("../../vectors/outcome.json"), |i| {
        let f = i.inner("fields")?;
        let state = CommandState::from(f.text("state")?);
        if state.as_str() != f.text("state")? {
            return Err("an unknown state".to_owned());
        }
        let outcome = Outcome {
            account: f.parsed("account")?,
            device: f.parsed("device")?,
            epoch: f.parsed("epoch")?,
            sequence: f.number("sequence")?,
            command: f.parsed("command")?,
            action: f.text("action")?.to_owned(),
            state,
            reason: f.text("reason")?.to_owned(),
            step: f.number("step")?,
            steps: f.number("steps")?,
            retry: f.number("retry")?,
            presence: f.number("presence")?,
            counter: f.number("counter")?,
            episode: f.number("episode")?,
            lock: f.text("lock")?.to_owned(),
        };
        Ok(outputs(&seal(i, &outcome)?))
    });
}

#[test]
fn state_reports_have_the_known_bytes() {
    check(include_str!("../../vectors/state_report.json"), |i| {
        let f = i.inner("fields")?;
        let report = StateReport {
            account: f.parsed("account")?,
            device: f.parsed("device")?,
            epoch: f.parsed("epoch")?,
            sequence: f.number("sequence")?,
            presence: f.number("presence")?,
            counter: f.number("counter")?,
            episode: f.number("episode")?,
            lock: f.text("lock")?.to_owned(),
            time: f.number("time")?,
            find: f.flag("find")?,
        };
        Ok(outputs(&seal(i, &report)?))
    });
}

fn sms(i: &Inputs<'_>) -> Computed {
    let verb = Verb::parse(i.text("action")?).map_err(|error| error.to_string())?;
    let command = SmsCommand {
        action: SmsAction::of(verb).ok_or("no SMS carries it")?,
        counter: i.number("counter")?,
        epoch: i.parsed("epoch")?,
        presence_or_episode: low16(i.number("presence_or_episode")?),
        expiry_minutes: i.small("expiry_minutes")?,
        device_tag: i.sized("device_tag")?,
    };
    let owner = SigningKey::from_seed(&Secret::new(i.sized("seed")?));
    let text = command.sign(&owner);
    assert_eq!(text.len(), SMS_CHARACTERS);
    let read = SmsCommand::parse(&text).map_err(|error| error.to_string())?;
    assert_eq!(read.open(&owner.public()), Ok(command));
    assert_eq!(read.id(), command.id());
    let all = from_base64url(text.trim_start_matches("belay:")).map_err(|error| error.to_string())?;
    Ok(json!({ "bytes": hex(&all[..40]), "id": command.id(), "text": text }))
}

#[test]
fn commands_by_sms_have_the_known_texts_and_ids() {
    check(include_str!("../../vectors/sms.json"), sms);
}

#[test]
fn commands_have_the_known_subjects() {
    check(include_str!("../../vectors/command_subject.json"), |i| {
        let action = action(i.text("action")?, &i.inner("arguments")?)?;
        let encoded = action.encode_arguments();
        let subject = command_subject(&i.parsed("device")?, &action);
        Ok(json!({ "arguments": hex(&encoded), "subject": subject }))
    });
}

const POLICIES: [&str; 7] = [
    "lock_after_offline",
    "wipe_after_offline",
    "lock_on_sim_change",
    "lock_on_accessory_lost",
    "recovery_without_code",
    "dry_run",
    "trusted_number",
];

#[test]
fn policies_have_the_known_subjects() {
    check(include_str!("../../vectors/policies_subject.json"), |i| {
        let c = i.inner("changes")?;
        let time = |key: &str| c.has(key).then(|| c.number(key)).transpose();
        let flag = |key: &str| c.has(key).then(|| c.flag(key)).transpose();
        let changes = PolicyChanges {
            lock_after_offline: time("lock_after_offline")?,
            wipe_after_offline: time("wipe_after_offline")?,
            lock_on_sim_change: flag("lock_on_sim_change")?,
            lock_on_accessory_lost: flag("lock_on_accessory_lost")?,
            recovery_without_code: flag("recovery_without_code")?,
            dry_run: flag("dry_run")?,
            trusted_number: c.maybe("trusted_number")?,
        };
        let encoded = changes.encode();
        assert_eq!(PolicyChanges::decode(&encoded).as_ref(), Ok(&changes));
        if c.0
            .as_object()
            .is_none_or(|map| map.keys().any(|key| !POLICIES.contains(&key.as_str())))
        {
            return Err("an unknown policy".to_owned());
        }
        Ok(json!({ "changes": hex(&encoded), "subject": policies_subject(&changes) }))
    });
}

#[cfg(feature = "cloud")]
#[test]
fn reports_seal_to_the_known_bytes() {
    use crate::keys::{BoxKey, seal_from};
    use crate::wire::{Report, ReportIds};

    check(include_str!("../../vectors/report.json"), |i| {
        let body = i.get("report")?;
        let report: Report = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
        if serde_json::to_value(&report).as_ref().ok() != Some(body) {
            return Err("it says more than this version knows".to_owned());
        }
        let ids = ReportIds {
            account: i.parsed("account")?,
            device: i.parsed("device")?,
            epoch: i.parsed("epoch")?,
            report: i.parsed("id")?,
        };
        let recipient = BoxKey::from_secret(&Secret::new(i.sized("recipient_secret")?));
        let ephemeral = BoxKey::from_secret(&Secret::new(i.sized("ephemeral_secret")?));
        let plaintext = report.plaintext().map_err(|error| error.to_string())?;
        let sealed = seal_from(&ephemeral, &recipient.public(), &ids.associated(), &plaintext);
        assert_eq!(Report::open(&recipient, &ids, &sealed), Ok(report));
        Ok(json!({ "plaintext": String::from_utf8_lossy(&plaintext), "sealed": hex(&sealed) }))
    });
}
