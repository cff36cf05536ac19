//! A cloud that keeps a queue and what it was given, and misbehaves on request.

use std::sync::{Arc, Mutex};

use belay_proto::id::{CommandId, DeviceId, Epoch};
use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, Command, CommandEnvelope, Outcome, Signed};
use belay_proto::text::from_base64url;
use belay_proto::wire::{QueueAnswer, QueuedCommand};
use tokio::sync::{mpsc, watch};

use crate::cloud::tests::server::{Reply, Request, Server};

/// How the cloud answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Closes each connection without an answer.
    Gone,
    /// Takes what comes, then closes without an answer.
    Mute,
    /// Streams are held back on their way: their head comes, and nothing more.
    Buffered,
    /// No streams, and a long poll answers at once.
    Short,
}

#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<watch::Sender<u64>>,
}

pub struct Inner {
    pub mood: Mood,
    /// The request, from now on, that is answered by [`Inner::cut_by`] alone.
    pub cut: Option<(u32, Mood)>,
    queue: Vec<QueuedCommand>,
    streams: Vec<mpsc::UnboundedSender<String>>,
    /// What streams say first.
    pub greeting: String,
    pub outcomes: Vec<Outcome>,
    pub states: u32,
    pub reports: Vec<String>,
    /// What letters are answered with instead.
    pub refuses: Option<u16>,
    pub requests: Vec<Request>,
}

impl Cloud {
    pub fn new() -> Self {
        let inner = Inner {
            mood: Mood::Well,
            cut: None,
            queue: Vec::new(),
            streams: Vec::new(),
            greeting: ": heartbeat 240\n\n".into(),
            outcomes: Vec::new(),
            states: 0,
            reports: Vec::new(),
            refuses: None,
            requests: Vec::new(),
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }

    pub async fn serve(&self) -> Server {
        let cloud = self.clone();
        Server::with(move |request| cloud.answer(request)).await
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.inner.lock().unwrap())
    }

    /// Waits until `look` says yes; it is asked again after each request.
    pub async fn until(&self, mut look: impl FnMut(&mut Inner) -> bool) {
        let mut changed = self.changed.subscribe();
        while !self.with(&mut look) {
            changed.changed().await.unwrap();
        }
    }

    /// Says something on each open stream.
    pub fn say(&self, text: &str) {
        self.with(|inner| inner.say(text));
    }

    /// Ends each open stream.
    pub fn end_streams(&self) {
        self.with(|inner| inner.streams.clear());
    }

    /// Queues a command, and says so.
    pub fn command(&self, device: DeviceId, epoch: Epoch, action: Action) -> CommandId {
        let id = CommandId::new();
        let command = Command {
            id,
            account: belay_proto::AccountId::random(),
            device,
            epoch,
            counter: 1,
            issued_at: 0,
            expires_at: 0,
            presence: 0,
            episode: 0,
            action,
        };
        let envelope = CommandEnvelope {
            command: Signed::seal(&command, &SigningKey::generate()),
            delegate: None,
        };
        self.queue(envelope.encode());
        id
    }

    pub fn queue(&self, envelope: Vec<u8>) {
        self.with(|inner| {
            let sequence = inner.last() + 1;
            inner.queue.push(QueuedCommand {
                sequence,
                envelope: envelope.into(),
            });
            inner.say(&format!("id: {sequence}\nevent: commands\ndata: {{}}\n\n"));
        });
    }

    fn answer(&self, request: &Request) -> Reply {
        let reply = self.with(|inner| {
            inner.requests.push(request.clone());
            inner.answer(request)
        });
        self.changed.send_modify(|changed| *changed += 1);
        reply
    }
}

impl Inner {
    /// Forgets all commands.
    pub fn forget(&mut self) {
        self.queue.clear();
    }

    pub fn last(&self) -> u64 {
        self.queue.last().map_or(0, |command| command.sequence)
    }

    fn say(&mut self, text: &str) {
        self.streams.retain(|stream| stream.send(text.to_owned()).is_ok());
    }

    pub fn fetches(&self) -> Vec<&str> {
        self.paths("/v1/commands")
    }

    pub fn opened(&self) -> Vec<&str> {
        self.paths("/v1/stream")
    }

    fn paths(&self, prefix: &str) -> Vec<&str> {
        self.requests
            .iter()
            .map(|request| request.path.as_str())
            .filter(|path| path.starts_with(prefix))
            .collect()
    }

    fn mood(&mut self) -> Mood {
        match &mut self.cut {
            Some((0, mood)) => {
                let mood = *mood;
                self.cut = None;
                mood
            }
            Some((left, _)) => {
                *left -= 1;
                self.mood
            }
            None => self.mood,
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let mood = self.mood();
        if mood == Mood::Gone {
            return Reply::Close;
        }
        let path = request.path.split('?').next().unwrap();
        let reply = match (request.method.as_str(), path) {
            ("GET", "/v1/stream") => self.stream(mood),
            ("GET", "/v1/commands") => self.commands(request, mood),
            ("POST", "/v1/outcomes" | "/v1/reports") => self.take(request),
            other => panic!("no such call: {other:?}"),
        };
        if mood == Mood::Mute { Reply::Close } else { reply }
    }

    fn stream(&mut self, mood: Mood) -> Reply {
        if mood == Mood::Short {
            return Reply::problem(501, "not-implemented");
        }
        let (pieces, stream) = mpsc::unbounded_channel();
        if mood != Mood::Buffered {
            pieces.send(self.greeting.clone()).unwrap();
        }
        self.streams.push(pieces);
        Reply::Stream(stream)
    }

    fn commands(&self, request: &Request, mood: Mood) -> Reply {
        let query = request.path.split_once('?').unwrap().1;
        let of = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let after: u64 = of("after").unwrap().parse().unwrap();
        let commands: Vec<_> = self
            .queue
            .iter()
            .filter(|command| command.sequence > after)
            .cloned()
            .collect();
        if commands.is_empty() && of("wait").is_some() && mood != Mood::Short {
            return Reply::Hang;
        }
        let answer = QueueAnswer {
            commands,
            last: self.last().max(after),
        };
        Reply::json(200, &serde_json::to_string(&answer).unwrap())
    }

    fn take(&mut self, request: &Request) -> Reply {
        if let Some(status) = self.refuses {
            return Reply::problem(status, "no");
        }
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        if let Some(outcome) = body["outcome"].as_str() {
            let signed = Signed::decode(&from_base64url(outcome).unwrap()).unwrap();
            self.outcomes.push(signed.peek_unverified().unwrap());
        } else if body["state"].is_string() {
            self.states += 1;
        } else {
            self.reports.push(body["id"].as_str().unwrap().to_owned());
        }
        Reply::Send {
            status: 204,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}
