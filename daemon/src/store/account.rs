//! The account's rows, each sealed, and the vault of the cloud client.

mod held;

use belay_proto::id::{DeviceId, Epoch};
use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Sealer, Store, StoreError, accessory, device, meta, release, sync};
use crate::account::{Change, Release, ReleaseKey, Saved};
use crate::cloud::{Tokens, Vault, VaultError};

pub(super) use held::HeldSession;

/// The value that names the release that was last delivered: device and epoch.
const LAST_DELIVERED: &str = "release-delivered";

/// A row of table `account`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Session,
    Registration,
    Proving,
    Locked,
    Commands,
    Tokens,
    DeviceKey,
}

/// The account's part of the store; clones share the database.
#[derive(Clone, Debug)]
pub struct AccountRows {
    store: Store,
}

impl AccountRows {
    /// The rows in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// All that is kept.
    ///
    /// # Errors
    /// [`StoreError`], as in every method here.
    pub async fn load(&self) -> Result<Saved, StoreError> {
        let sealer = self.store.sealer().clone();
        let read = move |connection: &mut Connection| {
            Ok(Saved {
                session: get(connection, &sealer, Part::Session)?,
                registration: get(connection, &sealer, Part::Registration)?,
                proving: get(connection, &sealer, Part::Proving)?,
                locked: get(connection, &sealer, Part::Locked)?,
                releases: waiting(connection)?,
                commands: get(connection, &sealer, Part::Commands)?.unwrap_or_default(),
            })
        };
        self.store.call(read).await
    }

    /// Writes all of `changes`, or none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let sealer = self.store.sealer().clone();
        let forgets = changes.contains(&Change::ForgetData);
        let held = self.store.session.clone();
        let write = move |transaction: &rusqlite::Transaction<'_>| {
            held.forget();
            changes
                .iter()
                .try_for_each(|change| apply(transaction, &sealer, change))
        };
        self.store.transaction(write).await?;
        if forgets {
            self.store.tell_forgotten();
        }
        Ok(())
    }

    /// Keeps the tokens of a new session, in the place of any other's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_tokens(&self, new: Tokens) -> Result<(), StoreError> {
        let (sealer, held) = (self.store.sealer().clone(), self.store.session.clone());
        let work = move |connection: &mut Connection| {
            held.forget();
            put_tokens(connection, &sealer, &new)
        };
        self.store.call(work).await
    }

    /// The release that was offered to the cloud least often.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_release(&self) -> Result<Option<Release>, StoreError> {
        let row = self.store.call(|connection| release::next(connection)).await?;
        Ok(row.map(|row| Release {
            key: ReleaseKey {
                device: DeviceId::from_bytes(row.device),
                epoch: Epoch::from_bytes(row.epoch),
            },
            signed: row.release,
        }))
    }

    /// The release that was last delivered: the warden may still keep it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_delivered(&self) -> Result<Option<ReleaseKey>, StoreError> {
        let bytes = self
            .store
            .call(|connection| meta::get(connection, LAST_DELIVERED))
            .await?;
        Ok(bytes.and_then(|bytes| {
            let (device, epoch) = bytes.split_first_chunk::<16>()?;
            Some(ReleaseKey {
                device: DeviceId::from_bytes(*device),
                epoch: Epoch::try_from(epoch).ok()?,
            })
        }))
    }

    /// Answers after somebody else has put a release into the store.
    pub async fn release_put(&self) {
        self.store.release_put().await;
    }

    /// Counts an offer that was not taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_tried(&self, key: ReleaseKey) -> Result<(), StoreError> {
        let tried = move |connection: &mut Connection| {
            release::tried(connection, key.device.as_bytes(), key.epoch.as_bytes())
        };
        self.store.call(tried).await
    }

    /// The name that the owner gave this device, empty when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn device_name(&self) -> Result<String, StoreError> {
        Ok(self.store.call(|connection| device::load(connection)).await?.name)
    }

    async fn read_tokens(&self) -> Result<Option<Tokens>, StoreError> {
        let sealer = self.store.sealer().clone();
        self.store
            .call(move |connection| tokens(connection, &sealer))
            .await
    }
}

impl Vault for AccountRows {
    fn device_key(&self) -> BoxFuture<'_, Result<SigningKey, VaultError>> {
        let sealer = self.store.sealer().clone();
        let work = move |connection: &mut Connection| device_key(connection, &sealer);
        async move {
            self.store
                .call(work)
                .await
                .map_err(|error| VaultError::new("the device key", error))
        }
        .boxed()
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Option<Tokens>, VaultError>> {
        async move {
            self.read_tokens()
                .await
                .map_err(|error| VaultError::new("the tokens", error))
        }
        .boxed()
    }

    fn session(&self) -> BoxFuture<'_, Result<(SigningKey, Option<Tokens>), VaultError>> {
        let (sealer, held) = (self.store.sealer().clone(), self.store.session.clone());
        let work = move |connection: &mut Connection| {
            let (key, tokens) = (device_key(connection, &sealer)?, tokens(connection, &sealer)?);
            if let Some(tokens) = &tokens {
                held.keep(&key, tokens);
            }
            Ok((key, tokens))
        };
        async move {
            if let Some((key, tokens)) = self.store.session.get() {
                return Ok((key, Some(tokens)));
            }
            let session = self.store.call(work).await;
            session.map_err(|error| VaultError::new("the session", error))
        }
        .boxed()
    }

    fn rotate<'a>(&'a self, old: &'a Secret<String>, new: Tokens) -> BoxFuture<'a, Result<bool, VaultError>> {
        let (sealer, session) = (self.store.sealer().clone(), self.store.session.clone());
        let old = Secret::of_text(old.expose());
        let work = move |transaction: &rusqlite::Transaction<'_>| {
            session.forget();
            let held = tokens(transaction, &sealer)?;
            if held.is_none_or(|held| held.refresh.expose() != old.expose()) {
                return Ok(false);
            }
            put_tokens(transaction, &sealer, &new)?;
            Ok(true)
        };
        async move {
            self.store
                .transaction(work)
                .await
                .map_err(|error| VaultError::new("the tokens", error))
        }
        .boxed()
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Registration => "registration",
            Self::Proving => "proving",
            Self::Locked => "locked",
            Self::Commands => "commands",
            Self::Tokens => "tokens",
            Self::DeviceKey => "device-key",
        }
    }

    /// What the sealed value is bound to.
    fn place(self) -> String {
        format!("account/{}", self.name())
    }
}

fn apply(connection: &Connection, sealer: &Sealer, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Session(session) => put(connection, sealer, Part::Session, session.as_ref()),
        Change::Registration(registration) => {
            put(connection, sealer, Part::Registration, registration.as_ref())
        }
        Change::ForgetRegistration => remove(connection, Part::Registration),
        Change::Proving(Some(proving)) => put(connection, sealer, Part::Proving, proving.as_ref()),
        Change::Proving(None) => remove(connection, Part::Proving),
        Change::Locked(Some(locked)) => put(connection, sealer, Part::Locked, locked),
        Change::Locked(None) => remove(connection, Part::Locked),
        Change::ForgetAccount => [Part::Session, Part::Tokens, Part::Commands]
            .into_iter()
            .try_for_each(|part| remove(connection, part))
            .and_then(|()| accessory::forget_keys(connection)),
        Change::PushAgain => sync::push_again(connection),
        Change::ForgetData => accessory::forget_data(connection).and_then(|()| sync::forget(connection)),
        Change::Commands(sent) => put(connection, sealer, Part::Commands, sent),
        Change::ForgetDeviceKey => remove(connection, Part::DeviceKey),
        Change::AddRelease(added) => release::put(
            connection,
            added.key.device.as_bytes(),
            added.key.epoch.as_bytes(),
            &added.signed,
        ),
        Change::DropRelease(key) => {
            let (device, epoch) = (key.device.as_bytes(), key.epoch.as_bytes());
            release::delivered(connection, device, epoch)?;
            meta::set(connection, LAST_DELIVERED, &[*device, *epoch].concat())
        }
    }
}

fn waiting(connection: &Connection) -> Result<Vec<ReleaseKey>, StoreError> {
    let mut statement = connection.prepare("SELECT device, epoch FROM release_outbox")?;
    let rows = statement.query_map([], |row| {
        let (device, epoch) = (row.get::<_, [u8; 16]>(0)?, row.get::<_, [u8; 16]>(1)?);
        Ok(ReleaseKey {
            device: DeviceId::from_bytes(device),
            epoch: Epoch::from_bytes(epoch),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The device key, made and stored at the first call.
fn device_key(connection: &Connection, sealer: &Sealer) -> Result<SigningKey, StoreError> {
    if let Some(seed) = open(connection, sealer, Part::DeviceKey)? {
        let seed = <[u8; 32]>::try_from(seed.expose().as_slice())
            .map_err(|_| StoreError::Malformed { what: "device key" })?;
        return Ok(SigningKey::from_seed(&Secret::new(seed)));
    }
    let key = SigningKey::generate();
    write(connection, sealer, Part::DeviceKey, key.seed().expose())?;
    Ok(key)
}

/// Two texts, one after the other: four bytes of the first one's length, then both.
fn put_tokens(connection: &Connection, sealer: &Sealer, tokens: &Tokens) -> Result<(), StoreError> {
    let (access, refresh) = (
        tokens.access.expose().as_bytes(),
        tokens.refresh.expose().as_bytes(),
    );
    let length = u32::try_from(access.len()).map_err(|_| StoreError::Malformed { what: "tokens" })?;
    let bytes = Zeroizing::new([&length.to_be_bytes()[..], access, refresh].concat());
    write(connection, sealer, Part::Tokens, &bytes)
}

fn tokens(connection: &Connection, sealer: &Sealer) -> Result<Option<Tokens>, StoreError> {
    let Some(bytes) = open(connection, sealer, Part::Tokens)? else {
        return Ok(None);
    };
    let split = || {
        let (length, rest) = bytes.expose().split_first_chunk::<4>()?;
        let (access, refresh) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Secret::of_text);
        Some(Tokens {
            access: text(access)?,
            refresh: text(refresh)?,
        })
    };
    split().map(Some).ok_or(StoreError::Malformed { what: "tokens" })
}

fn put<T: Serialize>(
    connection: &Connection,
    sealer: &Sealer,
    part: Part,
    value: &T,
) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(value).map_err(|_| StoreError::Malformed { what: part.name() })?;
    write(connection, sealer, part, &Zeroizing::new(bytes))
}

fn get<T: DeserializeOwned>(
    connection: &Connection,
    sealer: &Sealer,
    part: Part,
) -> Result<Option<T>, StoreError> {
    open(connection, sealer, part)?
        .map(|bytes| {
            serde_json::from_slice(bytes.expose()).map_err(|_| StoreError::Malformed { what: part.name() })
        })
        .transpose()
}

fn write(connection: &Connection, sealer: &Sealer, part: Part, plaintext: &[u8]) -> Result<(), StoreError> {
    let sealed = sealer.seal(&part.place(), plaintext);
    let sql =
        "INSERT INTO account (part, sealed) VALUES (?1, ?2) ON CONFLICT (part) DO UPDATE SET sealed = ?2";
    connection.execute(sql, params![part.name(), sealed])?;
    Ok(())
}

fn open(connection: &Connection, sealer: &Sealer, part: Part) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
    // Each call to the cloud asks.
    let sealed = connection
        .prepare_cached("SELECT sealed FROM account WHERE part = ?1")?
        .query_row([part.name()], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    sealed
        .map(|sealed| sealer.open(&part.place(), &sealed))
        .transpose()
}

fn remove(connection: &Connection, part: Part) -> Result<(), StoreError> {
    connection.execute("DELETE FROM account WHERE part = ?1", [part.name()])?;
    Ok(())
}

#[cfg(test)]
mod tests;
