//! `find`: the account's other devices, from this one or from any computer.
//!
//! From a bound device the bus does it: the password goes to this device's warden, which signs for exactly what was
//! asked. With `--cloud` the keys are derived here, in this process alone, and go with it.

mod action;
mod bus;
mod choose;
pub mod cli;
mod confirm;
mod remote;
mod report;
mod words;

use super::cli::Global;
use super::client::Client;
use super::error::Error;
use super::output::{Output, Report};

/// Does what `find` was asked for, see [`cli::Verb`].
///
/// JSON: `list` answers `devices`; `status` what is known of one; `sms` the `text`; every other verb `id`, `device`,
/// `name`, `action`, `state`, `reason` and `life`, what was seen to happen; `locate` from another computer also
/// `reports`. One that ends badly is an error: `CommandRefused`, `CommandFailed`, `CommandExpired`.
///
/// # Errors
/// What daemon, cloud and device say.
pub async fn run(args: &cli::Find, global: Global, output: Output) -> Result<Option<Report>, Error> {
    // What can't be is said before anybody is asked for a password.
    let action = args.verb.action()?;
    if args.by.cloud.is_some() || args.by.remembered.is_some() {
        remote::run(args, action, output).await.map(Some)
    } else {
        let client = Client::connect(global.session).await?;
        super::judged(&client, bus::run(&client, args, action, output).await)
            .await
            .map(Some)
    }
}
