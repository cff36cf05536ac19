//! The owner's new key: the pin moves by the old key's word alone, with everything that hangs on it.

use belay_proto::keys::{BoxPublicKey, sha256};
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, Signed, Succession};

use super::records::Bound;
use super::state::{Answer, Binding, Effect, State, Transition, note};
use crate::disk::copies::Concern;

/// What belayd brings of a succession, each as signed bytes.
#[derive(Clone, Debug)]
pub struct Brought {
    /// The old owner's word.
    pub succession: Vec<u8>,
    /// The credentials record that it names.
    pub credentials: Vec<u8>,
    /// This device's certificate under the new owner key.
    pub certificate: Vec<u8>,
}

/// A succession whose parts prove each other, from the pinned owner on.
struct Proven {
    succession: Succession,
    record: CredentialsRecord,
    report_box: BoxPublicKey,
}

impl State {
    /// Anything that doesn't prove itself is answered `false` and changes nothing.
    pub(super) fn succession_brought(&mut self, brought: &Brought) -> Transition {
        let bound = self.bound()?;
        let Some(proven) = prove(bound, brought) else {
            return Ok(vec![Effect::Answer(Answer::Taken(false))]);
        };
        let mut next = bound.clone();
        next.owner = proven.succession.owner;
        next.report_box = Some(*proven.report_box.as_bytes());
        next.certificate.clone_from(&brought.certificate);
        let mut effects = vec![note(
            "succeeded",
            "belayd",
            format!("generation {}", proven.record.generation),
        )];
        // The new root is under no recovery code: one that waits to be told would open nothing.
        if self.pending.take().is_some() {
            effects.push(Effect::Persist(Concern::Pending));
        }
        self.take_record(next, &proven.record);
        effects.extend(self.end_hold("the owner has a new key"));
        effects.extend(self.leave_no_more());
        effects.extend([
            Effect::Persist(Concern::Binding),
            Effect::Persist(Concern::Throttle),
            Effect::Answer(Answer::Taken(true)),
        ]);
        Ok(effects)
    }

    /// The binding with these credentials. What was proved, delegated or found wrong under the ones before counts no more.
    pub(super) fn take_record(&mut self, mut bound: Bound, record: &CredentialsRecord) {
        let verifier = self.key.verifier(&record.verify_digest);
        if verifier != bound.verifier {
            // How good another password is only the device knows on which it was chosen, until it is typed here.
            let chosen = self.chosen.take();
            let chosen = chosen.filter(|chosen| chosen.verify_digest == record.verify_digest);
            bound.set_strength(chosen.map(|chosen| chosen.strength));
        }
        bound.verifier = verifier;
        bound.salt = record.salt;
        bound.parameters = record.parameters;
        bound.generation = record.generation;
        bound.delegate = None;
        // The account has gone on from here: whatever was waited out was not in vain.
        (bound.left_owner, bound.left_generation) = (None, None);
        self.binding = Binding::Bound(Box::new(bound));
        // They were wrong for another password; one of them may be the new one.
        self.wrong.clear();
        self.tickets.doubt();
    }
}

fn prove(bound: &Bound, brought: &Brought) -> Option<Proven> {
    let succession: Succession = Signed::decode(&brought.succession)
        .ok()?
        .open(&bound.owner)
        .ok()?;
    if succession.account != bound.account || succession.generation <= bound.generation {
        return None;
    }
    if succession.credentials != sha256(&brought.credentials) {
        return None;
    }
    let record: CredentialsRecord = Signed::decode(&brought.credentials)
        .ok()?
        .open(&succession.owner)
        .ok()?;
    let fits = record.account == bound.account
        && record.generation == succession.generation
        && record.parameters.check(Some(&bound.parameters)).is_ok();
    if !fits || !is_certified_again(bound, &succession, &brought.certificate) {
        return None;
    }
    let report_box = BoxPublicKey::try_from(succession.report_box).ok()?;
    Some(Proven {
        succession,
        record,
        report_box,
    })
}

/// Whether the new owner says of this device what the old one said; only the key epoch may rise.
fn is_certified_again(bound: &Bound, succession: &Succession, certificate: &[u8]) -> bool {
    let old = Signed::decode(&bound.certificate)
        .ok()
        .and_then(|signed| signed.open::<DeviceCertificate>(&bound.owner).ok());
    let new = Signed::decode(certificate)
        .ok()
        .and_then(|signed| signed.open::<DeviceCertificate>(&succession.owner).ok());
    let (Some(old), Some(new)) = (old, new) else {
        return false;
    };
    let key_epoch = new.key_epoch;
    key_epoch >= old.key_epoch && new == DeviceCertificate { key_epoch, ..old }
}
