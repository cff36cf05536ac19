//! The secrets of a ticket, by the names of the contract: all of a purpose's and no other, or none is read.

use std::collections::HashMap;

use belay_proto::dbus::Error;
use belay_proto::dbus::client::{NEW_PASSWORD, OLD_PASSWORD, PASSWORD, RECOVERY_CODE};
use belay_proto::dbus::fd::{ReadSecretError, read_secret};
use belay_proto::steps::Purpose;
use zbus::OwnedFd;

use crate::ceremony::Secrets;
use crate::core::refusal::Refusal;

/// Reads the secrets of `purpose`; descriptors that aren't read are closed.
///
/// # Errors
/// `InvalidArgument` for other names, and for a descriptor that gives no secret.
pub(super) async fn read(purpose: Purpose, given: HashMap<String, OwnedFd>) -> Result<Secrets, Error> {
    match purpose {
        Purpose::ChangePassword => {
            let [old, new] = exactly(given, [OLD_PASSWORD, NEW_PASSWORD])?;
            let (old, new) = both(old, new).await?;
            Ok(Secrets::Change { old, new })
        }
        Purpose::Recover if !given.contains_key(RECOVERY_CODE) => {
            let [new] = exactly(given, [NEW_PASSWORD])?;
            Ok(Secrets::Forgotten(read_secret(new).await?))
        }
        Purpose::Recover => {
            let [new, code] = exactly(given, [NEW_PASSWORD, RECOVERY_CODE])?;
            let (new, code) = both(new, code).await?;
            Ok(Secrets::Recovery { new, code })
        }
        _ => {
            let [password] = exactly(given, [PASSWORD])?;
            Ok(Secrets::Password(read_secret(password).await?))
        }
    }
}

/// Within the time of one.
async fn both(
    one: OwnedFd,
    another: OwnedFd,
) -> Result<(belay_proto::Secret<String>, belay_proto::Secret<String>), ReadSecretError> {
    tokio::try_join!(read_secret(one), read_secret(another))
}

fn exactly<const N: usize>(
    mut given: HashMap<String, OwnedFd>,
    names: [&str; N],
) -> Result<[OwnedFd; N], Refusal> {
    let all: Vec<_> = names.iter().filter_map(|name| given.remove(*name)).collect();
    match <[OwnedFd; N]>::try_from(all) {
        Ok(all) if given.is_empty() => Ok(all),
        _ => Err(Refusal::InvalidArgument(format!(
            "exactly these secrets are needed: {}",
            names.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use belay_proto::Secret;
    use belay_proto::dbus::fd::write_secret;

    use super::*;

    fn given(names: &[&str]) -> HashMap<String, OwnedFd> {
        let fd = |name: &str| OwnedFd::from(write_secret(&Secret::of_text(name)).unwrap());
        names.iter().map(|name| ((*name).to_owned(), fd(name))).collect()
    }

    async fn answer(purpose: Purpose, names: &[&str]) -> Result<Vec<String>, &'static str> {
        let secrets = read(purpose, given(names)).await;
        let texts = secrets.map(|secrets| secrets.each().map(|secret| secret.expose().clone()).collect());
        texts.map_err(|error| error.name_str().rsplit('.').next().unwrap_or_default())
    }

    #[tokio::test]
    async fn each_purpose_takes_its_own_secrets_and_neither_fewer_nor_more() {
        let invalid = Err("InvalidArgument");
        for purpose in Purpose::ALL {
            let names: &[&str] = match purpose {
                Purpose::ChangePassword => &["old", "new"],
                Purpose::Recover => &["new", "recovery-code"],
                _ => &["password"],
            };
            let right = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(answer(purpose, names).await, Ok(right), "{purpose}");
            let surplus = [names, &["more"]].concat();
            assert_eq!(answer(purpose, &surplus).await, invalid, "{purpose}");
            assert_eq!(answer(purpose, &names[1..]).await, invalid, "{purpose}");
            assert_eq!(answer(purpose, &["another", "other"]).await, invalid, "{purpose}");
        }
    }

    #[tokio::test]
    async fn a_recovery_may_do_without_the_code_and_with_nothing_in_its_place() {
        assert_eq!(
            answer(Purpose::Recover, &["new"]).await,
            Ok(vec!["new".to_owned()])
        );
        assert_eq!(
            answer(Purpose::Recover, &["new", "password"]).await,
            Err("InvalidArgument")
        );
    }

    #[tokio::test]
    async fn nothing_is_read_of_secrets_that_are_not_the_purposes() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut secrets = given(&["old"]);
        secrets.insert("newer".to_owned(), reader.into());
        assert!(read(Purpose::ChangePassword, secrets).await.is_err());
        // The reading end is closed.
        assert_eq!(
            rustix::io::write(&writer, b"secret"),
            Err(rustix::io::Errno::PIPE)
        );
    }
}
