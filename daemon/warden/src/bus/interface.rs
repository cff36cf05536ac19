//! The interface `org.belay1.Warden`: authorise, parse, ask the actor, name the error.

use std::collections::HashMap;
use std::sync::Arc;

use belay_proto::cbor::MAX_BYTES;
use belay_proto::clock::{Clock, millis};
use belay_proto::dbus::fd::{read_secret, write_secret};
use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::keys::RecoveryClaim;
use belay_proto::steps::TICK;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedFd, OwnedVariant, Variant};

use super::identity;
use super::judges::Judges;
use super::peers::Peers;
use super::secrets;
use crate::ceremony::Hardware;
use crate::core::password;
use crate::core::refusal::Refusal;
use crate::core::registration::CodeRequest;
use crate::core::tickets::parse_purpose;
use crate::device::assurance::Assurance;
use crate::disk::audit_log::Entry;
use crate::handle::{Handle, Snapshot};
use crate::moment::Moment;

/// A subject is a login identifier at most: RFC 5321's 254 and some room.
const LONGEST_SUBJECT: usize = 320;

type Details = HashMap<String, OwnedVariant>;

/// The object at `/org/belay1/warden`.
pub struct WardenInterface {
    handle: Handle,
    peers: Peers,
    clock: Arc<dyn Clock>,
    hardware: Hardware,
    assurance: Assurance,
    judges: Judges,
}

impl WardenInterface {
    /// Over the actor.
    #[must_use]
    pub fn new(
        handle: Handle,
        peers: Peers,
        clock: Arc<dyn Clock>,
        hardware: Hardware,
        assurance: Assurance,
    ) -> Self {
        Self {
            handle,
            peers,
            clock,
            hardware,
            assurance,
            judges: Judges::default(),
        }
    }

    /// Emits what has changed between two snapshots.
    ///
    /// # Errors
    /// The bus is gone.
    pub async fn announce(&self, before: &Snapshot, emitter: &SignalEmitter<'_>) -> zbus::Result<()> {
        let now = self.handle.snapshot();
        // What `Identity` says has no signal of its own: whoever watches the binding asks again.
        if now.binding != before.binding || now.bound != before.bound {
            self.binding_state_changed(emitter).await?;
        }
        // A sign of life for belayd, which then asks for what has no signal: commands, outcomes, policies.
        if now.stirred(before) {
            self.lock_state_changed(emitter).await?;
        }
        if now.counter.tries_left() != before.counter.tries_left() {
            self.tries_left_changed(emitter).await?;
        }
        Ok(())
    }

    fn initialised(&self) -> Result<Snapshot, Error> {
        let snapshot = self.handle.snapshot();
        match snapshot.binding {
            BindingState::Unknown if snapshot.lock == LockState::Unknown => {
                Err(Error::Storage("this warden was never initialised".to_owned()))
            }
            _ => Ok(snapshot),
        }
    }
}

#[zbus::interface(name = "org.belay1.Warden")]
impl WardenInterface {
    /// Hands secrets to the warden for one purpose and subject; answers a ticket that lives 60 s.
    #[zbus(out_args("ticket"))]
    async fn present(
        &self,
        purpose: &str,
        subject: &str,
        secrets: HashMap<String, OwnedFd>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let guest = self.peers.presenter(connection, &header).await?;
        self.initialised()?;
        let purpose = parse_purpose(purpose)?;
        if subject.len() > LONGEST_SUBJECT {
            return Err(Error::InvalidArgument("the subject is too long".to_owned()));
        }
        let secrets = secrets::read(purpose, secrets).await?;
        let ticket = self
            .handle
            .present(purpose, subject.to_owned(), guest.presenter, secrets)
            .await?;
        Ok(ticket.to_string())
    }

    /// How strong a new password is, from 0 to 4, as advice; below 3 it wouldn't be accepted.
    #[zbus(out_args("score"))]
    async fn check(
        &self,
        password: OwnedFd,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u8, Error> {
        let _guest = self.peers.presenter(connection, &header).await?;
        let shown = self.initialised()?;
        if matches!(shown.lock, LockState::Lost | LockState::Wiping) {
            return Err(Refusal::DeviceLost.into());
        }
        let login = shown.bound.map(|bound| bound.login).unwrap_or_default();
        let password = read_secret(password).await?;
        let score = move || password::score(&password, &login);
        Ok(self.judges.judge(score).await?)
    }

    /// Ends lost mode with the password.
    async fn unlock(
        &self,
        password: OwnedFd,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let guest = self.peers.presenter(connection, &header).await?;
        self.initialised()?;
        let password = read_secret(password).await?;
        Ok(self.handle.unlock(guest.presenter, password).await?)
    }

    /// belayd and root only: what this device is, and whose.
    #[zbus(out_args("identity"))]
    async fn identity(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Details, Error> {
        self.peers.insider(connection, &header).await?;
        let shown = self.initialised()?;
        details(identity::entries(&shown, &self.hardware, &self.assurance)?)
    }

    /// belayd only: offers a credentials record; true when it replaced the one known here.
    #[zbus(out_args("taken"))]
    async fn credentials(
        &self,
        record: Vec<u8>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<bool, Error> {
        self.peers.belayd(connection, &header).await?;
        fits(&[record.len()])?;
        Ok(self.handle.credentials(record).await?)
    }

    /// belayd only: walks one step of a ticket's purpose.
    #[zbus(name = "Use", out_args("output"))]
    async fn use_ticket(
        &self,
        ticket: String,
        step: String,
        input: Vec<u8>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<u8>, Error> {
        // The watch, which is root's, wakes the warden too.
        if step == TICK && ticket.is_empty() {
            self.peers.belayd_or_root(connection, &header).await?;
        } else {
            self.peers.belayd(connection, &header).await?;
        }
        fits(&[ticket.len(), step.len(), input.len()])?;
        Ok(self.handle.use_ticket(ticket, step, input).await?)
    }

    /// belayd and root: judges an owner's command, and begins to carry it out.
    #[zbus(out_args("disposition"))]
    async fn command(
        &self,
        envelope: Vec<u8>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<&'static str, Error> {
        self.peers.belayd_or_root(connection, &header).await?;
        // Too much to be a command is judged as one all the same, without being kept in the queue.
        let envelope = if fits(&[envelope.len()]).is_ok() {
            envelope
        } else {
            Vec::new()
        };
        Ok(self.handle.command(envelope).await?.as_str())
    }

    /// belayd and root: the cloud was heard of just now.
    async fn beat(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.peers.belayd_or_root(connection, &header).await?;
        Ok(self.handle.beat().await?)
    }

    /// belayd and root: locks the device.
    async fn tighten(
        &self,
        reason: String,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.peers.belayd_or_root(connection, &header).await?;
        fits(&[reason.len()])?;
        Ok(self.handle.tighten(reason).await?)
    }

    /// The recovery code of a fresh registration, for the claim that came with its confirmation. Never for
    /// belayd, which held the claim.
    #[zbus(out_args("recovery_code"))]
    async fn recovery_code(
        &self,
        claim: OwnedFd,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let guest = self.peers.person(connection, &header).await?;
        self.initialised()?;
        let claim = RecoveryClaim::parse(&read_secret(claim).await?)
            .map_err(|_| Error::InvalidArgument("a claim has 32 hexadecimal digits".to_owned()))?;
        let presenter = guest.presenter;
        let code = self
            .handle
            .recovery_code(CodeRequest { claim, presenter })
            .await?;
        write_secret(&code)
            .map(OwnedFd::from)
            .map_err(|error| Error::Storage(error.to_string()))
    }

    /// belayd only: the audit log since a point in time.
    #[zbus(out_args("entries"))]
    async fn history(
        &self,
        since: u64,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<Details>, Error> {
        self.peers.belayd(connection, &header).await?;
        let entries = self.handle.history(since).await?;
        entries.into_iter().map(entry_details).collect()
    }

    /// Whose device this is.
    #[zbus(property)]
    fn binding_state(&self) -> Result<&'static str, Error> {
        Ok(self.initialised()?.binding.as_str())
    }

    /// Lost or not.
    #[zbus(property)]
    fn lock_state(&self) -> Result<&'static str, Error> {
        Ok(self.initialised()?.lock.as_str())
    }

    /// How long until another password is looked at, in ms.
    #[zbus(property(emits_changed_signal = "false"))]
    fn retry_after(&self) -> Result<u64, Error> {
        let now = Moment::now(self.clock.as_ref());
        Ok(millis(self.initialised()?.counter.wait_left(&now)))
    }

    /// How long until a recovery without the code takes hold, in ms of boot time; 0: none is waited out. It isn't 0 before the pin
    /// has moved, which may be a moment after the time is over, or as long as a password is compared.
    #[zbus(property(emits_changed_signal = "false"))]
    fn hold_left(&self) -> Result<u64, Error> {
        let now = Moment::now(self.clock.as_ref());
        let hold = self.initialised()?.hold;
        Ok(hold.map_or(0, |hold| millis(hold.left(&now)).max(1)))
    }

    /// How many wrong passwords are left before the next wait, once `RetryAfter` is 0.
    #[zbus(property)]
    fn tries_left(&self) -> Result<u32, Error> {
        Ok(self.initialised()?.counter.tries_left())
    }
}

/// What waits in the queue takes no more memory than the largest value that would be read.
fn fits(lengths: &[usize]) -> Result<(), Error> {
    if lengths.iter().sum::<usize>() > MAX_BYTES {
        return Err(Error::InvalidArgument("over 64 KiB".to_owned()));
    }
    Ok(())
}

fn entry_details(entry: Entry) -> Result<Details, Error> {
    details(vec![
        ("time", Variant::from(entry.time)),
        ("boot-time", Variant::from(entry.boot_time_ms)),
        ("event", Variant::from(entry.event)),
        ("actor", Variant::from(entry.actor)),
        ("detail", Variant::from(entry.detail)),
        ("hash", Variant::from(entry.hash)),
    ])
}

fn details(entries: Vec<(&str, Variant<'_>)>) -> Result<Details, Error> {
    entries
        .into_iter()
        .map(|(key, value)| Ok((key.to_owned(), OwnedVariant::try_from(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, fits};

    #[test]
    fn what_could_never_be_read_is_not_queued() {
        assert!(fits(&[32, 15, MAX_BYTES - 47]).is_ok());
        assert!(fits(&[32, 15, MAX_BYTES - 46]).is_err());
    }
}
