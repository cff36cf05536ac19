//! From a bound device: over the bus.

use std::time::Duration;

use belay_proto::dbus::client::send_command;
use belay_proto::dbus::names::{ACCOUNT_INTERFACE, ACCOUNT_PATH, BUS_NAME};
use belay_proto::dbus::{CommandEntries, Details, Options};
use belay_proto::id::DeviceId;
use belay_proto::signed::{Action, CommandState};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use zbus::fdo::PropertiesProxy;
use zbus::names::InterfaceName;

use super::action::needs_no_password;
use super::choose::{Named, choose};
use super::cli::{Find, Verb};
use super::confirm;
use super::words::{Life, Sent};
use crate::account::Fate;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{Ink, json_object, printable, time_words};
use crate::ctl::{device, secret};

/// How long to listen on after a wipe has begun, in case it fails at once; a device that is being erased says nothing
/// more.
const WIPE_FAILS_WITHIN: Duration = Duration::from_secs(30);

struct Entry {
    id: String,
    name: String,
    fields: Value,
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
/// What they say; [`Error::Usage`] for what only a computer with `--cloud` can do.
pub async fn run(
    client: &Client,
    args: &Find,
    action: Option<Action>,
    output: Output,
) -> Result<Report, Error> {
    if matches!(args.verb, Verb::List) {
        return device::list(client, output).await;
    }
    if matches!(args.verb, Verb::Sms(_)) {
        return Err(Error::Usage(
            "The text is signed with the account's own key: add --cloud URL --login IDENTIFIER.".to_owned(),
        ));
    }
    let entries = devices(client).await?;
    let target = choose(&entries, args.verb.device().unwrap_or_default())?;
    match action {
        Some(action) => command(client, args, target, &action, output).await,
        None => status(client, target, output.ink).await,
    }
}

async fn devices(client: &Client) -> Result<Vec<Entry>, Error> {
    let entries = client.account().await?.list_devices(&Options::new()).await?;
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
    output: Output,
) -> Result<Report, Error> {
    if let Verb::Wipe(wipe) = &args.verb {
        let class = target.fields["wipe_class"].as_str().unwrap_or("unknown");
        confirm::wipe(&target.name, &target.id, class, wipe.yes_wipe.as_deref())?;
    }
    let password = if needs_no_password(action.verb()) {
        None
    } else {
        let file = args.by.password.password_file.as_deref();
        Some(secret::read(file, "Account password: ")?)
    };
    let device: DeviceId = target
        .id
        .parse()
        .map_err(|_| Error::named("Internal", "the daemon lists a device without an id"))?;
    let id = send_command(client.connection(), &device, action, password.as_ref()).await?;
    let sent = Sent {
        id: id.to_string(),
        device: target.id.clone(),
        name: target.name.clone(),
        action: action.verb().as_str(),
    };
    let mut life = Life::begin(sent, output)?;
    if args.by.no_wait {
        if let Some(fate) = fate_of(&commands(client).await?, &id.to_string()) {
            life.show(&fate)?;
        }
    } else {
        follow(client, &id.to_string(), action, &mut life).await?;
        life.verdict()?;
    }
    Ok(Report::new(hint(action), life.json()))
}

/// Shows what becomes of a command until nothing more comes.
async fn follow(client: &Client, id: &str, action: &Action, life: &mut Life) -> Result<(), Error> {
    let properties = properties(client).await?;
    let mut changes = properties.receive_properties_changed().await?;
    loop {
        let fate = fate_of(&commands(client).await?, id)
            .ok_or_else(|| Error::named("CommandExpired", "the cloud doesn't know the command any more"))?;
        life.show(&fate)?;
        if fate.is_final() {
            return Ok(());
        }
        let erasing = matches!(action, Action::Wipe { .. }) && fate.state == CommandState::Running;
        let next = if erasing {
            match tokio::time::timeout(WIPE_FAILS_WITHIN, changes.next()).await {
                Ok(next) => next,
                Err(_) => return Ok(()),
            }
        } else {
            changes.next().await
        };
        if next.is_none() {
            return Err(zbus::fdo::Error::Disconnected("the bus closed the connection".to_owned()).into());
        }
    }
}

async fn properties(client: &Client) -> Result<PropertiesProxy<'static>, Error> {
    let builder = PropertiesProxy::builder(client.connection())
        .destination(BUS_NAME)
        .path(ACCOUNT_PATH);
    Ok(builder.build().await?)
}

async fn commands(client: &Client) -> Result<CommandEntries, Error> {
    let interface = InterfaceName::from_static_str_unchecked(ACCOUNT_INTERFACE);
    let value = properties(client).await?.get(interface, "Commands").await?;
    CommandEntries::try_from(value).map_err(Error::Bus)
}

fn fate_of(commands: &[Details], id: &str) -> Option<Fate> {
    let fields: Vec<_> = commands.iter().map(json_object).collect();
    let found = fields.iter().find(|fields| fields["id"] == id)?;
    let text = |key: &str| {
        found
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Some(Fate {
        state: CommandState::from(text("state").as_str()),
        reason: text("reason"),
        ..Fate::default()
    })
}

/// What this device knows of another one: the cloud's list and the commands it sent itself.
async fn status(client: &Client, target: &Entry, ink: Ink) -> Result<Report, Error> {
    let all: Vec<Value> = commands(client)
        .await?
        .iter()
        .map(|command| Value::from(json_object(command)))
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
    use zbus::{OwnedVariant, Variant};

    use super::*;

    #[test]
    fn a_commands_entry_is_read_by_its_id() {
        let entry = |id: &str, state: &str| {
            Details::from_iter(
                [("id", id), ("state", state), ("reason", "stale")].map(|(key, value)| {
                    (
                        key.to_owned(),
                        OwnedVariant::try_from(Variant::from(value)).unwrap(),
                    )
                }),
            )
        };
        let commands = [entry("a", "done"), entry("b", "refused")];
        let fate = fate_of(&commands, "b").unwrap();
        assert_eq!(
            (fate.state, fate.reason.as_str()),
            (CommandState::Refused, "stale")
        );
        assert_eq!(fate_of(&commands, "c"), None);
    }
}
