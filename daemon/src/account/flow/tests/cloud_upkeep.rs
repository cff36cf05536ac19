//! The calls of a [`MapCloud`] that change an account: each key does its work once, and a record follows the present one.

use std::time::Duration;

use belay_proto::id::DeviceId;
use belay_proto::secret::Secret;
use belay_proto::steps::HOLD_LASTS;
use belay_proto::wire::{
    BootloaderAnswer, CredentialsAnswer, NewCredentialsRequest, ProfileChanges, RecoveryAnswer,
    RemoveDeviceRequest,
};
use futures_util::FutureExt;

use super::CODE;
use super::cloud::{Inner, MapCloud, problem, waits};
use super::warden::generation;
use crate::account::*;
use crate::cloud::CloudError;

impl Inner {
    /// Does `work` for a key that comes the first time; whether the answer arrives.
    fn change(
        &mut self,
        name: &'static str,
        key: &str,
        work: impl FnOnce(&mut Self) -> Result<(), CloudError>,
    ) -> Result<(), CloudError> {
        let change = (name, key.to_owned());
        self.changes.push(change.clone());
        if !self.done.contains(&change) {
            work(self)?;
            self.done.push(change);
        }
        match self.losses.get_mut(name) {
            Some(left) if *left > 0 => {
                *left -= 1;
                if let Some(happens) = self.when_lost.take() {
                    happens(self);
                }
                Err(CloudError::offline("the answer is lost"))
            }
            _ => Ok(()),
        }
    }

    /// The account's record as it is.
    pub fn present(&self) -> Vec<u8> {
        let first = || self.accounts.values().next().unwrap().as_bytes().to_vec();
        self.record.clone().unwrap_or_else(first)
    }

    fn replace(&mut self, asked: &NewCredentialsRequest) -> Result<(), CloudError> {
        if generation(&asked.credentials) != generation(&self.present()) + 1 {
            return Err(problem(409, "generation-conflict"));
        }
        self.record = Some(asked.credentials.0.clone());
        Ok(())
    }
}

fn address() -> Identifier {
    Identifier {
        id: "a2".into(),
        kind: "email".into(),
        masked: "a•••@e•••.com".into(),
        verified: true,
    }
}

impl Upkeep for MapCloud {
    fn set_profile<'a>(&'a self, _: &'a ProfileChanges) -> Reply<'a, ()> {
        self.in_session("profile", |_| Ok(())).boxed()
    }

    fn credentials(&self) -> Reply<'_, CredentialsAnswer> {
        async {
            if !self.with(|inner| inner.tells) {
                return Err(problem(403, "not-bound"));
            }
            let told = self.call("credentials", |inner| {
                let nothing = CredentialsAnswer {
                    credentials: inner.present().into(),
                    keyring: inner.boxed.clone().map(Into::into),
                    deleted: inner.deleted,
                    ..CredentialsAnswer::default()
                };
                Ok(inner.told.clone().unwrap_or(nothing))
            });
            let told = told.await;
            if let Some(happens) = self.with(|inner| inner.while_telling.take()) {
                happens();
            }
            told
        }
        .boxed()
    }

    fn put_credentials<'a>(&'a self, asked: &'a NewCredentialsRequest, key: &'a str) -> Reply<'a, ()> {
        self.in_session("put", move |inner| {
            inner.change("put", key, |inner| inner.replace(asked))
        })
        .boxed()
    }

    fn open_address(&self, _: NewVerification, _: ProofOfWork) -> Reply<'_, OpenedVerification> {
        self.in_session("open-address", |inner| {
            let id = format!("verification-{}", inner.verifications.len());
            inner.verifications.push(id.clone());
            Ok(OpenedVerification {
                id,
                waits: waits(),
                own_sms: None,
            })
        })
        .boxed()
    }

    fn add_address<'a>(&'a self, ticket: &'a str, _: &'a [u8], key: &'a str) -> Reply<'a, Identifier> {
        self.in_session("add", move |inner| {
            assert!(ticket.starts_with("ticket-"), "{ticket}");
            inner.change("add", key, |_| Ok(()))?;
            Ok(address())
        })
        .boxed()
    }

    fn remove_address<'a>(&'a self, _: &'a str, _: &'a [u8], key: &'a str) -> Reply<'a, ()> {
        self.in_session("remove-address", move |inner| {
            inner.change("remove-address", key, |_| Ok(()))
        })
        .boxed()
    }

    fn set_login<'a>(&'a self, _: &'a [u8], key: &'a str) -> Reply<'a, ()> {
        self.in_session("set-login", move |inner| {
            inner.change("set-login", key, |_| Ok(()))
        })
        .boxed()
    }

    fn remove_device<'a>(
        &'a self,
        _: DeviceId,
        asked: &'a RemoveDeviceRequest,
        key: &'a str,
    ) -> Reply<'a, ()> {
        self.in_session("remove", move |inner| {
            assert_eq!(asked.replaces.0, belay_proto::keys::sha256(b"keyring"));
            inner.change("remove", key, |inner| {
                let grant = asked.grants.first().and_then(|grant| grant.keyring.clone());
                inner.boxed = grant.map(Into::into);
                Ok(())
            })
        })
        .boxed()
    }

    fn delete_account<'a>(&'a self, _: &'a [u8], key: &'a str) -> Reply<'a, ()> {
        self.in_session("delete", move |inner| {
            inner.change("delete", key, |inner| {
                inner.deleted = true;
                Ok(())
            })
        })
        .boxed()
    }

    fn service_token<'a>(&'a self, _: &'a str) -> Reply<'a, ServiceToken> {
        self.in_session("service", |_| {
            Ok(ServiceToken {
                token: Secret::of_text("a.b.c"),
                expires_in: 600,
            })
        })
        .boxed()
    }

    fn ask_for_unlock<'a>(&'a self, _: &'a [u8], _: &'a str, key: &'a str) -> Reply<'a, BootloaderAnswer> {
        self.in_session("unlock", move |inner| {
            inner.change("unlock", key, |_| Ok(()))?;
            Ok(BootloaderAnswer {
                state: "pending".into(),
                waits_ms: 1,
            })
        })
        .boxed()
    }

    fn unlock_request(&self) -> Reply<'_, BootloaderAnswer> {
        async {
            Ok(BootloaderAnswer {
                state: "none".into(),
                waits_ms: 0,
            })
        }
        .boxed()
    }

    fn open_recovery(&self, _: NewVerification, _: ProofOfWork) -> Reply<'_, OpenedVerification> {
        self.call("open-recovery", |inner| {
            inner.ticket_spent = false;
            let id = format!("recovery-{}", inner.verifications.len());
            inner.verifications.push(id.clone());
            Ok(OpenedVerification {
                id,
                waits: waits(),
                own_sms: None,
            })
        })
        .boxed()
    }

    fn prove_recovery<'a>(&'a self, _: &'a str, code: &'a str, key: &'a str) -> Reply<'a, RecoveryAnswer> {
        self.call("prove-recovery", move |inner| {
            inner.codes.push((code.to_owned(), key.to_owned()));
            if code != CODE {
                return Err(problem(403, "wrong-code"));
            }
            Ok(RecoveryAnswer {
                ticket: Secret::of_text("recovery-ticket").into(),
                account: *inner.accounts.values().next().unwrap(),
                credentials: inner.present().into(),
                keyring: b"keyring".to_vec().into(),
                devices: Vec::new(),
                key_epoch: 0,
                lost: inner.lost.clone(),
            })
        })
        .boxed()
    }

    fn recover<'a>(&'a self, _: &'a str, asked: &'a NewCredentialsRequest, key: &'a str) -> Reply<'a, ()> {
        self.call("recover", move |inner| {
            assert!(asked.ticket.is_some());
            inner.change("recover", key, |inner| {
                if inner.ticket_spent {
                    return Err(problem(403, "bad-ticket"));
                }
                inner.replace(asked)?;
                inner.ticket_spent = true;
                Ok(())
            })
        })
        .boxed()
    }

    fn recover_on_hold<'a>(
        &'a self,
        _: &'a str,
        asked: &'a NewCredentialsRequest,
        key: &'a str,
    ) -> Reply<'a, Duration> {
        self.call("recover-on-hold", move |inner| {
            assert!(asked.ticket.is_some() && asked.owner.is_some());
            inner.change("recover-on-hold", key, |_| Ok(()))?;
            Ok(HOLD_LASTS)
        })
        .boxed()
    }

    fn end_hold<'a>(&'a self, hold: &'a [u8]) -> Reply<'a, ()> {
        self.call("end-hold", move |inner| {
            inner.holds.push(hold.to_vec());
            Ok(())
        })
        .boxed()
    }
}
