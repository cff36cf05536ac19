//! Calls and texts that come in, through ModemManager's signals.
//!
//! A text is announced with its first part; it is read once all have arrived. Those that the modem kept from before are
//! announced too, as not received now, and are left alone.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream::select_all;
use tokio::sync::mpsc;
use zbus::{Message, OwnedObjectPath};

use super::manager::{DELIVER, MESSAGING, RECEIVED, SMS, VOICE, modems};
use super::voice::{CALL, RINGING_IN};
use super::{Incoming, ModemView};
use crate::platform::PlatformError;
use crate::platform::service::{Service, Signal, take};

/// What may wait for a slow listener.
const WAITING: usize = 16;
/// More texts than these aren't waited for: whoever sends first parts alone fills nothing.
const MOST_PARTIAL: usize = 32;
/// More calls than these no modem has.
const MOST_CALLS: usize = 16;

/// Follows them until nobody listens, or ModemManager leaves.
pub(super) async fn follow(service: Service) -> Result<mpsc::Receiver<Incoming>, PlatformError> {
    let mut streams = vec![service.owners().await?];
    for signal in [
        Signal::new(VOICE, "CallAdded"),
        Signal::new(VOICE, "CallDeleted"),
        Signal::changes(CALL),
        Signal::new(MESSAGING, "Added"),
        Signal::changes(SMS),
    ] {
        streams.push(service.signals(signal).await?);
    }
    let (tell, told) = mpsc::channel(WAITING);
    // Whoever isn't started doesn't ring, and comes with a signal.
    let mut desk = Desk {
        service,
        tell,
        calls: BTreeSet::new(),
        partial: BTreeSet::new(),
    };
    tokio::spawn(async move {
        let mut signals = select_all(streams);
        if desk.begin().await.is_none() {
            return;
        }
        loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                () = desk.tell.closed() => return,
            };
            let Some(Ok(signal)) = signal else { return };
            if desk.heard(&signal).await.is_none() {
                return;
            }
        }
    });
    Ok(told)
}

struct Desk {
    service: Service,
    tell: mpsc::Sender<Incoming>,
    /// The calls that ring.
    calls: BTreeSet<String>,
    /// Texts of which parts are missing.
    partial: BTreeSet<String>,
}

impl Desk {
    /// Takes the calls that ring already. Whoever stopped ModemManager doesn't want it started for that.
    async fn begin(&mut self) -> Option<()> {
        let Ok(running) = self.service.running().await else {
            return Some(());
        };
        for (_, mut parts) in modems(&running).await.unwrap_or_default() {
            let voice = parts.get_mut(VOICE);
            let calls: Option<Vec<OwnedObjectPath>> = voice.and_then(|voice| take(voice, "Calls"));
            for call in calls.unwrap_or_default() {
                self.call(call.as_str()).await?;
            }
        }
        Some(())
    }

    /// Takes a signal; `None`: it is over.
    async fn heard(&mut self, signal: &Message) -> Option<()> {
        let header = signal.header();
        let body = signal.body();
        let first = || body.deserialize::<OwnedObjectPath>().ok();
        match header.member().map(|member| member.as_str())? {
            "CallAdded" => self.call(first()?.as_str()).await,
            "CallDeleted" => self.call_over(first()?.as_str()).await,
            "Added" => {
                let (path, received) = body.deserialize::<(OwnedObjectPath, bool)>().ok()?;
                if received {
                    self.text(path.as_str()).await?;
                }
                Some(())
            }
            "PropertiesChanged" => {
                let path = header.path()?.as_str();
                match self.partial.contains(path) {
                    true => self.text(path).await,
                    false if path.contains("/Call/") => self.call(path).await,
                    false => Some(()),
                }
            }
            // ModemManager has come or gone: what it told of is over, and it is followed anew.
            _ => None,
        }
    }

    async fn call(&mut self, path: &str) -> Option<()> {
        let Ok(mut call) = self.service.all(path, CALL).await else {
            return self.call_over(path).await;
        };
        let state: Option<i32> = take(&mut call, "State");
        if !state.is_some_and(|state| RINGING_IN.contains(&state)) {
            return self.call_over(path).await;
        }
        if self.calls.len() < MOST_CALLS && self.calls.insert(path.to_owned()) {
            let number = take(&mut call, "Number").unwrap_or_default();
            let call = path.to_owned();
            self.tell.send(Incoming::Call { call, number }).await.ok()?;
        }
        Some(())
    }

    async fn call_over(&mut self, path: &str) -> Option<()> {
        if self.calls.remove(path) {
            let call = path.to_owned();
            self.tell.send(Incoming::CallOver { call }).await.ok()?;
        }
        Some(())
    }

    async fn text(&mut self, path: &str) -> Option<()> {
        self.partial.remove(path);
        let Ok(mut sms) = self.service.all(path, SMS).await else {
            return Some(());
        };
        let (state, kind): (Option<u32>, Option<u32>) = (take(&mut sms, "State"), take(&mut sms, "PduType"));
        if state == Some(RECEIVED - 1) {
            if self.partial.len() < MOST_PARTIAL {
                self.partial.insert(path.to_owned());
            }
            return Some(());
        }
        let text: String = take(&mut sms, "Text").unwrap_or_default();
        // A command of the owner's is no message to the wearer.
        let is_message =
            state == Some(RECEIVED) && kind == Some(DELIVER) && !text.starts_with(ModemView::COMMANDS);
        if is_message && !text.is_empty() {
            let number = take(&mut sms, "Number").unwrap_or_default();
            self.tell.send(Incoming::Text { number, text }).await.ok()?;
        }
        Some(())
    }
}
