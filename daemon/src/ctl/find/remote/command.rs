//! What is signed for a device: commands, and texts for an SMS.

use belay_proto::clock::millis;
use belay_proto::id::CommandId;
use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, Command, CommandEnvelope, DeviceCertificate, Signed, Verb};
use belay_proto::sms::{SmsAction, SmsCommand, low16};

use crate::account::Standing;

/// Who signs.
pub enum Signer<'a> {
    /// The owner.
    Owner(&'a SigningKey),
    /// The owner's delegate, with the certificate that makes it one.
    Delegate(&'a SigningKey, &'a Signed),
}

/// A command for the device of `certificate` as it stands, signed; `now` in ms since the Unix epoch.
pub fn envelope(
    certificate: &DeviceCertificate,
    standing: Option<&Standing>,
    action: Action,
    signer: &Signer<'_>,
    now: u64,
) -> (CommandId, Vec<u8>) {
    let verb = action.verb();
    let issued_at = issued_at(standing, now);
    let command = Command {
        id: CommandId::new(),
        account: certificate.account,
        device: certificate.device,
        epoch: certificate.epoch,
        counter: counter(standing, now),
        issued_at,
        expires_at: Command::default_expiry(verb, issued_at),
        presence: standing.map_or(0, |standing| standing.presence),
        episode: if verb == Verb::Unlock {
            episode(standing)
        } else {
            0
        },
        action,
    };
    let id = command.id;
    let (key, delegate) = match signer {
        Signer::Owner(key) => (key, None),
        Signer::Delegate(key, certificate) => (key, Some((*certificate).clone())),
    };
    let envelope = CommandEnvelope {
        command: Signed::seal(&command, key),
        delegate,
    };
    (id, envelope.encode())
}

/// The text of an SMS that does the same without the cloud, its id, and until when it is good (ms since the Unix epoch).
pub fn sms(
    certificate: &DeviceCertificate,
    standing: Option<&Standing>,
    action: SmsAction,
    owner: &SigningKey,
    now: u64,
) -> (String, CommandId, Option<u64>) {
    let life = action.life().map(millis);
    let void_after = life.map(|life| issued_at(standing, now).saturating_add(life));
    let presence_or_episode = match action {
        SmsAction::Unlock => episode(standing),
        _ => standing.map_or(0, |standing| standing.presence),
    };
    let command = SmsCommand {
        action,
        counter: counter(standing, now),
        epoch: certificate.epoch,
        presence_or_episode: low16(presence_or_episode),
        expiry_minutes: SmsCommand::expiry_of(void_after),
        device_tag: SmsCommand::tag_of(&certificate.device),
    };
    (command.sign(owner), command.id(), command.void_after())
}

/// The device counts from the greatest time it was told, so a clock that is behind it would make a command that is
/// over at once.
fn issued_at(standing: Option<&Standing>, now: u64) -> u64 {
    now.max(standing.map_or(0, |standing| standing.time))
}

fn counter(standing: Option<&Standing>, now: u64) -> u64 {
    now.max(standing.map_or(0, |standing| standing.counter.saturating_add(1)))
}

fn episode(standing: Option<&Standing>) -> u64 {
    standing.map_or(0, |standing| standing.episode)
}

#[cfg(test)]
mod tests {
    use belay_proto::signed::{DelegateCertificate, DelegatedVerbs, Signer as Proved};

    use super::*;
    use crate::account::phone::Phone;

    const NOW: u64 = 1_795_000_000_000;

    fn standing(counter: u64, time: u64) -> Standing {
        Standing {
            sequence: 9,
            presence: 70_003,
            counter,
            episode: 5,
            lock: "lost".into(),
            time,
            find: Some(true),
            signed: Vec::new(),
        }
    }

    fn opened(phone: &Phone, bytes: &[u8]) -> (Command, Proved) {
        CommandEnvelope::decode(bytes)
            .unwrap()
            .open(&phone.owner.public())
            .unwrap()
    }

    #[test]
    fn a_command_is_for_the_device_as_it_stands() {
        let phone = Phone::new();
        let known = standing(NOW + 40, NOW + 50);
        let signer = Signer::Owner(&phone.owner);
        let (id, bytes) = envelope(&phone.certificate, Some(&known), Action::Unlock, &signer, NOW);
        let (command, by) = opened(&phone, &bytes);
        assert_eq!((command.id, by), (id, Proved::Owner));
        assert_eq!(command.counter, NOW + 41, "above what the device has seen");
        assert_eq!(command.issued_at, NOW + 50, "never before the device's own time");
        assert_eq!((command.presence, command.episode), (70_003, 5));
        assert_eq!(command.expires_at, command.issued_at + 7 * 86_400_000);
    }

    #[test]
    fn a_device_that_never_reported_gets_what_the_clock_says() {
        let phone = Phone::new();
        let signer = Signer::Owner(&phone.owner);
        let (_, bytes) = envelope(&phone.certificate, None, Action::Locate, &signer, NOW);
        let (command, _) = opened(&phone, &bytes);
        assert_eq!(
            (
                command.counter,
                command.issued_at,
                command.presence,
                command.episode
            ),
            (NOW, NOW, 0, 0)
        );
    }

    #[test]
    fn a_delegate_signs_with_its_own_key_and_the_owners_word() {
        let phone = Phone::new();
        let key = SigningKey::generate();
        let certificate = DelegateCertificate {
            account: phone.certificate.account,
            key: key.public(),
            actions: DelegatedVerbs::new(vec![Verb::Ring]).unwrap(),
            generation: 1,
            issued_at: 1,
            expires_at: 2,
        };
        let word = Signed::seal(&certificate, &phone.owner);
        let signer = Signer::Delegate(&key, &word);
        let ring = Action::Ring { seconds: 5 };
        let (_, bytes) = envelope(&phone.certificate, None, ring, &signer, NOW);
        assert_eq!(opened(&phone, &bytes).1, Proved::Delegate(certificate));
    }

    #[test]
    fn a_text_fits_one_sms_and_is_for_this_device_for_as_long_as_it_may() {
        let phone = Phone::new();
        let known = standing(3, 0);
        for (action, number, life) in [
            (SmsAction::Unlock, 5, Some(3_600_000)),
            (SmsAction::Lock, low16(70_003), None),
            (SmsAction::Ring, low16(70_003), Some(600_000)),
        ] {
            let (text, id, until) = sms(&phone.certificate, Some(&known), action, &phone.owner, NOW);
            assert_eq!(text.len(), 145);
            let signed = SmsCommand::parse(&text).unwrap();
            let command = signed.open(&phone.owner.public()).unwrap();
            assert_eq!((signed.id(), command.action), (id, action));
            assert_eq!(command.presence_or_episode, number);
            assert_eq!(command.device_tag, SmsCommand::tag_of(&phone.certificate.device));
            assert!(until.is_none() == life.is_none());
            if let (Some(until), Some(life)) = (until, life) {
                assert!(until >= NOW + life && until < NOW + life + 60_000);
            }
        }
    }
}
