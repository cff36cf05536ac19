//! How a [`Puppet`] answers: the standard interfaces by itself, the rest through its [`Behaviour`].

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use zbus::message::Type;
use zbus::{Message, MessageStream, OwnedObjectPath, Structure, Variant};

use super::puppet::{Behaviour, Call, Fault, Properties, Puppet, Refusal, Tree, Values, lock};
use crate::Outcome;

pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(super) const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";

/// Answers calls until the connection ends.
pub(super) async fn serve(puppet: Puppet, mut messages: MessageStream, behaviour: Arc<dyn Behaviour>) {
    while let Some(Ok(message)) = messages.next().await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let (puppet, behaviour) = (puppet.clone(), Arc::clone(&behaviour));
        // A method that takes its time keeps nobody else waiting.
        tokio::spawn(async move {
            // A caller that has left needs no answer.
            let _ = handle(&puppet, behaviour.as_ref(), &message).await;
        });
    }
}

async fn handle(puppet: &Puppet, behaviour: &dyn Behaviour, message: &Message) -> Outcome {
    let header = message.header();
    let text = |part: Option<String>| part.unwrap_or_default();
    let body = message.body();
    let arguments = match body.is_empty() {
        true => Vec::new(),
        false => {
            let all: Structure<'_> = body.deserialize()?;
            let owned = all
                .into_fields()
                .into_iter()
                .map(|f| Ok(f.try_into_owned()?.into()));
            owned.collect::<Outcome<Values>>()?
        }
    };
    let call = Call {
        path: text(header.path().map(ToString::to_string)),
        interface: text(header.interface().map(ToString::to_string)),
        member: text(header.member().map(ToString::to_string)),
        sender: text(header.sender().map(ToString::to_string)),
        arguments,
    };
    puppet.calls.send_modify(|calls| calls.push(call.clone()));
    let fault = lock(&puppet.tree).faults.get(&call.member).cloned();
    let answer = match fault {
        Some(Fault::Hang) => return Ok(()),
        Some(Fault::Refuse(refusal)) => Err(refusal),
        None => match call.interface.as_str() {
            PROPERTIES => properties(puppet, &call).await,
            OBJECT_MANAGER => {
                let all = lock(&puppet.tree).managed()?;
                return Ok(puppet.connection.reply(&header, &all).await?);
            }
            _ => behaviour.answer(puppet.clone(), call).await,
        },
    };
    match answer {
        Ok(values) if values.is_empty() => puppet.connection.reply(&header, &()).await?,
        Ok(values) => {
            let mut all = zbus::wire::StructureBuilder::new();
            values.into_iter().for_each(|value| all.push_value(value));
            puppet.connection.reply(&header, &all.build()?).await?;
        }
        Err(refusal) => {
            let name = refusal.name.as_str();
            puppet
                .connection
                .reply_error(&header, name, &refusal.text)
                .await?;
        }
    }
    Ok(())
}

impl Tree {
    fn managed(&self) -> Outcome<HashMap<OwnedObjectPath, HashMap<String, Properties>>> {
        let mut all = HashMap::new();
        for (path, interfaces) in &self.objects {
            if self.manages(path).is_some() {
                all.insert(OwnedObjectPath::try_from(path.as_str())?, interfaces.clone());
            }
        }
        Ok(all)
    }
}

/// `org.freedesktop.DBus.Properties`.
async fn properties(puppet: &Puppet, call: &Call) -> Result<Values, Refusal> {
    let invalid = |text: &str| Refusal::new("org.freedesktop.DBus.Error.InvalidArgs", text);
    let word = |n: usize| {
        call.arguments
            .get(n)
            .and_then(|v| String::try_from(v.clone()).ok())
    };
    let interface = word(0).ok_or_else(|| invalid("no interface"))?;
    let all = {
        let tree = lock(&puppet.tree);
        let found = tree.objects.get(&call.path).and_then(|o| o.get(&interface));
        found.cloned().ok_or_else(|| {
            let text = format!("no {interface} at {}", call.path);
            Refusal::new("org.freedesktop.DBus.Error.UnknownInterface", text)
        })?
    };
    let unknown = || Refusal::new("org.freedesktop.DBus.Error.UnknownProperty", "no such property");
    match (call.member.as_str(), word(1)) {
        ("GetAll", _) => Ok(vec![Variant::from(all)]),
        ("Get", Some(name)) => {
            let value = all.get(&name).cloned().ok_or_else(unknown)?;
            Ok(vec![Variant::Variant(Box::new(value.into()))])
        }
        ("Set", Some(name)) if all.contains_key(&name) => {
            let value = match call.arguments.get(2).cloned() {
                Some(Variant::Variant(inner)) => *inner,
                Some(other) => other,
                None => return Err(invalid("no value")),
            };
            let set = puppet.set(&call.path, &interface, &name, value).await;
            set.map_err(|_| unknown()).map(|()| Vec::new())
        }
        ("Set", Some(_)) => Err(unknown()),
        _ => Err(Refusal::unknown_method(call)),
    }
}
