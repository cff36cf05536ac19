//! Bodies of the sync calls in MessagePack, as they come to the cloud and to a device.

#![no_main]

use std::fmt::Debug;
use std::io::Cursor;

use belay_proto::wire::{ChangesAnswer, MissingAnswer, MissingRequest, PushAnswer, PushRequest};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whatever is read is written and read again as itself.
fn body<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    // As the cloud reads it.
    reader.set_max_depth(16);
    let Ok(read) = T::deserialize(&mut reader) else {
        return;
    };
    let written = rmp_serde::to_vec_named(&read).unwrap_or_default();
    assert_eq!(rmp_serde::from_slice::<T>(&written).ok(), Some(read));
}

fuzz_target!(|data: &[u8]| {
    body::<PushRequest>(data);
    body::<PushAnswer>(data);
    body::<ChangesAnswer>(data);
    body::<MissingRequest>(data);
    body::<MissingAnswer>(data);
});
