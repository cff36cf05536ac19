//! `account`: what its owner does to it once there is one.

mod addresses;
pub mod cli;
mod end;
mod password;
mod show;

use serde_json::{Map, Value};

use super::client::{Client, Object};
use super::error::Error;
use super::output::{Output, Report};
use cli::{Account, Verb};

/// Does what `account` was asked for, see [`Verb`].
///
/// JSON: `check` answers `findings`, each with `id`, `severity`, `advice`; `addresses` `addresses`, each with `id`, `kind`,
/// `masked`, `verified`, `login`; `forgot` and `add-address` `id` and `pending` as in `status`; `recovery-code`
/// `recovery_code`, `acknowledged`, `shown_again`; `token` `token`, `expires`; `profile` `profile`; the others what became of it.
///
/// Answers the report that is still to be shown.
///
/// # Errors
/// What the warden and belayd say.
pub async fn run(client: &Client, args: &Account, output: Output) -> Result<Option<Report>, Error> {
    let report = match &args.verb {
        Verb::Check => show::check(client, output).await,
        Verb::Profile(args) => show::profile(client, args).await,
        Verb::Addresses => addresses::list(client, output).await,
        Verb::AddAddress(args) => addresses::add(client, args).await,
        Verb::ConfirmAddress(args) => addresses::confirm(client, args).await,
        Verb::RemoveAddress(args) => addresses::remove(client, args).await,
        Verb::SetLogin(args) => addresses::set_login(client, args).await,
        Verb::Password(args) => password::change(client, args).await,
        Verb::RecoveryCode(args) => {
            return password::recovery_code(client, args, output).await.map(|()| None);
        }
        Verb::Forgot(args) => password::forgot(client, args).await,
        Verb::Recover(args) => password::recover(client, args).await,
        Verb::RemoveDevice(args) => end::remove_device(client, args).await,
        Verb::Delete(args) => end::delete(client, args).await,
        Verb::Token(args) => show::token(client, args).await,
        Verb::UnlockBootloader(args) => end::unlock_bootloader(client, args).await,
    };
    report.map(Some)
}

/// What is shown of the account, where the device belongs to one.
///
/// # Errors
/// `NotBound`, `DeviceLost`, and when belayd can't be asked.
async fn shown(client: &Client) -> Result<Map<String, Value>, Error> {
    let shown = client.properties_unless_lost(Object::Account).await?;
    match shown.get("state").and_then(Value::as_str) {
        Some("unbound" | "registering" | "activation-locked") => {
            Err(Error::named("NotBound", "the device isn't bound to an account"))
        }
        _ => Ok(shown),
    }
}
