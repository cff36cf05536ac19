//! Everything that proves itself by a signature, and the keyring that comes in a box: as anybody may bring it.

#![no_main]

use belay_proto::AccountId;
use belay_proto::Secret;
use belay_proto::keys::{BoxKey, PublicKey, SigningKey};
use belay_proto::signed::{
    AccountOrder, Command, CommandEnvelope, CommandState, CredentialsRecord, Deed, DelegateCertificate,
    DeviceCertificate, HoldEnd, Keyring, LoginStatement, Object, Outcome, Release, ResetAuthorisation,
    Signed, StateReport, Succession,
};
use belay_proto::sms::SmsCommand;
use libfuzzer_sys::fuzz_target;

/// What is read is written as it was, and what a key signed is read under that key and under no other.
fn object<T: Object>(data: &[u8], owner: &PublicKey) {
    if let Ok(signed) = Signed::decode(data) {
        assert!(signed.open::<T>(owner).is_err(), "signed without the key");
    }
    let Ok(read) = T::decode(data) else {
        return;
    };
    let written = read.encode();
    if written != data {
        // A state that this version doesn't know reads as unknown.
        let is_newer = |outcome: Outcome| outcome.state == CommandState::Unknown;
        assert!(
            Outcome::decode(data).is_ok_and(is_newer),
            "it is written otherwise"
        );
        assert_eq!(T::decode(&written).map(|read| read.encode()).ok(), Some(written));
    }
    let key = SigningKey::from_seed(&Secret::new([0x45; 32]));
    let sealed = Signed::seal(&read, &key);
    assert!(sealed.open::<T>(&key.public()).is_ok());
    assert!(sealed.open::<T>(owner).is_err());
}

fuzz_target!(|data: &[u8]| {
    let owner = SigningKey::from_seed(&Secret::new([0x42; 32])).public();
    if let Ok(signed) = Signed::decode(data) {
        assert_eq!(signed.encode(), data);
    }
    object::<AccountOrder>(data, &owner);
    object::<Command>(data, &owner);
    object::<CredentialsRecord>(data, &owner);
    object::<DelegateCertificate>(data, &owner);
    object::<DeviceCertificate>(data, &owner);
    object::<HoldEnd>(data, &owner);
    object::<Keyring>(data, &owner);
    object::<LoginStatement>(data, &owner);
    object::<Outcome>(data, &owner);
    object::<Release>(data, &owner);
    object::<ResetAuthorisation>(data, &owner);
    object::<StateReport>(data, &owner);
    object::<Succession>(data, &owner);
    if let Ok(envelope) = CommandEnvelope::decode(data) {
        assert_eq!(envelope.encode(), data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(deed) = Deed::parse(text) {
            assert_eq!(deed.to_string(), text);
        }
        if let Ok(sms) = SmsCommand::parse(text) {
            assert!(sms.open(&owner).is_err(), "signed without the key");
        }
    }
    let key = BoxKey::from_secret(&Secret::new([0x43; 32]));
    let account = AccountId::from_bytes([0x44; 16]);
    assert!(Keyring::open_boxed(&key, &owner, &account, data).is_err());
});
