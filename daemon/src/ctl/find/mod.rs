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

pub use report::{geo_uri, position_words, source_words};

use super::cli::Global;
use super::client::Client;
use super::error::Error;
use super::interrupt::{Underway, or_interrupted};
use super::output::{Output, Report};
use super::text::printable;

/// Does what `find` was asked for, see [`cli::Verb`].
///
/// JSON: `list` answers `devices`; `status` what is known of one; `sms` the `text`; every other verb `id`, `device`,
/// `name`, `model`, `action`, `state`, `reason` and `life`, what was seen to happen; `locate` from another computer also
/// `reports`; from another computer also `warnings`, what isn't as it should be. One that ends badly is an error:
/// `CommandRefused`, `CommandFailed`, `CommandExpired`, `CommandForgotten`, `AnswerLost`, `Interrupted`.
///
/// # Errors
/// What daemon, cloud and device say.
pub async fn run(args: &cli::Find, global: Global, output: Output) -> Result<Option<Report>, Error> {
    // What can't be is said before anybody is asked for a password.
    let action = args.verb.action()?;
    if args.by.cloud.is_some() || args.by.remembered.is_some() {
        return remote::run(args, action, output).await.map(Some);
    }
    if let cli::Verb::Sms(sms) = &args.verb {
        return Err(Error::Usage(elsewhere(sms)));
    }
    let underway = Underway::shown("belayctl find status shows what becomes of it.");
    let work = async {
        let client = Client::connect(global.session, &underway).await?;
        let outcome = bus::run(&client, args, action, &underway, output).await;
        super::judged(&client, outcome).await
    };
    or_interrupted(&underway, work).await.map(Some)
}

/// What to do for a text: the owner's key isn't on a device but for the moment in which the password is proved, and its
/// warden signs no texts with it.
fn elsewhere(sms: &cli::Sms) -> String {
    let (device, action) = (printable(&sms.device.device), sms.action.name());
    let (verb, more) = match sms.action {
        cli::SmsVerb::Ring | cli::SmsVerb::Stop => (action, ", without the password"),
        _ => (action, ""),
    };
    format!(
        "A text is signed with the account's own key, which this device doesn't keep. From any computer, also this one:\n  \
         belayctl find sms {device} {action} --cloud https://CLOUD --login IDENTIFIER\n\
         CLOUD is what `belayd --print-config` shows as url under [cloud]. Over the internet this device can do it itself{more}:\n  \
         belayctl find {verb} {device}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_without_a_cloud_is_answered_with_what_to_do_instead() {
        for action in [cli::SmsVerb::Lock, cli::SmsVerb::Ring] {
            let device = cli::Device {
                device: "Pocket\u{1b}".into(),
            };
            let verb = cli::Verb::Sms(cli::Sms { device, action });
            let args = cli::Find {
                by: cli::By::default(),
                verb,
            };
            // No bus is needed to know it.
            let error = run(&args, Global::default(), Output::new(Global::default()))
                .await
                .unwrap_err();
            assert_eq!(error.exit_code(), 64);
            let (words, name) = (error.words(), action.name());
            assert!(
                words.contains(&format!("belayctl find sms Pocket? {name} --cloud")),
                "{words}"
            );
            assert!(
                words.ends_with(&format!("belayctl find {name} Pocket?")),
                "{words}"
            );
            assert_eq!(
                words.contains("without the password"),
                action == cli::SmsVerb::Ring
            );
        }
    }
}
