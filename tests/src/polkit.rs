//! A simulated polkit: `org.freedesktop.PolicyKit1` on the private bus, whose answers a test chooses.
//!
//! The interface is described in polkit's reference manual, "org.freedesktop.PolicyKit1.Authority".

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::{Connection, OwnedVariant, fdo};

use crate::{Outcome, guest};

const NAME: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";

/// What polkit answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Authorised.
    Yes,
    /// Not authorised, whatever is done.
    No,
    /// Not authorised, but could be if the user were asked.
    Challenge,
    /// Never.
    Hung,
}

/// One question that a program asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The action, such as `org.belay1.owner.present`.
    pub action: String,
    /// The subject's kind; must be `system-bus-name`.
    pub kind: String,
    /// The subject's bus name.
    pub subject: String,
    /// Whether the user may be asked.
    pub interaction: bool,
}

/// The simulated polkit. Dropping it takes its name off the bus.
#[derive(Debug)]
pub struct Polkit {
    bus: Connection,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug)]
struct Script {
    answer: Answer,
    exceptions: HashMap<String, Answer>,
    asked: Vec<Question>,
}

struct Authority(Arc<Mutex<Script>>);

/// A subject as it is on the wire.
type Subject = (String, HashMap<String, OwnedVariant>);

impl Polkit {
    /// Joins the bus with the answer yes to everything.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let script = Script {
            answer: Answer::Yes,
            exceptions: HashMap::new(),
            asked: Vec::new(),
        };
        let script = Arc::new(Mutex::new(script));
        let user = guest::programs().unwrap_or_else(guest::person);
        let authority = Authority(Arc::clone(&script));
        let bus = guest::builder(bus, user)?
            .serve_at(PATH, authority)
            .name(NAME)
            .build()
            .await?;
        Ok(Self { bus, script })
    }

    /// Answers every question so from now on.
    pub fn answer(&self, answer: Answer) {
        let mut script = lock(&self.script);
        script.answer = answer;
        script.exceptions.clear();
    }

    /// Answers questions about `action` so, whatever is answered otherwise.
    pub fn except(&self, action: &str, answer: Answer) {
        lock(&self.script).exceptions.insert(action.to_owned(), answer);
    }

    /// The questions since this was last called.
    #[must_use]
    pub fn asked(&self) -> Vec<Question> {
        std::mem::take(&mut lock(&self.script).asked)
    }

    /// Leaves the bus, as where polkit isn't installed.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn leave(&self) -> Outcome {
        self.bus.release_name(NAME).await?;
        Ok(())
    }

    /// Comes back.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn come_back(&self) -> Outcome {
        self.bus.request_name(NAME).await?;
        Ok(())
    }
}

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Authority {
    async fn check_authorization(
        &self,
        subject: Subject,
        action: String,
        _details: HashMap<String, String>,
        flags: u32,
        _cancellation: String,
    ) -> fdo::Result<((bool, bool, HashMap<String, String>),)> {
        let (kind, details) = subject;
        let name = details
            .get("name")
            .and_then(|v| String::try_from(v.clone()).ok())
            .unwrap_or_default();
        let answer = {
            let mut script = lock(&self.0);
            let answer = script.exceptions.get(&action).copied().unwrap_or(script.answer);
            let interaction = flags & 1 == 1;
            script.asked.push(Question {
                action,
                kind,
                subject: name,
                interaction,
            });
            answer
        };
        let (yes, challenge) = match answer {
            Answer::Yes => (true, false),
            Answer::No => (false, false),
            Answer::Challenge => (false, true),
            Answer::Hung => std::future::pending().await,
        };
        Ok(((yes, challenge, HashMap::new()),))
    }

    async fn cancel_check_authorization(&self, _cancellation: String) {}
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
