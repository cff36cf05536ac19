//! feedbackd, which is on a session's bus: it is reached where belayd's user may go there.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use zbus::{Connection, MessageStream, Variant};

use super::Sound;
use crate::platform::PlatformError;
use crate::platform::service::{Service, Signal, connect_session};

const NAME: &str = "org.sigxcpu.Feedback";
const PATH: &str = "/org/sigxcpu/Feedback";
/// Also the id that a distribution puts into feedbackd's `allow-important`.
const APP: &str = "org.belay1";
/// An event that every theme has.
const EVENT: &str = "alarm-clock-elapsed";
/// Without an end of its own.
const ENDLESS: i32 = 0;

/// The feedback daemon of the session.
#[derive(Debug)]
pub(in crate::platform) struct Feedbackd {
    /// The bus; `None`: the environment's.
    address: Option<String>,
    /// Kept while it lives: feedbackd silences who leaves the bus.
    connection: Mutex<Option<Connection>>,
}

/// An alarm that feedbackd plays.
#[derive(Debug)]
struct Feedback {
    service: Service,
    id: u32,
    ended: MessageStream,
    owners: MessageStream,
    is_stopped: bool,
}

impl Feedbackd {
    pub(in crate::platform) fn new(address: Option<String>) -> Self {
        Self {
            address,
            connection: Mutex::default(),
        }
    }

    async fn service(&self) -> Result<Service, PlatformError> {
        let mut kept = self.connection.lock().await;
        let connection = match kept.as_ref().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection.clone(),
            None => {
                let connection = connect_session(self.address.as_deref())
                    .await
                    .map_err(|_| PlatformError::NotSupported("no session's bus"))?;
                kept.insert(connection).clone()
            }
        };
        Ok(Service::new(&connection, NAME))
    }

    pub(super) async fn alarm(&self) -> Result<Box<dyn Sound>, PlatformError> {
        let service = self.service().await?;
        // Before it plays, so that its end can't be missed.
        let ended = service
            .signals(Signal::new(NAME, "FeedbackEnded").at(PATH))
            .await?;
        let owners = service.owners().await?;
        let hints = HashMap::from([
            ("profile", Variant::from("full")),
            ("important", Variant::from(true)),
        ]);
        let about = (APP, EVENT, hints, ENDLESS);
        let id: u32 = match service.call(PATH, NAME, "TriggerFeedback", &about).await {
            Ok(id) => id,
            Err(error) => {
                // It may play all the same, or will, and by no number that is known: who has left it silences.
                if let Some(connection) = self.connection.lock().await.take() {
                    drop(connection.close().await);
                }
                return Err(error);
            }
        };
        Ok(Box::new(Feedback {
            service,
            id,
            ended,
            owners,
            is_stopped: false,
        }))
    }
}

impl Feedback {
    fn end(&mut self) -> impl Future<Output = ()> + use<> {
        self.is_stopped = true;
        let (service, id) = (self.service.clone(), self.id);
        async move {
            let ended: Result<(), _> = service.call(PATH, NAME, "EndFeedback", &id).await;
            if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "ending the alarm");
            }
        }
    }
}

impl Sound for Feedback {
    fn ended(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                tokio::select! {
                    signal = self.ended.next() => {
                        let Some(Ok(signal)) = signal else { return };
                        let body: Result<(u32, u32), _> = signal.body().deserialize();
                        if body.is_ok_and(|(id, _)| id == self.id) {
                            return;
                        }
                    }
                    // Whoever comes after it plays nothing.
                    _ = self.owners.next() => return,
                }
            }
        })
    }

    fn stop(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        let end = self.end();
        // The streams go first: nobody takes from them any more.
        drop(self);
        Box::pin(end)
    }
}

impl Drop for Feedback {
    fn drop(&mut self) {
        if !self.is_stopped {
            // Outside a runtime belayd has ended, and with its connection the sound.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(self.end());
            }
        }
    }
}
