//! The protocol of 2021: ECDH over B-163, chunks with a header, encryption.

use belay_drivers::huami::v2021::b163;

use super::Check;
use super::vector::{Vector, hex};

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[("huami2021-ecdh", ecdh)];

fn ecdh(vector: &Vector) -> Result<(), String> {
    let size = |_| "not as long as it should be".to_owned();
    let private = vector.input.clone().try_into().map_err(size)?;
    let public = |private| b163::public(private).map_err(|error| error.to_string());
    vector.equal("public", hex(&public(&private)?))?;
    let remote = if vector.param("peer_private").is_some() {
        public(&vector.param_bytes("peer_private")?.try_into().map_err(size)?)?
    } else {
        let remote = vector.param_bytes("remote_public")?;
        remote
            .try_into()
            .map_err(|_| "not as long as it should be".to_owned())?
    };
    vector.equal("peer_public", hex(&remote))?;
    match vector.decoded(b163::shared(&private, &remote))? {
        Some(shared) => vector.equal("shared", hex(&shared)),
        None => Ok(()),
    }
}
