//! Tests of the arguments.

use super::*;
use crate::ctl::cli::{Command, parse};

fn read(line: &str) -> Result<Verb, clap::Error> {
    let words = ["belayctl", "accessory"]
        .into_iter()
        .chain(line.split_whitespace());
    let Command::Accessory(args) = parse(words.map(Into::into))?.command else {
        panic!("another command");
    };
    Ok(args.verb)
}

#[test]
fn each_command_line_of_the_manual_is_understood() {
    for line in [
        "scan",
        "scan --seconds 60 --kind mi-band-4 --kind mi-scale --power-on",
        "pair 0123 --key-file key --replace",
        "list",
        "show 0123 --identity",
        "sync 0123",
        "alert 0123 find",
        "alert 0123 message Ada Hello",
        "alert 0123 call Ada",
        "stop-alert 0123 call",
        "connect 0123",
        "disconnect 0123",
        "measure 0123",
        "settings 0123 --step-goal 8000 --wrist left --clock 24h --units metric",
        "settings 0123 --birth-date 1985-07-23 --height 178 --weight 74.5 --sex female",
        "settings 0123 --show-calls on --show-messages off --show-notifications on --follow-heart-rate off",
        "forward",
        "unpair 0123 --yes --password-file -",
        "activity 0123",
        "activity 0123 --day 2026-11-21",
        "export 0123 --from 2026-11-01 --to 2026-11-21 --format csv",
        "export 0123 --from 7d --format json --output f.json",
    ] {
        if let Err(error) = read(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    for line in [
        "",
        "scan --seconds 0",
        "scan --seconds 601",
        "scan --kind toaster",
        "pair",
        "pair 0123 00112233445566778899aabbccddeeff",
        "show",
        "alert 0123",
        "alert 0123 song",
        "stop-alert 0123",
        "settings 0123",
        "settings 0123 --step-goal 0",
        "settings 0123 --height 178",
        "settings 0123 --birth-date 1985-07-23 --height 178 --weight 74",
        "settings 0123 --birth-date 23.07.1985 --height 178 --weight 74 --sex other",
        "settings 0123 --birth-date 1985-07-23 --height 178 --weight nan --sex other",
        "settings 0123 --wrist foot",
        "unpair 0123 hunter2",
        "activity 0123 --day yesterday",
        "activity 0123 --day 2026-02-30",
        "activity 0123 --day 2026-11-21T10",
        "export 0123",
        "export 0123 --from 3d --format xml",
    ] {
        assert!(read(line).is_err(), "{line}");
    }
}

#[test]
fn a_scan_says_what_it_was_given() {
    let Verb::Scan(scan) = read("scan --kind mi-band-4").unwrap() else {
        panic!()
    };
    assert_eq!((scan.seconds, scan.power_on), (30, false));
    assert_eq!(scan.kind, ["mi-band-4"]);
}
