//! What a live ticket holds in memory: the secrets that were handed over for it, and what was made of them.

use std::sync::Arc;

use belay_proto::Secret;
use belay_proto::keys::{KdfParameters, Master, RecoveryCode};

use super::Opened;
use crate::core::hold::Renewal;
use crate::core::records::Bound;
use crate::core::refusal::Refusal;

const MOST_DERIVATIONS: u8 = 4;

/// What somebody hands over for a ticket, by the names of the contract.
#[derive(Debug)]
pub enum Secrets {
    /// `password`.
    Password(Secret<String>),
    /// `old` and `new`.
    Change {
        /// The password that holds.
        old: Secret<String>,
        /// The one that is to hold.
        new: Secret<String>,
    },
    /// `new` alone: neither the old one nor the recovery code is known.
    Forgotten(Secret<String>),
    /// `new` and `recovery-code`.
    Recovery {
        /// The password that is to hold.
        new: Secret<String>,
        /// The recovery code, as typed.
        code: Secret<String>,
    },
}

/// What a live ticket holds in memory.
#[derive(Debug)]
pub struct Session {
    password: Option<Arc<Secret<String>>>,
    new_password: Option<Arc<Secret<String>>>,
    code: Option<RecoveryCode>,
    derived: Option<Derived>,
    opened: Option<Opened>,
    /// The binding that `certify` made and `bind` commits.
    pub draft: Option<Box<Bound>>,
    /// What a recovery without the code made, until its hold begins.
    pub renewal: Option<Renewal>,
    derivations: u8,
}

/// The master key for one salt and one set of parameters.
#[derive(Debug)]
pub struct Derived {
    /// The salt.
    pub salt: [u8; 16],
    /// The parameters.
    pub parameters: KdfParameters,
    /// What came of it.
    pub master: Master,
}

impl Secrets {
    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = &Secret<String>> {
        let (one, another) = match self {
            Self::Password(password) | Self::Forgotten(password) => (password, None),
            Self::Change { old, new } => (old, Some(new)),
            Self::Recovery { new, code } => (new, Some(code)),
        };
        std::iter::once(one).chain(another)
    }
}

impl Session {
    /// Begins with the secrets handed over.
    ///
    /// # Errors
    /// [`Refusal::WrongCode`] for what can't be a recovery code: its check symbol shows a slip of the pen.
    pub fn new(secrets: Secrets) -> Result<Self, Refusal> {
        let (password, new_password, code) = match secrets {
            Secrets::Password(password) => (Some(password), None, None),
            Secrets::Change { old, new } => (Some(old), Some(new), None),
            Secrets::Forgotten(new) => (None, Some(new), None),
            Secrets::Recovery { new, code } => {
                let code = RecoveryCode::parse(code.expose()).map_err(|_| Refusal::WrongCode)?;
                (None, Some(new), Some(code))
            }
        };
        Ok(Self {
            password: password.map(Arc::new),
            new_password: new_password.map(Arc::new),
            code,
            derived: None,
            opened: None,
            draft: None,
            renewal: None,
            derivations: 0,
        })
    }

    /// The password that the owner knows.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`]: nobody has told it.
    pub fn password(&self) -> Result<Arc<Secret<String>>, Refusal> {
        self.password.as_ref().map(Arc::clone).ok_or(Refusal::BadTicket)
    }

    /// The password that the owner has chosen.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`]: nobody has chosen one.
    pub fn new_password(&self) -> Result<Arc<Secret<String>>, Refusal> {
        self.new_password
            .as_ref()
            .map(Arc::clone)
            .ok_or(Refusal::BadTicket)
    }

    /// The recovery code.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`]: nobody has told it.
    pub fn code(&self) -> Result<&RecoveryCode, Refusal> {
        self.code.as_ref().ok_or(Refusal::BadTicket)
    }

    /// Whether the master key for these is there already.
    #[must_use]
    pub fn has_derived(&self, salt: &[u8; 16], parameters: &KdfParameters) -> bool {
        self.derived
            .as_ref()
            .is_some_and(|derived| derived.salt == *salt && derived.parameters == *parameters)
    }

    /// Whether another derivation is allowed: belayd can't keep the processor busy with one ticket.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`].
    pub fn admit_derivation(&mut self) -> Result<(), Refusal> {
        if self.derivations >= MOST_DERIVATIONS {
            return Err(Refusal::BadTicket);
        }
        self.derivations += 1;
        Ok(())
    }

    /// Keeps a derivation; what was opened with another one is forgotten.
    pub fn keep(&mut self, salt: [u8; 16], parameters: KdfParameters, master: Master) {
        self.derived = Some(Derived {
            salt,
            parameters,
            master,
        });
        self.opened = None;
        self.draft = None;
    }

    /// The derivation.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`]: the steps weren't taken in order.
    pub fn derived(&self) -> Result<&Derived, Refusal> {
        self.derived.as_ref().ok_or(Refusal::BadTicket)
    }

    /// Keeps a root.
    pub fn keep_root(&mut self, opened: Opened) {
        self.opened = Some(opened);
    }

    /// The root, for the keyring that takes the place of its own.
    ///
    /// # Errors
    /// As [`Session::opened`].
    pub fn opened_mut(&mut self) -> Result<&mut Opened, Refusal> {
        self.opened.as_mut().ok_or(Refusal::BadTicket)
    }

    /// The root.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`]: the steps weren't taken in order.
    pub fn opened(&self) -> Result<&Opened, Refusal> {
        self.opened.as_ref().ok_or(Refusal::BadTicket)
    }
}
