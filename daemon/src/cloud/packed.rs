//! Bodies in MessagePack.

use std::io::Cursor;

use belay_proto::wire::MESSAGE_PACK;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;
use crate::cloud::transport::{Answer, Kind, Limits};

/// Bytes of the longest packed answer: a page of changes has about 1 MiB of records, and around them names and ids.
const LARGEST: usize = 2 * 1024 * 1024;
/// How deep an answer may be nested.
const DEEPEST: usize = 16;

impl Call {
    /// The same call with a body in MessagePack.
    ///
    /// # Errors
    /// [`CloudError::Nonsense`] for what can't be written.
    pub(super) fn packing<T: Serialize>(self, body: &T) -> Result<Self, CloudError> {
        let bytes = rmp_serde::to_vec_named(body)
            .map_err(|_| CloudError::Nonsense("a request can't be written".into()))?;
        Ok(self.bringing(MESSAGE_PACK, bytes))
    }

    /// A call with a body in MessagePack for the session, that changes something.
    ///
    /// # Errors
    /// As [`Call::packing`].
    pub(super) fn post_packed<T: Serialize>(path: &str, body: &T) -> Result<Self, CloudError> {
        Self::post(path, Auth::Session, Vec::new()).packing(body)
    }
}

impl CloudClient {
    /// Performs a call and decodes its answer in MessagePack, which may have fields that nobody knows.
    ///
    /// # Errors
    /// See [`CloudError`].
    pub(super) async fn packed<T: DeserializeOwned>(&self, call: Call) -> Result<T, CloudError> {
        let limits = Limits {
            largest: LARGEST,
            ..call.limits
        };
        read(&self.answer(&call.within(limits)).await?)
    }
}

/// Reads one value and nothing after it.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, CloudError> {
    let nonsense = |why: &str| CloudError::Nonsense(why.into());
    if answer.kind != Kind::Packed {
        return Err(nonsense("the answer isn't MessagePack"));
    }
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(answer.body.as_slice()));
    reader.set_max_depth(DEEPEST);
    // What is wrong isn't quoted: it may hold ids.
    let value = T::deserialize(&mut reader).map_err(|_| nonsense("the answer can't be read"))?;
    match reader.position() == answer.body.len() as u64 {
        true => Ok(value),
        false => Err(nonsense("there is more than the answer")),
    }
}
