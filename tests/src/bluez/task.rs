//! The task that holds the [`World`] and speaks for it on the bus.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use zbus::message::Type;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, Structure};

use super::world::{Call, Out, World};
use super::{NAME, tree};
use crate::services::puppet::Values;
use crate::{Outcome, guest};

/// What the handles ask for.
pub(super) enum Command {
    /// Something with the world.
    Do(Box<dyn FnOnce(&mut World) + Send>),
    /// Looks at the world and leaves it as it is.
    Look(Box<dyn FnOnce(&mut World) + Send>),
    /// Time passes.
    Advance(Duration, oneshot::Sender<Outcome>),
    /// bluetoothd dies.
    Die(oneshot::Sender<Outcome>),
    /// And starts again.
    ComeBack(oneshot::Sender<Outcome>),
}

/// The task.
pub(super) struct Task {
    bus: PathBuf,
    world: World,
    commands: mpsc::Receiver<Command>,
    turned: watch::Sender<u64>,
    /// None while bluetoothd is dead.
    line: Option<Line>,
    begun: Instant,
    /// What tests added to the time that flowed by itself.
    added: Duration,
}

struct Line {
    connection: Connection,
    messages: MessageStream,
}

enum Turn {
    Message(Option<Message>),
    Command(Option<Command>),
    Time,
}

impl Task {
    pub(super) async fn join(
        bus: &Path,
        world: World,
        commands: mpsc::Receiver<Command>,
        turned: watch::Sender<u64>,
    ) -> Outcome<Self> {
        Ok(Self {
            line: Some(Line::open(bus).await?),
            bus: bus.to_owned(),
            world,
            commands,
            turned,
            begun: Instant::now(),
            added: Duration::ZERO,
        })
    }

    /// Until the last handle is gone.
    pub(super) async fn run(mut self) {
        loop {
            let turn = self.turn().await;
            self.catch_up(Duration::ZERO);
            match turn {
                Turn::Message(Some(message)) => self.hear(message),
                // The bus is gone.
                Turn::Message(None) => self.line = None,
                Turn::Command(None) => return,
                // Whoever waits for something looks again after each turn: looking is none.
                Turn::Command(Some(Command::Look(look))) if !self.world.has_more() => {
                    look(&mut self.world);
                    continue;
                }
                Turn::Command(Some(command)) => self.command(command).await,
                Turn::Time => {}
            }
            self.send().await;
            self.turned.send_modify(|turn| *turn += 1);
        }
    }

    async fn turn(&mut self) -> Turn {
        let deadline = self.world.deadline().filter(|_| self.world.settings.flowing);
        let due = deadline.map(|due| self.begun + due.saturating_sub(self.added));
        let messages = self.line.as_mut().map(|line| &mut line.messages);
        tokio::select! {
            message = next(messages) => Turn::Message(message),
            command = self.commands.recv() => Turn::Command(command),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Turn::Time,
        }
    }

    fn catch_up(&mut self, more: Duration) {
        self.added += more;
        let flowed = match self.world.settings.flowing {
            true => self.begun.elapsed(),
            false => Duration::ZERO,
        };
        self.world.advance(flowed + self.added);
    }

    async fn command(&mut self, command: Command) {
        let (done, outcome) = match command {
            Command::Do(deed) | Command::Look(deed) => return deed(&mut self.world),
            Command::Advance(time, done) => {
                self.catch_up(time);
                self.send().await;
                (done, Ok(()))
            }
            Command::Die(done) => {
                self.world.restart();
                let closed = match self.line.take() {
                    Some(line) => line.connection.close().await,
                    None => Ok(()),
                };
                (done, closed.map_err(Into::into))
            }
            Command::ComeBack(done) => {
                let opened = Line::open(&self.bus).await;
                (done, opened.map(|line| self.line = Some(line)))
            }
        };
        // Whoever asked may have left.
        let _ = done.send(outcome);
    }

    fn hear(&mut self, message: Message) {
        match message.message_type() {
            Type::MethodCall => {
                if let Ok(call) = parse(message) {
                    self.world.call(call);
                }
            }
            Type::Signal => {
                let gone = message.header().member().is_some_and(|m| m == "NameOwnerChanged");
                let body = message.body();
                if let (true, Ok((name, _, new))) = (gone, body.deserialize::<(&str, &str, &str)>())
                    && new.is_empty()
                    && name.starts_with(':')
                {
                    self.world.gone(name);
                }
            }
            _ => {}
        }
    }

    /// Sends what there is, in its order. What is said while there is no bus is lost.
    async fn send(&mut self) {
        for out in self.world.take() {
            if let Some(line) = &self.line {
                // The other end may be gone; a value with the wrong type is the test's own business.
                let _ = line.send(out).await;
            }
        }
    }
}

async fn next(messages: Option<&mut MessageStream>) -> Option<Message> {
    match messages {
        Some(messages) => messages.next().await?.ok(),
        None => std::future::pending().await,
    }
}

impl Line {
    async fn open(bus: &Path) -> Outcome<Self> {
        let user = guest::programs().unwrap_or_else(guest::person);
        let connection = guest::connect(bus, user).await?;
        // Before the name, or the first calls are lost.
        let messages = MessageStream::from(&connection);
        let dbus = zbus::fdo::DBusProxy::new(&connection).await?;
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .build()?;
        dbus.add_match_rule(rule).await?;
        connection.request_name(NAME).await?;
        Ok(Self { connection, messages })
    }

    async fn send(&self, out: Out) -> Outcome {
        const OBJECTS: &str = "org.freedesktop.DBus.ObjectManager";
        let bus = &self.connection;
        match out {
            Out::Answer { call, answer } => {
                let header = call.message.header();
                match answer {
                    Ok(values) if values.is_empty() => bus.reply(&header, &()).await?,
                    Ok(values) => {
                        let mut all = zbus::wire::StructureBuilder::new();
                        values.into_iter().for_each(|value| all.push_value(value));
                        bus.reply(&header, &all.build()?).await?;
                    }
                    Err(refusal) => {
                        bus.reply_error(&header, refusal.name.as_str(), &refusal.text)
                            .await?;
                    }
                }
            }
            Out::Objects { call, objects } => {
                let mut all = HashMap::<OwnedObjectPath, tree::Interfaces>::new();
                for (path, interfaces) in objects {
                    all.insert(path.try_into()?, interfaces);
                }
                bus.reply(&call.message.header(), &all).await?;
            }
            Out::Added { path, interfaces } => {
                let body = (OwnedObjectPath::try_from(path)?, interfaces);
                bus.emit_signal(None::<&str>, "/", OBJECTS, "InterfacesAdded", &body)
                    .await?;
            }
            Out::Removed { path, interfaces } => {
                let body = (OwnedObjectPath::try_from(path)?, interfaces);
                bus.emit_signal(None::<&str>, "/", OBJECTS, "InterfacesRemoved", &body)
                    .await?;
            }
            Out::Changed {
                path,
                interface,
                changed,
                invalidated,
            } => {
                let body = (interface, changed, invalidated);
                let properties = "org.freedesktop.DBus.Properties";
                bus.emit_signal(None::<&str>, path, properties, "PropertiesChanged", &body)
                    .await?;
            }
        }
        Ok(())
    }
}

fn parse(message: Message) -> Outcome<Call> {
    let header = message.header();
    let text = |part: Option<String>| part.unwrap_or_default();
    let body = message.body();
    let arguments = match body.is_empty() {
        true => Values::new(),
        false => {
            let all: Structure<'_> = body.deserialize()?;
            let owned = all.into_fields().into_iter();
            let owned = owned.map(|field| Ok(field.try_into_owned()?.into()));
            owned.collect::<Outcome<Values>>()?
        }
    };
    Ok(Call {
        path: text(header.path().map(ToString::to_string)),
        interface: text(header.interface().map(ToString::to_string)),
        member: text(header.member().map(ToString::to_string)),
        sender: text(header.sender().map(ToString::to_string)),
        arguments,
        message: message.clone(),
    })
}
