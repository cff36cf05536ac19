//! `belayctl`, the command-line face of Belay: one file a noun.
//!
//! Each command is a method of `org.belay1` (its D-Bus XML lies in `proto/dbus`). Passwords are asked for without echo,
//! or read from `--password-file`, and go to the warden alone, in a file descriptor.
//!
//! With `--json` a command answers one object whose fields each command's `run` names; a failure answers
//! `{"error": {"name", "message", "advice", "exit_code", "retry_after_ms"?, "tries_left"?}}`, with the command's own fields
//! in it, or beside it where part of it was done. Fields are added, never
//! changed. Exit codes: [`advice::exit`]; which error gives which: [`advice::of`].

mod accessory;
mod account;
pub mod advice;
mod cli;
mod client;
mod device;
mod error;
mod find;
mod here;
mod history;
mod interrupt;
mod monitor;
mod output;
mod policy;
mod qr;
mod registration;
mod release;
mod secret;
mod session;
mod shell;
mod status;
mod sync;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Cli, Command, Global};
use client::{Client, Object};
use error::Error;
use interrupt::{Underway, or_interrupted};
use output::{Output, Report};
use serde_json::Value;

/// Runs `belayctl` with `args` (the program's name first) and returns its exit code (sysexits).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let json = cli::wants_json(&args);
    let cli = match cli::parse(args.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, json),
    };
    let output = Output::new(cli.global);
    let outcome = runtime().and_then(|runtime| {
        let outcome = runtime.block_on(command(&cli, output));
        // Somebody who was asked may have left without an answer: nobody waits for it.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(exit) => ExitCode::from(exit),
        Err(mut error) => {
            if let Error::NoTerminal { instead } = &mut error {
                *instead = cli::answers(args);
            }
            output.fail(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn usage(error: &clap::Error, json: bool) -> ExitCode {
    // Help and the version come this way too, and are no failure.
    if json && error.use_stderr() {
        let error = Error::Usage(error.to_string().trim_end().to_owned());
        Output::new(Global {
            json,
            ..Global::default()
        })
        .fail(&error);
    } else {
        // Nobody is left to be told when even this can't be written.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() {
        advice::exit::USAGE
    } else {
        advice::exit::OK
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("starting"))
}

/// Does and shows it; the exit code.
async fn command(cli: &Cli, output: Output) -> Result<u8, Error> {
    let report = match &cli.command {
        Command::Completions(args) => return shell::completions(args).map(|()| advice::exit::OK),
        Command::Man(args) => return shell::man(args).map(|()| advice::exit::OK),
        Command::Find(args) => find::run(args, cli.global, output).await?,
        Command::Accessory(args) => Some(accessory::run(args, cli.global, output).await?),
        Command::Sync(args) => {
            let underway = Underway::shown("belayctl sync status shows what goes on.");
            let work = async { Ok(Some(sync::run(args, cli.global, output, &underway).await?)) };
            or_interrupted(&underway, work).await?
        }
        command => {
            let underway = Underway::shown(shown_by(command));
            let work = async {
                let client = Client::connect(cli.global.session, &underway).await?;
                let done = judged(&client, dispatch(&client, command, output).await).await;
                done.map_err(|error| told(command, error))
            };
            or_interrupted(&underway, work).await?
        }
    };
    match report {
        Some(report) => output.show(&report).map(|()| report.exit),
        None => Ok(advice::exit::OK),
    }
}

/// What came of a command, with the wait and the tries that are left where the warden judged a password, the wait for a
/// recovery, or what became of the account.
async fn judged<T>(client: &Client, result: Result<T, Error>) -> Result<T, Error> {
    let mut error = match result {
        Err(error) => error,
        done => return done,
    };
    // The warden tells the session's counter; root's tries are on another one.
    if !rustix::process::geteuid().is_root()
        && let Some(refusal) = error.about_password()
        && let Ok(warden) = client.properties(Object::Warden).await
    {
        refusal.retry_after = duration(warden.get("retry_after_ms"));
        let tries = warden.get("tries_left").and_then(Value::as_u64);
        refusal.tries_left = tries.and_then(|tries| tries.try_into().ok());
    }
    if let Some(refusal) = error.without_a_wait("RecoveryOnHold")
        && let Ok(warden) = client.properties(Object::Warden).await
    {
        refusal.retry_after = duration(warden.get("hold_left_ms")).filter(|left| !left.is_zero());
    }
    if error.is_named("ReauthenticationRequired")
        && let Ok(account) = client.properties(Object::Account).await
        && let Error::Refused(refusal) = &mut error
    {
        // No password helps there.
        refusal.advice = match account.get("membership").and_then(Value::as_str) {
            Some("removed") => Some(advice::here::REMOVED),
            Some("account-deleted") => Some(advice::here::DELETED),
            _ => None,
        };
    }
    Err(error)
}

/// The same for who asked for it: what may be done all the same, and how that is seen.
fn told(command: &Command, error: Error) -> Error {
    match may_be_done(command) {
        Some(advice) => error.otherwise_means("Offline", advice),
        None => error,
    }
}

/// Where the cloud may have done what was asked, though its answer didn't come, so that asking again isn't just a second try: how
/// that is seen.
fn may_be_done(command: &Command) -> Option<advice::Advice> {
    match command {
        Command::Confirm(_) | Command::SignIn(_) => Some(advice::account::MAY_BE_DONE),
        Command::Resend(_) => Some(advice::account::MAY_BE_SENT),
        Command::Account(args) => args.verb.may_be_done(),
        _ => None,
    }
}

/// How what becomes of a request is seen by whoever left it, a sentence.
fn shown_by(command: &Command) -> &'static str {
    match command {
        Command::Account(args) => args.verb.shown_by(),
        Command::Policy(_) => "belayctl policy shows what became of it.",
        Command::FindDevice(_) => "belayctl find-device shows what became of it.",
        Command::CheckPassword(_) => "It changes nothing: ask again.",
        // No status says these.
        Command::Reset(args) if !args.release => {
            "A factory reset may be allowed for the next 10 minutes, until a reboot; where its proof is needed, ask again."
        }
        Command::CallOwner => "The modem may dial the owner's number all the same.",
        _ => "belayctl status shows what became of it.",
    }
}

fn duration(milliseconds: Option<&Value>) -> Option<Duration> {
    milliseconds.and_then(Value::as_u64).map(Duration::from_millis)
}

/// Runs the command; the report is still to be shown, where the command didn't show it all itself.
async fn dispatch(client: &Client, command: &Command, output: Output) -> Result<Option<Report>, Error> {
    let report = match command {
        Command::Status => status::run(client, output).await,
        Command::Register(args) => registration::register(client, args).await,
        Command::Confirm(args) => return registration::confirm(client, args, output).await.map(|()| None),
        Command::Acknowledge(args) => registration::acknowledge(client, args).await,
        Command::Resend(args) => registration::resend(client, args).await,
        Command::Cancel(args) => registration::cancel(client, args).await,
        Command::SignIn(args) => session::sign_in(client, args).await,
        Command::SignOut(args) => return session::sign_out(client, args, output).await.map(|()| None),
        Command::Reauthenticate(args) => session::reauthenticate(client, args).await,
        Command::CheckActivation => session::check_activation(client, output).await,
        Command::Account(args) => return account::run(client, args, output).await,
        Command::Devices => device::list(client, output).await,
        Command::Name(args) => device::rename(client, args).await,
        Command::FindDevice(args) => device::find(client, args).await,
        Command::Policy(args) => policy::run(client, args).await,
        Command::Location => here::location(client).await,
        Command::StopRinging => here::stop_ringing(client).await,
        Command::CallOwner => here::call_owner(client).await,
        Command::Unlock(args) => device::unlock(client, args).await,
        Command::Reset(args) => device::reset(client, args).await,
        Command::History(args) => history::run(client, args).await,
        Command::CheckPassword(args) => device::check_password(client, args).await,
        // Have clients of their own: find needs no bus where it asks the cloud itself, a sync takes long.
        Command::Find(_)
        | Command::Accessory(_)
        | Command::Sync(_)
        | Command::Completions(_)
        | Command::Man(_) => return Ok(None),
        Command::Monitor => return monitor::run(client, output).await.map(|()| None),
    };
    report.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_a_request_is_told_the_command_that_shows_what_became_of_it() {
        for (line, words) in [
            ("register ada@example.org", "belayctl status"),
            ("sign-in ada@example.org", "belayctl status"),
            ("name Slate", "belayctl status"),
            ("policy --dry-run yes", "belayctl policy"),
            ("find-device no", "belayctl find-device"),
            ("account profile --name Ada", "belayctl account profile"),
            ("account remove-address 0a", "belayctl account addresses"),
            ("account remove-device Slate", "belayctl devices"),
            ("account recovery-code", "belayctl account recovery-code"),
            ("account delete", "belayctl status"),
            ("reset --release", "belayctl status"),
        ] {
            let args = std::iter::once("belayctl").chain(line.split_whitespace());
            let cli = cli::parse(args.map(OsString::from)).unwrap();
            let said = shown_by(&cli.command);
            assert!(said.starts_with(&format!("{words} shows")), "{line}: {said}");
        }
        for line in ["reset", "call-owner", "check-password"] {
            let cli = cli::parse(["belayctl", line].map(OsString::from)).unwrap();
            let said = shown_by(&cli.command);
            assert!(!said.contains("shows"), "no command shows it: {line}: {said}");
        }
    }

    #[test]
    fn what_may_be_done_all_the_same_is_looked_for_where_it_shows() {
        let said = |line: &str| {
            let args = std::iter::once("belayctl").chain(line.split_whitespace());
            let cli = cli::parse(args.map(OsString::from)).unwrap();
            told(&cli.command, Error::named("Offline", "no network")).words()
        };
        for (line, words) in [
            ("confirm 0123 123456", "look with belayctl status"),
            ("sign-in ada@example.org", "look with belayctl status"),
            ("resend 0123", "look for the message"),
            ("account profile --name Ada", "look with belayctl account profile"),
            ("account password", "try the new one first"),
            ("account recovery-code", "which shows the one that was made"),
            (
                "account recover 0123 ada@example.org",
                "try the new password first",
            ),
            (
                "account recover 0123 ada@example.org --without-code",
                "ask again with that same new password",
            ),
            (
                "account confirm-address 0123",
                "look with belayctl account addresses",
            ),
            (
                "account remove-address 0a",
                "look with belayctl account addresses",
            ),
            ("account set-login 0a", "look with belayctl account addresses"),
            ("account remove-device Slate", "look with belayctl devices"),
            ("account delete", "look with belayctl status"),
            (
                "account unlock-bootloader --reason why",
                "look with belayctl status",
            ),
        ] {
            let said = said(line);
            assert!(
                said.contains("or its answer was lost.\nIt") && said.contains(words),
                "{line}: {said}"
            );
        }
        for line in [
            "status",
            "account profile",
            "account forgot ada@example.org",
            "devices",
        ] {
            assert!(
                said(line).ends_with("\nCheck the network and try again."),
                "{line}"
            );
        }
    }
}
