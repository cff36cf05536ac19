//! `policy`: what this device does by itself.

use std::fmt::Write as _;
use std::time::Duration;

use belay_proto::dbus::client::set_policies;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::steps::{PolicyChanges, SHORTEST_OFFLINE};
use serde_json::{Map, Value, json};

use super::cli::Policy;
use super::client::{Client, Object};
use super::error::Error;
use super::output::Report;
use super::secret;
use super::sync::cli::Switch;
use super::text::wait_words;

/// The policies as options and in the property, and what each does.
const POLICIES: [(&str, &str, &str); 7] = [
    (
        "lock-after-offline",
        "lock_after_offline",
        "lock after so long without contact to the cloud",
    ),
    (
        "wipe-after-offline",
        "wipe_after_offline",
        "once lost for 72 h: wipe after so long without contact",
    ),
    (
        "lock-on-sim-change",
        "lock_on_sim_change",
        "lock when another SIM is in the device",
    ),
    (
        "lock-on-accessory-lost",
        "lock_on_accessory_lost",
        "alert, then lock, when a paired band goes out of range",
    ),
    (
        "recovery-without-code",
        "recovery_without_code",
        "a forgotten password and recovery code: a new password after 72 h here",
    ),
    (
        "trusted-number",
        "trusted_number_set",
        "a number that gets an SMS from a new SIM",
    ),
    ("dry-run", "dry_run", "only tell what would have happened"),
];

/// Changes what this device does by itself, and shows it. JSON: `policies` (as the property, times in ms, 0 = off; empty while
/// the device is nobody's), `find_enabled`.
///
/// # Errors
/// What the warden says to the password and the changes.
pub async fn run(client: &Client, args: &Policy) -> Result<Report, Error> {
    let changes = changes(args);
    if changes != PolicyChanges::default() {
        let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
        set_policies(client.connection(), &changes, &password).await?;
    }
    let device = client.properties_unless_lost(Object::Device).await?;
    let field = |name: &str| device.get(name).cloned().unwrap_or_default();
    let (policies, find) = (field("policies"), field("find_enabled"));
    let text = words(policies.as_object(), find != Value::Bool(false));
    Ok(Report::new(
        text,
        json!({ "policies": policies, "find_enabled": find }),
    ))
}

fn changes(args: &Policy) -> PolicyChanges {
    let is_on = |switch: Option<Switch>| switch.map(|switch| switch == Switch::Yes);
    PolicyChanges {
        lock_after_offline: args.lock_after_offline,
        wipe_after_offline: args.wipe_after_offline,
        lock_on_sim_change: is_on(args.lock_on_sim_change),
        lock_on_accessory_lost: is_on(args.lock_on_accessory_lost),
        recovery_without_code: is_on(args.recovery_without_code),
        dry_run: is_on(args.dry_run),
        trusted_number: args.trusted_number.clone(),
    }
}

/// A time without contact, ms: `off`, or hours or days such as `36h` and `7d`.
///
/// # Errors
/// Says how it is written, and that 24 h are the shortest.
pub fn offline(text: &str) -> Result<u64, String> {
    if text == "off" {
        return Ok(0);
    }
    let hours = |count: &str, hours: u64| count.parse::<u64>().ok()?.checked_mul(hours * 3_600_000);
    let ms = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(count), _) => hours(count, 1),
        (None, Some(count)) => hours(count, 24),
        (None, None) => None,
    };
    ms.filter(|ms| *ms >= SHORTEST_OFFLINE)
        .ok_or_else(|| "write off, 36h or 7d; 24h is the shortest".to_owned())
}

/// A telephone number in its normal form, or `none`, which is empty.
///
/// # Errors
/// Says how it is written.
pub fn number(text: &str) -> Result<String, String> {
    if text == "none" {
        return Ok(String::new());
    }
    Identifier::parse(text)
        .ok()
        .filter(|number| number.kind() == IdentifierKind::Phone)
        .map(|number| number.as_str().to_owned())
        .ok_or_else(|| "write none, or a number with its country, such as +491701234567".to_owned())
}

/// A table of the policies, and below it what changes their meaning.
fn words(policies: Option<&Map<String, Value>>, finds: bool) -> String {
    let Some(policies) = policies.filter(|policies| !policies.is_empty()) else {
        return "This device is nobody's, and does nothing by itself.".to_owned();
    };
    let rows = POLICIES.map(|(name, key, meaning)| (name, value(key, policies.get(key)), meaning));
    let name_width = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let value_width = rows
        .iter()
        .map(|(_, value, _)| value.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (name, value, meaning) in &rows {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<name_width$}  {value:<value_width$}  {meaning}");
    }
    let is_on = |key: &str| policies.get(key) == Some(&Value::Bool(true));
    let wipes = policies.get("wipe_after_offline").and_then(Value::as_u64) > Some(0);
    for (holds, note) in [
        (
            wipes,
            "Whoever can keep this device from its cloud can cause that wipe.",
        ),
        (
            is_on("dry_run"),
            "dry-run is on: nothing of it is done, nor does a recovery without the code take hold.",
        ),
        (
            !finds,
            "Find-device is off: all of it rests but recovery-without-code.",
        ),
    ] {
        if holds {
            let _ = write!(text, "\n{note}");
        }
    }
    text.trim_end().to_owned()
}

fn value(key: &str, value: Option<&Value>) -> String {
    match value {
        Some(Value::Number(ms)) if ms.as_u64() == Some(0) => "off".to_owned(),
        Some(Value::Number(ms)) => wait_words(Duration::from_millis(ms.as_u64().unwrap_or_default())),
        Some(Value::Bool(is_set)) if key == "trusted_number_set" => {
            if *is_set { "set" } else { "none" }.to_owned()
        }
        Some(Value::Bool(is_on)) => if *is_on { "yes" } else { "no" }.to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    fn shown(policies: &Value, finds: bool) -> String {
        words(policies.as_object(), finds)
    }

    #[test]
    fn times_are_off_or_a_day_at_least() {
        for (text, ms) in [("off", 0), ("24h", DAY), ("36h", DAY * 3 / 2), ("7d", 7 * DAY)] {
            assert_eq!(offline(text), Ok(ms), "{text}");
        }
        for bad in [
            "",
            "0",
            "h",
            "23h",
            "0d",
            "-1d",
            "1.5d",
            "7",
            "7 d",
            "90min",
            "99999999999999d",
        ] {
            assert!(offline(bad).unwrap_err().contains("24h"), "{bad}");
        }
    }

    #[test]
    fn a_trusted_number_is_a_number_with_its_country_or_none() {
        assert_eq!(number("+49 170 1234567"), Ok("+491701234567".to_owned()));
        assert_eq!(number("none"), Ok(String::new()));
        for bad in ["", "0170 1234567", "ada@example.org"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn policies_are_lined_up_with_what_each_does() {
        let mut policies = json!({
            "lock_after_offline": 3 * DAY, "wipe_after_offline": 0, "lock_on_sim_change": true,
            "lock_on_accessory_lost": false, "recovery_without_code": false, "trusted_number_set": true, "dry_run": false,
        });
        assert_eq!(
            shown(&policies, true),
            "lock-after-offline      3 d  lock after so long without contact to the cloud\n\
             wipe-after-offline      off  once lost for 72 h: wipe after so long without contact\n\
             lock-on-sim-change      yes  lock when another SIM is in the device\n\
             lock-on-accessory-lost  no   alert, then lock, when a paired band goes out of range\n\
             recovery-without-code   no   a forgotten password and recovery code: a new password after 72 h here\n\
             trusted-number          set  a number that gets an SMS from a new SIM\n\
             dry-run                 no   only tell what would have happened"
        );
        policies["wipe_after_offline"] = json!(30 * DAY);
        assert!(
            shown(&policies, true)
                .ends_with("\n\nWhoever can keep this device from its cloud can cause that wipe.")
        );
        policies["dry_run"] = json!(true);
        let all = shown(&policies, false);
        assert!(
            all.contains("\ndry-run is on: ") && all.contains("\nFind-device is off: "),
            "{all}"
        );
        assert!(shown(&json!({}), true).contains("nobody's"));
    }
}
