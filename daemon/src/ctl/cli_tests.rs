//! Tests of the arguments.

use super::*;

fn read(line: &str) -> Result<Cli, clap::Error> {
    parse(
        std::iter::once("belayctl")
            .chain(line.split_whitespace())
            .map(OsString::from),
    )
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_begins_with_what_belayctl_is_for() {
    let help = Cli::command().render_long_help().to_string();
    assert!(
        help.starts_with("Binds this device to its owner's account"),
        "{help}"
    );
}

#[test]
fn each_command_of_the_manual_is_understood() {
    for line in [
        "status",
        "register ada@example.org --name Ada --country DE --language de --newsletter --password-file -",
        "register +491701234567 --outgoing-sms",
        "register +491701234567 --sms-out",
        "confirm 0123 123456",
        "confirm 0123 --code-file - --acknowledge",
        "acknowledge 0123",
        "resend 0123",
        "cancel 0123",
        "sign-in ada@example.org --password-file /run/secret",
        "sign-out --keep-data --qr no --release-file r.txt",
        "reauthenticate",
        "reauthenticate --password-file -",
        "check-activation",
        "devices",
        "find list",
        "find lock Pocket --message Hello --phone +491701234567 --password-file -",
        "find unlock Pocket --no-wait",
        "find wipe Pocket --external --keep-esim --yes-wipe Pocket",
        "find ring Pocket --seconds 30",
        "find stop Pocket",
        "find locate Pocket --cloud https://cloud.example.org --login ada@example.org --ca ca.pem",
        "find --cloud https://cloud.example.org --login ada@example.org --remember f list",
        "find --remembered f ring Pocket",
        "find message Pocket Hello",
        "find status Pocket",
        "find cancel Pocket 00000000000000000000000000000000",
        "find sms Pocket locate",
        "accessory list",
        "account check",
        "account profile --name Ada --country DE --language de --newsletter no",
        "account password --new-keys --password-file old --new-password-file new",
        "account recovery-code --qr no --acknowledge",
        "acknowledge",
        "confirm abc 123456 --qr yes",
        "account recover 0123 ada@example.org --code-file - --without-code",
        "account confirm-address 0123 --code-file code",
        "account forgot ada@example.org",
        "account recover 0123 ada@example.org 123456 --recovery-code-file - --new-password-file new",
        "account addresses",
        "account add-address +491701234567",
        "account confirm-address 0123 123456",
        "account remove-address 0a",
        "account set-login 0a --password-file -",
        "account remove-device Pocket",
        "account delete --yes-delete-everything",
        "account token mail",
        "account unlock-bootloader --reason development",
        "completions bash",
        "man share/man/man1",
        "name Pocket",
        "find-device",
        "find-device no --password-file -",
        "location",
        "stop-ringing",
        "call-owner",
        "policy",
        "policy --lock-after-offline 36h --wipe-after-offline off --lock-on-sim-change yes --lock-on-accessory-lost no",
        "policy --recovery-without-code yes --trusted-number +491701234567 --dry-run no --password-file -",
        "policy --trusted-number none",
        "unlock",
        "reset --release",
        "history --since 3d",
        "check-password",
        "monitor",
    ] {
        if let Err(error) = read(line) {
            panic!("{line}: {error}");
        }
    }
}

const README: &str = include_str!("../../../README.md");

/// The words that a shell makes of a line, without its comment.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    for letter in line.chars() {
        match letter {
            '#' if word.is_none() && !is_quoted => break,
            ' ' if !is_quoted => words.extend(word.take()),
            '"' => {
                is_quoted = !is_quoted;
                word = Some(word.unwrap_or_default());
            }
            _ => word = Some(word.unwrap_or_default() + &letter.to_string()),
        }
    }
    words.extend(word);
    words
}

#[test]
fn each_command_that_the_readme_has_somebody_type_is_understood() {
    let here = README.split("export HERE=\"").nth(1).unwrap();
    let here = here.split('"').next().unwrap();
    let (mut is_typed, mut typed) = (false, 0);
    for line in README.lines() {
        is_typed ^= line.starts_with("```");
        if is_typed && line.starts_with("belayctl ") {
            let line = line.replace("$HERE", here);
            if let Err(error) = parse(shell_words(&line).iter().map(OsString::from)) {
                panic!("{line}: {error}");
            }
            typed += 1;
        }
    }
    assert!(typed > 50, "{typed}");
}

/// Whether each command and each option that a text names is there; what else a command takes is left aside.
fn is_there(root: &clap::Command, named: &str) -> bool {
    let mut command = root;
    for word in named.split_whitespace().skip(1) {
        if let Some(long) = word.strip_prefix("--") {
            if !command
                .get_arguments()
                .any(|argument| argument.get_long() == Some(long))
            {
                return false;
            }
        } else if command.has_subcommands() {
            let Some(inner) = command.find_subcommand(word) else {
                return false;
            };
            command = inner;
        }
    }
    true
}

#[test]
fn each_command_that_the_documentation_names_is_there() {
    let mut root = Cli::command();
    root.build();
    assert!(!is_there(&root, "belayctl sync frobnicate") && !is_there(&root, "belayctl sync now --never"));
    let mut texts = vec![README.to_owned()];
    for page in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap() {
        texts.push(std::fs::read_to_string(page.unwrap().path()).unwrap());
    }
    let mut named = 0;
    for text in &texts {
        // What stands between backticks.
        for span in text.split('`').skip(1).step_by(2) {
            if span.starts_with("belayctl ") {
                assert!(is_there(&root, span), "{span}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn json_and_session_stand_before_or_after_the_command() {
    for line in ["--json --session status", "status --json --session"] {
        let cli = read(line).unwrap();
        assert!(cli.global.json && cli.global.session, "{line}");
    }
}

#[test]
fn a_password_is_never_an_argument() {
    for line in [
        "sign-in ada@example.org hunter2",
        "unlock hunter2",
        "unlock --password hunter2",
        "sign-out hunter2",
    ] {
        assert!(read(line).is_err(), "{line}");
    }
    for command in Cli::command().get_subcommands() {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            assert!(
                !matches!(id, "password" | "secret" | "recovery_code"),
                "{}: {id}",
                command.get_name()
            );
        }
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for line in [
        "",
        "frobnicate",
        "register",
        "confirm",
        "confirm 1 2 --code-file -",
        "account recover 0123 ada@example.org 123456 --code-file -",
        "account confirm-address 0123 123456 --code-file -",
        "sign-out --qr maybe",
        "name",
        "find-device off",
        "policy show",
        "policy --dry-run",
        "policy --dry-run maybe",
        "policy --lock-after-offline 3h",
        "policy --wipe-after-offline 30",
        "policy --trusted-number 0170",
        "find",
        "find lock",
        "find ring Pocket --seconds 0",
        "find ring Pocket --seconds 601",
        "find sms Pocket wipe",
        "find list --cloud https://cloud.example.org",
        "find list --login ada@example.org",
        "find list --remember f",
        "find list --remembered f --cloud https://cloud.example.org --login ada@example.org",
        "find list --remembered f --password-file -",
        "location Pocket",
        "call-owner +491701234567",
    ] {
        assert!(read(line).is_err(), "{line}");
    }
}

#[test]
fn what_would_have_answered_a_question_are_the_arguments_that_were_left_out() {
    let missing = |line: &str| answers(line.split_whitespace().map(OsString::from));
    assert_eq!(missing("belayctl unlock"), ["--password-file FILE"]);
    assert_eq!(
        missing("belayctl confirm 0123 --qr no"),
        ["CODE", "--code-file FILE"]
    );
    assert_eq!(
        missing("belayctl account delete --json"),
        ["--yes-delete-everything", "--password-file FILE"]
    );
    assert_eq!(
        missing("belayctl account password --password-file -"),
        ["--new-password-file FILE"]
    );
    assert!(missing("belayctl sign-out --password-file -").is_empty());
    assert!(missing("belayctl frobnicate").is_empty());
}

#[test]
fn json_is_noticed_even_when_the_rest_makes_no_sense() {
    let wants = |line: &str| wants_json(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
    assert!(wants("belayctl frobnicate --json"));
    assert!(!wants("belayctl frobnicate"));
    assert!(!wants("belayctl name -- --json"));
}
