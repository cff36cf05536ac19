//! From a bound device: over the bus.

use belay_proto::clock::system_clock;
use belay_proto::dbus::Options;
use belay_proto::dbus::client::send_command;
use belay_proto::dbus::names::{ACCOUNT_PATH, BUS_NAME};
use belay_proto::id::DeviceId;
use belay_proto::signed::{Action, CommandState, default_life};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use zbus::fdo::PropertiesProxy;

use super::action::needs_no_password;
use super::choose::{Named, choose};
use super::cli::{Find, Verb};
use super::confirm::{self, Meant};
use super::words::{Life, Sent, TOLD_WITHIN, WIPE_FAILS_WITHIN};
use crate::account::{FORGOTTEN, Fate};
use crate::ctl::client::{Client, Object};
use crate::ctl::error::Error;
use crate::ctl::interrupt::Underway;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{Ink, json_object, printable, time_words};
use crate::ctl::{device, secret};

/// The account's state in which belayd asks what became of commands.
const BOUND: &str = "bound";

struct Entry {
    id: String,
    name: String,
    fields: Value,
}

impl Entry {
    fn field(&self, key: &str) -> &str {
        self.fields[key].as_str().unwrap_or_default()
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

/// Does what was asked for through this device's daemons.
///
/// # Errors
/// What they say.
pub async fn run(
    client: &Client,
    args: &Find,
    action: Option<Action>,
    underway: &Underway,
    output: Output,
) -> Result<Report, Error> {
    if matches!(args.verb, Verb::List) {
        return device::list(client, output).await;
    }
    let entries = devices(client).await?;
    let target = choose(&entries, args.verb.device().unwrap_or_default())?;
    let Some(action) = action else {
        return status(client, target, output.ink).await;
    };
    let meant = Meant {
        id: &target.id,
        model: target.field("model"),
        class: target.fields["wipe_class"].as_str().unwrap_or("unknown"),
        name: &target.name,
    };
    let all: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    confirm::verb(&args.verb, meant, &all).await?;
    command(client, args, target, &action, underway, output).await
}

async fn devices(client: &Client) -> Result<Vec<Entry>, Error> {
    let entries = client
        .account_to_read()
        .await?
        .list_devices(&Options::new())
        .await?;
    let entry = |entry| {
        let fields = Value::from(json_object(entry));
        let text = |key: &str| fields[key].as_str().unwrap_or_default().to_owned();
        Entry {
            id: text("id"),
            name: text("name"),
            fields,
        }
    };
    Ok(entries.iter().map(entry).collect())
}

async fn command(
    client: &Client,
    args: &Find,
    target: &Entry,
    action: &Action,
    underway: &Underway,
    output: Output,
) -> Result<Report, Error> {
    let password = if needs_no_password(action.verb()) {
        None
    } else {
        let file = args.by.password.password_file.as_deref();
        Some(secret::read(file, "Account password: ").await?)
    };
    let device: DeviceId = target
        .id
        .parse()
        .map_err(|_| Error::named("Internal", "the daemon lists a device without an id"))?;
    let before = account(client).await?;
    underway.sends(&format!("the command “{}”", action.verb().as_str()));
    let sent = send_command(client.connection(), &device, action, password.as_ref()).await;
    let (id, lost) = match sent {
        Ok(id) => (id.to_string(), false),
        Err(belay_proto::dbus::Error::TooSoon(text)) => return Err(Error::named("TooManyCommands", &text)),
        Err(error) => (lost(client, &before, target, action, error).await?, true),
    };
    let sent = Sent {
        id: id.clone(),
        device: target.id.clone(),
        name: target.name.clone(),
        model: target.field("model").to_owned(),
        action: action.verb().as_str(),
    };
    let mut life = Life::begin(sent, output)?;
    if lost {
        output.progress("  the answer was lost; the command may be on its way")?;
    }
    if args.by.no_wait {
        if let Some(fate) = fate_of(&account(client).await?, &id) {
            life.show(&fate)?;
        }
        if lost && life.fate().state == CommandState::Unknown {
            return Err(Error::named("AnswerLost", &life.id_words()));
        }
    } else {
        follow(client, &id, action, &mut life).await?;
        life.verdict()?;
    }
    Ok(Report::new(hint(action), life.json()))
}

/// The command that may be on its way although its answer was an error: belayd keeps what it sent until it knows that
/// the cloud hasn't got it.
async fn lost(
    client: &Client,
    before: &Map<String, Value>,
    target: &Entry,
    action: &Action,
    error: belay_proto::dbus::Error,
) -> Result<String, Error> {
    use belay_proto::dbus::Error as Answer;
    let silent = matches!(error, Answer::Bus(_));
    let open = silent
        || matches!(
            error,
            Answer::Offline(_) | Answer::CloudRefused(_) | Answer::Cancelled(_)
        );
    if !open {
        return Err(error.into());
    }
    let after = match account(client).await {
        Ok(after) => after,
        Err(_) if silent => {
            return Err(Error::named("AnswerLost", "belayd can't be asked under which id"));
        }
        Err(_) => return Err(error.into()),
    };
    new_command(before, &after, &target.id, action.verb().as_str()).ok_or_else(|| error.into())
}

/// The id of the command that is among those of `after` alone.
fn new_command(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    device: &str,
    action: &str,
) -> Option<String> {
    let known = |id: &Value| entries(before).any(|command| command["id"] == *id);
    entries(after)
        .find(|command| command["device"] == device && command["action"] == action && !known(&command["id"]))
        .and_then(|command| command["id"].as_str().map(str::to_owned))
}

/// Shows what becomes of a command until nothing more comes.
async fn follow(client: &Client, id: &str, action: &Action, life: &mut Life) -> Result<(), Error> {
    let mut changes = properties(client).await?.receive_properties_changed().await?;
    let clock = system_clock();
    let over = default_life(action.verb()).map(|life| clock.boottime() + life + TOLD_WITHIN);
    loop {
        let account = account(client).await?;
        match fate_of(&account, id) {
            Some(fate) if fate.reason != FORGOTTEN => {
                life.show(&fate)?;
            }
            // What was never shown was never in the cloud.
            None if life.fate().state == CommandState::Unknown => {
                return Err(Error::named("Offline", "the command didn't reach the cloud"));
            }
            Some(_) | None => return life.forgotten(),
        }
        if life.fate().is_final() {
            return Ok(());
        }
        if account.get("state").is_some_and(|state| state != BOUND) {
            return Err(Error::named("ReauthenticationRequired", &life.id_words()));
        }
        let erasing = matches!(action, Action::Wipe { .. }) && life.fate().state == CommandState::Running;
        let limit = match life.fate().state {
            _ if erasing => Some(clock.boottime() + WIPE_FAILS_WITHIN),
            // So far this is the cloud's word alone.
            CommandState::Unknown | CommandState::Queued | CommandState::Delivered => over,
            _ => None,
        };
        let late = async {
            match limit {
                Some(limit) => clock.sleep_until(limit).await,
                None => std::future::pending().await,
            }
        };
        let next = tokio::select! {
            next = changes.next() => next,
            () = late => return if erasing { Ok(()) } else { life.expire() },
        };
        if next.is_none() {
            return Err(zbus::fdo::Error::Disconnected("the bus closed the connection".to_owned()).into());
        }
    }
}

async fn properties(client: &Client) -> Result<PropertiesProxy<'static>, Error> {
    let builder = PropertiesProxy::builder(client.reading())
        .destination(BUS_NAME)
        .path(ACCOUNT_PATH);
    Ok(builder.build().await?)
}

/// The account's properties, `commands` among them.
async fn account(client: &Client) -> Result<Map<String, Value>, Error> {
    client.properties(Object::Account).await
}

fn entries(account: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    account
        .get("commands")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn fate_of(account: &Map<String, Value>, id: &str) -> Option<Fate> {
    let found = entries(account).find(|command| command["id"] == id)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    Some(Fate {
        state: CommandState::from(text("state").as_str()),
        reason: text("reason"),
        ..Fate::default()
    })
}

/// What this device knows of another one: the cloud's list and the commands it sent itself.
async fn status(client: &Client, target: &Entry, ink: Ink) -> Result<Report, Error> {
    let account = account(client).await?;
    let all: Vec<_> = entries(&account)
        .filter(|command| command["device"] == target.id)
        .collect();
    let text = |value: &Value| printable(value.as_str().unwrap_or_default());
    let mut lines = vec![
        format!(
            "{}  {}  {}",
            printable(&target.name),
            text(&target.fields["model"]),
            target.id
        ),
        format!(
            "last heard of: {}",
            time_words(target.fields["last_seen"].as_u64().unwrap_or_default())
        ),
    ];
    if target.fields["lost"] == true {
        lines.push(ink.bad("locked as lost"));
    }
    for command in &all {
        let reason = text(&command["reason"]);
        let reason = if reason.is_empty() {
            reason
        } else {
            format!(": {reason}")
        };
        lines.push(format!(
            "{}  {}{reason}  {}",
            text(&command["action"]),
            text(&command["state"]),
            text(&command["id"])
        ));
    }
    lines.push(OTHERS.to_owned());
    let json = json!({ "device": target.fields, "commands": all });
    Ok(Report::new(lines.join("\n"), json))
}

const OTHERS: &str =
    "Its reports are sealed to the owner: with --cloud URL --login IDENTIFIER they are opened and shown.";

fn hint(action: &Action) -> String {
    match action {
        Action::Locate => {
            "Where it is stands in a report that only the owner opens: find status with --cloud URL --login IDENTIFIER."
                .to_owned()
        }
        Action::Wipe { .. } => "A device that is being erased says nothing more.".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(commands: &[(&str, &str, &str)]) -> Map<String, Value> {
        let commands: Vec<_> = commands
            .iter()
            .map(|(id, device, state)| {
                json!({"id": id, "device": device, "action": "ring", "state": state, "reason": "stale"})
            })
            .collect();
        Map::from_iter([("commands".to_owned(), Value::from(commands))])
    }

    #[test]
    fn a_commands_entry_is_read_by_its_id() {
        let account = account(&[("a", "1", "done"), ("b", "1", "refused")]);
        let fate = fate_of(&account, "b").unwrap();
        assert_eq!(
            (fate.state, fate.reason.as_str()),
            (CommandState::Refused, "stale")
        );
        assert_eq!(fate_of(&account, "c"), None);
    }

    #[test]
    fn a_command_whose_answer_was_lost_is_the_new_one_to_that_device() {
        let before = account(&[("a", "1", "unknown")]);
        let after = account(&[
            ("c", "2", "unknown"),
            ("b", "1", "unknown"),
            ("a", "1", "unknown"),
        ]);
        assert_eq!(new_command(&before, &after, "1", "ring").as_deref(), Some("b"));
        assert_eq!(new_command(&before, &after, "1", "lock"), None);
        assert_eq!(
            new_command(&before, &before, "1", "ring"),
            None,
            "nothing was sent"
        );
    }
}
