//! Calls that come in.

use zbus::ObjectPath;

use super::super::puppet::props;
use super::{BASE, CALL, Modem, VOICE, behaviour};
use crate::Outcome;
use crate::until::until;

/// It rings.
const RINGING_IN: i32 = 3;
/// It is over.
const TERMINATED: i32 = 7;

impl Modem {
    /// Somebody calls. Answers the call's path.
    ///
    /// # Errors
    /// Where the bus has gone, or there is no modem.
    pub async fn is_called(&self, number: &str) -> Outcome<String> {
        let modem = self.path()?;
        let path = format!("{BASE}/Call/{}", self.state.number());
        let call = props([
            ("State", RINGING_IN.into()),
            ("StateReason", 2_i32.into()),
            ("Direction", 1_i32.into()),
            ("Number", number.to_owned().into()),
        ])?;
        self.puppet().add(&path, CALL, call).await?;
        behaviour::list(self.puppet(), &modem, VOICE, "Calls", "Call").await?;
        let object = ObjectPath::from_string_unchecked(path.clone());
        self.puppet().emit(&modem, VOICE, "CallAdded", &object).await?;
        Ok(path)
    }

    /// The caller gives up.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn call_ends(&self, call: &str) -> Outcome {
        self.puppet().set(call, CALL, "State", TERMINATED).await
    }

    /// Waits until the device has ended the call.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_declined(&self, call: &str) -> Outcome {
        until("the call to be declined", async || {
            let state = self.puppet().get(call, CALL, "State");
            let state = state.and_then(|state| i32::try_from(state).ok());
            (state == Some(TERMINATED)).then_some(())
        })
        .await
    }
}
