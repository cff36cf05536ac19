//! Each JSON answer of the cloud, and its refusals, as belayd reads them.

#![no_main]

use std::fmt::Debug;

use belay_proto::wire::{
    AccessoriesAnswer, AccountAnswer, AddedDevice, BootloaderAnswer, ChallengeAnswer, CommandLife,
    CommandsAnswer, ConfigAnswer, CreatedAccount, CredentialsAnswer, DelegatesAnswer, DeviceAnswer,
    DevicesAnswer, HardwareAnswer, Hint, HoldAnswer, IdentifierAnswer, LoginAnswer, LoginChallengeAnswer,
    OpenedVerification, Problem, QueueAnswer, RecoveryAnswer, ReportsAnswer, ServiceTokenAnswer,
    SuccessionAnswer, TicketAnswer, TokenAnswer, VerificationAnswer, Waits, from_repr_digest,
};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whatever is read is written and read again as itself; it can be told in a log.
fn answer<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let _told = format!("{read:?}");
    let written = serde_json::to_vec(&read).unwrap_or_default();
    let again = serde_json::from_slice::<T>(&written).ok();
    let again = again.and_then(|again| serde_json::to_vec(&again).ok());
    assert_eq!(again, Some(written));
}

fuzz_target!(|data: &[u8]| {
    answer::<AccessoriesAnswer>(data);
    answer::<AccountAnswer>(data);
    answer::<AddedDevice>(data);
    answer::<BootloaderAnswer>(data);
    answer::<ChallengeAnswer>(data);
    answer::<CommandLife>(data);
    answer::<CommandsAnswer>(data);
    answer::<ConfigAnswer>(data);
    answer::<CreatedAccount>(data);
    answer::<CredentialsAnswer>(data);
    answer::<DelegatesAnswer>(data);
    answer::<DeviceAnswer>(data);
    answer::<DevicesAnswer>(data);
    answer::<HardwareAnswer>(data);
    answer::<HoldAnswer>(data);
    answer::<IdentifierAnswer>(data);
    answer::<LoginAnswer>(data);
    answer::<LoginChallengeAnswer>(data);
    answer::<OpenedVerification>(data);
    answer::<Problem>(data);
    answer::<QueueAnswer>(data);
    answer::<RecoveryAnswer>(data);
    answer::<ReportsAnswer>(data);
    answer::<ServiceTokenAnswer>(data);
    answer::<SuccessionAnswer>(data);
    answer::<TicketAnswer>(data);
    answer::<TokenAnswer>(data);
    answer::<VerificationAnswer>(data);
    answer::<Waits>(data);
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(hint) = text.parse::<Hint>() {
            assert_eq!(hint.to_string(), text);
        }
        let _digest = from_repr_digest(text);
    }
});
