//! Steps that check a typed password, which may be newer than what this device knows of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock;
use futures_util::future::BoxFuture;

use super::{WardenError, WardenHandle};

/// How long a wrong password waits for a newer record before it is simply wrong.
const RECORD_WITHIN: Duration = Duration::from_secs(4);

/// Whoever keeps the newest credentials record of this device's account; the cloud, for real.
pub trait Records: Send + Sync + 'static {
    /// The encoded signed record; nothing when it can't be had now.
    fn newest(&self) -> BoxFuture<'_, Option<Vec<u8>>>;
}

/// Takes steps that check the password; clones share everything.
#[derive(Clone)]
pub struct PasswordSteps {
    warden: WardenHandle,
    records: Arc<dyn Records>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for PasswordSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSteps")
            .field("warden", &self.warden)
            .finish_non_exhaustive()
    }
}

impl PasswordSteps {
    /// Steps at `warden`, with newer records out of `records`.
    pub fn new(warden: WardenHandle, records: Arc<dyn Records>, clock: Arc<dyn Clock>) -> Self {
        Self {
            warden,
            records,
            clock,
        }
    }

    /// Takes a step. When the password is wrong here, there may be a newer record of it: the warden judges that record, and compares the
    /// same password once more if it has another one by then. Whoever else fetches what the owner changed may have brought it
    /// meanwhile; against the same one nothing is compared, nor counted, again.
    ///
    /// # Errors
    /// [`WardenError`] as the warden's step gave it; a record that can't be had changes nothing.
    pub async fn take(&self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, WardenError> {
        match self.warden.use_step(ticket, step, input).await {
            Err(error) if error.is_wrong_password() => {}
            outcome => return outcome,
        }
        self.learn().await;
        self.warden.use_step(ticket, step, input).await
    }

    /// Brings the newest record to the warden, where it can be had.
    async fn learn(&self) {
        let record = tokio::select! {
            record = self.records.newest() => record,
            () = self.clock.give(RECORD_WITHIN) => None,
        };
        let Some(record) = record else { return };
        if let Err(error) = self.warden.credentials(&record).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the warden didn't take the newest record"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use belay_proto::clock::FakeClock;
    use belay_proto::dbus::Error;

    use super::*;
    use crate::warden::WardenView;
    use crate::warden::testing::{CREDENTIALS, FakeRecords, FakeWarden, passwords};

    /// A warden that calls the first password check of a ticket wrong and a later one `then`, and judges a record by
    /// `takes`; with what it was asked.
    fn warden(
        takes: Result<Vec<u8>, Error>,
        then: fn() -> Result<Vec<u8>, Error>,
    ) -> (WardenHandle, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let (handle, _) = FakeWarden::handle(WardenView::default(), move |ticket, step, _| {
            let mut seen = seen.lock().unwrap();
            seen.push(format!("{ticket} {step}"));
            match (step, seen.len()) {
                (CREDENTIALS, _) => takes.clone(),
                (_, 1) => Err(Error::WrongPassword("wrong".into())),
                _ => then(),
            }
        });
        (handle, asked)
    }

    fn still_wrong() -> Result<Vec<u8>, Error> {
        Err(Error::WrongPassword("still".into()))
    }

    #[tokio::test]
    async fn a_record_that_was_taken_is_worth_one_more_comparison_whose_answer_is_final() {
        let (handle, asked) = warden(Ok(vec![1]), still_wrong);
        let steps = passwords(&handle, FakeRecords::Newest(b"newer".to_vec()));
        let error = steps.take("t", "step", b"").await.unwrap_err();
        assert!(matches!(error, WardenError::Refused(Error::WrongPassword(text)) if text == "still"),);
        assert_eq!(*asked.lock().unwrap(), ["t step", " Credentials", "t step"]);
    }

    #[tokio::test]
    async fn a_record_that_came_another_way_meanwhile_is_compared_with_too() {
        let refused = || Err(Error::CloudRefused("forged".into()));
        for (takes, records) in [
            (Ok(vec![1]), FakeRecords::None),
            (Ok(Vec::new()), FakeRecords::Newest(b"known".to_vec())),
            (refused(), FakeRecords::Newest(b"forged".to_vec())),
        ] {
            let (handle, asked) = warden(takes, || Ok(b"done".to_vec()));
            let taken = passwords(&handle, records).take("t", "step", b"").await;
            assert_eq!(taken.unwrap(), b"done");
            let steps = asked
                .lock()
                .unwrap()
                .iter()
                .filter(|asked| *asked == "t step")
                .count();
            assert_eq!(steps, 2);
        }
    }

    #[tokio::test]
    async fn a_record_that_never_comes_is_waited_for_by_the_boot_clock() {
        let (handle, asked) = warden(Ok(vec![1]), still_wrong);
        let clock = Arc::new(FakeClock::default());
        let steps = PasswordSteps::new(handle, Arc::new(FakeRecords::Hang), clock.clone());
        let (outcome, ()) = tokio::join!(steps.take("t", "step", b""), async {
            clock.advance(RECORD_WITHIN);
        });
        assert!(outcome.unwrap_err().is_wrong_password());
        assert_eq!(*asked.lock().unwrap(), ["t step", "t step"]);
    }

    #[tokio::test]
    async fn no_record_is_fetched_for_any_other_refusal() {
        let (handle, _) = FakeWarden::handle(WardenView::default(), |_, step, _| {
            assert_ne!(step, CREDENTIALS);
            Err(Error::TooManyAttempts("wait".into()))
        });
        let steps = passwords(&handle, FakeRecords::Newest(b"newer".to_vec()));
        let error = steps.take("t", "step", b"").await.unwrap_err();
        assert!(!error.is_wrong_password());
    }
}
