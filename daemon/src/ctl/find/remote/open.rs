//! From a password to the account's keys, in this process alone.

use belay_proto::keys::{KdfParameters, Master, PublicKey, Root, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{CredentialsRecord, Keyring, LoginStatement, Signed};

use crate::account::{Login, LoginChallenge};
use crate::ctl::error::Error;

/// What a password opened. It goes with this process.
pub struct Opened {
    /// The account's root.
    pub root: Root,
    /// The credentials' generation: what a delegate's certificate is good for.
    pub generation: u64,
}

impl Opened {
    /// The owner's key.
    pub fn owner_key(&self) -> SigningKey {
        self.root.owner_key()
    }

    /// Its public half.
    pub fn owner(&self) -> PublicKey {
        self.root.owner_key().public()
    }
}

/// Derives what the password is good for, on a thread of its own.
///
/// # Errors
/// `CloudRefused` for parameters that would make the password easy to guess or exhaust this computer.
pub async fn derive(
    password: Secret<String>,
    salt: [u8; 16],
    parameters: KdfParameters,
) -> Result<Master, Error> {
    parameters
        .check(None)
        .map_err(|refused| lies(&format!("the parameters of the password are {refused}")))?;
    let work = tokio::task::spawn_blocking(move || Master::derive(&password, &salt, &parameters));
    match work.await {
        Ok(Ok(master)) => Ok(master),
        Ok(Err(_)) | Err(_) => Err(Error::named(
            "NoMemory",
            "this computer can't derive the key: not enough memory",
        )),
    }
}

/// The statement that opens a session, signed. It names the cloud as it was typed, so whoever stands between can't
/// pass it on.
pub fn statement(
    master: &Master,
    cloud: &str,
    identifier: &str,
    challenge: &LoginChallenge,
    device: &PublicKey,
    action: &str,
) -> belay_proto::keys::Signature {
    LoginStatement {
        origin: LoginStatement::origin_of(cloud),
        identifier: identifier.to_owned(),
        nonce: challenge.nonce.clone(),
        action: action.to_owned(),
        thumbprint: device.thumbprint(),
    }
    .sign(&master.login_key())
}

/// Opens and judges what the cloud keeps for the account: it has to fit the password and itself.
///
/// # Errors
/// `CloudRefused` with what doesn't fit.
pub fn open(master: &Master, challenge: &LoginChallenge, login: &Login) -> Result<Opened, Error> {
    let signed = Signed::decode(&login.credentials).map_err(|_| lies("its record is malformed"))?;
    let claimed: CredentialsRecord = signed
        .peek_unverified()
        .map_err(|_| lies("its record is malformed"))?;
    let root = Root::unwrap(
        &master.wrap_key(&login.share),
        &claimed.account,
        claimed.generation,
        &claimed.wrapped_root,
    )
    .map_err(|_| lies("the account doesn't open"))?;
    let owner = root.owner_key().public();
    let record: CredentialsRecord = signed
        .open(&owner)
        .map_err(|_| lies("its record isn't the owner's"))?;
    let fits = record.salt == challenge.salt
        && record.parameters == challenge.parameters
        && record.login == master.login_key().public()
        && record.verify_digest == master.verify_digest()
        && record.account == login.account
        && owner == login.owner;
    if !fits {
        return Err(lies("its record doesn't fit the password"));
    }
    Keyring::open(&root, &record.account, record.generation, &login.keyring)
        .map_err(|_| lies("its keyring doesn't open"))?;
    Ok(Opened {
        root,
        generation: record.generation,
    })
}

fn lies(why: &str) -> Error {
    Error::named("CloudRefused", &format!("the cloud's answer isn't sound: {why}"))
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
