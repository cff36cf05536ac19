//! What an accessory can be made to show.

/// An alert, and what `StopAlert` ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// Vibrate until stopped, so that it is found.
    Find,
    /// A message.
    Message {
        /// The first line.
        title: String,
        /// The rest.
        body: String,
    },
    /// A call comes in, until it is stopped.
    Call {
        /// Who calls.
        caller: String,
    },
}

/// The kinds of [`Alert`], as `StopAlert` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// [`Alert::Find`].
    Find,
    /// [`Alert::Message`].
    Message,
    /// [`Alert::Call`].
    Call,
}

impl Alert {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> AlertKind {
        match self {
            Self::Find => AlertKind::Find,
            Self::Message { .. } => AlertKind::Message,
            Self::Call { .. } => AlertKind::Call,
        }
    }
}
