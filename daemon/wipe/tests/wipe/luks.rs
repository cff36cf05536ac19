//! A real LUKS2 image, made and opened by cryptsetup.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Stage, assert_ok, bytes, said, skipped};

const STEPS: &str = "\
[[step]]
kind = \"luks-keyslots\"
device = \"{}/image\"
[[step]]
kind = \"discard\"
device = \"{}/image\"
[[step]]
kind = \"power-off\"
method = \"exec\"
command = [\"/bin/sh\", \"-c\", \"echo off >>{}/power\"]
";
const PASSPHRASE: &[u8] = b"correct horse";

/// cryptsetup's answer, with a passphrase on its standard input.
fn cryptsetup(arguments: &[&str], file: &Path) -> bool {
    let mut child = Command::new("cryptsetup")
        .args(arguments)
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(PASSPHRASE);
    child.wait().unwrap().success()
}

fn opens(image: &Path) -> bool {
    cryptsetup(&["open", "--test-passphrase", "--key-file=-"], image)
}

/// An image of 32 MiB, or nothing where cryptsetup isn't installed.
fn stage() -> Option<Stage> {
    stage_for(STEPS)
}

fn stage_for(steps: &str) -> Option<Stage> {
    let version = Command::new("cryptsetup").arg("--version").output();
    if version.is_err() {
        skipped("cryptsetup is not installed: no real LUKS2 image is wiped");
        return None;
    }
    let stage = Stage::new("image", steps);
    let image = stage.at("image");
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(32 * 1024 * 1024).unwrap();
    let cheap = [
        "--pbkdf",
        "pbkdf2",
        "--pbkdf-force-iterations",
        "1000",
        "--batch-mode",
    ];
    let format: Vec<&str> = ["luksFormat", "--type", "luks2", "--key-file=-"]
        .into_iter()
        .chain(cheap)
        .collect();
    assert!(cryptsetup(&format, &image), "luksFormat");
    assert!(opens(&image), "the passphrase opens it");
    Some(stage)
}

#[test]
fn a_wiped_image_opens_no_more() {
    let Some(stage) = stage() else { return };
    let image = stage.at("image");
    assert_eq!(said(&stage.run(&["--class"])), "crypto");
    assert_ok(&stage.run(&["--preflight"]));
    assert!(opens(&image), "looking changes nothing");
    assert_ok(&stage.run(&[]));
    assert!(!opens(&image));
    assert!(
        !cryptsetup(&["isLuks"], &image),
        "no header is left, not even the second one"
    );
    // cryptsetup's own repair finds nothing to build on either.
    assert!(!cryptsetup(&["repair", "--batch-mode"], &image));
    assert!(stage.at("power").exists());
}

#[test]
fn a_header_backup_elsewhere_is_named_as_what_it_is() {
    let Some(stage) = stage() else { return };
    let (image, backup) = (stage.at("image"), stage.at("backup"));
    let file = format!("--header-backup-file={}", backup.display());
    assert!(cryptsetup(&["luksHeaderBackup", &file], &image));
    assert_ok(&stage.run(&[]));
    assert!(!opens(&image));
    let journal = String::from_utf8(bytes(&stage.at("journal/journal"))).unwrap();
    assert!(journal.contains("a backup of the header that lies elsewhere would still open it"));
    let restore = format!("--header-backup-file={}", backup.display());
    assert!(cryptsetup(
        &["luksHeaderRestore", "--batch-mode", &restore],
        &image
    ));
    assert!(opens(&image), "what the note says is so");
}

#[test]
fn cut_off_after_any_line_of_the_journal_it_resumes_and_opens_no_more() {
    let Some(stage) = stage() else { return };
    let (image, whole) = (stage.at("image"), bytes(&stage.at("image")));
    assert_ok(&stage.run(&[]));
    let journal = String::from_utf8(bytes(&stage.at("journal/journal"))).unwrap();
    let tombstone = std::fs::read_to_string(stage.at("journal/tombstone")).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    assert!(lines.len() > 5, "{journal}");
    for cut in 1..=lines.len() {
        // The image as it was: what comes after the last line that stands is done again on it.
        let kept = lines[..cut].join("\n");
        let keys_done = kept.contains("\"done\",\"step\":0");
        if !keys_done {
            std::fs::write(&image, &whole).unwrap();
        }
        let torn = &lines.get(cut).map_or("", |line| &line[..line.len() / 2]);
        stage.write("journal/journal", &format!("{kept}\n{torn}"));
        stage.write("journal/tombstone", &tombstone.replace("wiped", "wiping"));
        std::fs::remove_file(stage.at("power")).unwrap();
        assert_eq!(said(&stage.run(&["--resume"])), "wiped", "cut after line {cut}");
        assert!(!opens(&image), "cut after line {cut}");
        assert_eq!(stage.json("journal/tombstone")["state"], "wiped");
        assert!(stage.at("power").exists());
    }
}

/// The keys alone, so that nothing that comes after them hides what they left.
const KEYS: &str = "\
[[step]]
kind = \"luks-keyslots\"
device = \"{}/image\"
[[step]]
kind = \"power-off\"
method = \"exec\"
command = [\"/bin/true\"]
";
const HEADER: usize = 16 * 1024;
const SECTOR: usize = 512;

#[test]
fn a_header_that_is_half_destroyed_is_destroyed_whole() {
    let Some(stage) = stage_for(KEYS) else { return };
    let (image, whole) = (stage.at("image"), bytes(&stage.at("image")));
    assert_ok(&stage.run(&[]));
    let journal = std::fs::read_to_string(stage.at("journal/journal")).unwrap();
    let tombstone = std::fs::read_to_string(stage.at("journal/tombstone")).unwrap();
    let begun: Vec<&str> = journal
        .lines()
        .take_while(|line| !line.contains("\"done\",\"step\":0"))
        .collect();
    assert!(
        begun.len() > 1 && begun.len() < journal.lines().count(),
        "{journal}"
    );
    std::fs::write(&image, &whole).unwrap();
    assert!(cryptsetup(&["erase", "--batch-mode"], &image), "erase");
    let erased = bytes(&image);
    // What a keyslot's area held. The keyslots end where the data begins: 16 MiB.
    let held = |at: &usize| whole[*at..at + SECTOR].iter().any(|byte| *byte != 0);
    let areas: Vec<usize> = (0..16 * 1024 * 1024).step_by(SECTOR).filter(held).collect();
    let keys: Vec<usize> = areas.iter().copied().filter(|at| *at >= 2 * HEADER).collect();
    assert!(keys.len() > 100, "{}", keys.len());
    let destroyed = |from: &[u8], range: std::ops::Range<usize>, byte: u8| {
        let mut image = from.to_vec();
        image[range].fill(byte);
        image
    };
    let middle = keys[keys.len() / 2];
    let states = [
        ("nothing", whole.clone()),
        ("erased by cryptsetup", erased.clone()),
        (
            "half of the key material",
            destroyed(&whole, 2 * HEADER..middle, 0xa5),
        ),
        ("the first header", destroyed(&whole, 0..HEADER, 0)),
        ("the first header, torn", destroyed(&whole, 0..HEADER / 2, 0)),
        ("the second header", destroyed(&whole, HEADER..2 * HEADER, 0)),
        (
            "the second header, torn",
            destroyed(&erased, 0..HEADER + SECTOR, 0),
        ),
        ("both headers, and no key", destroyed(&whole, 0..2 * HEADER, 0)),
    ];
    for (what, half) in states {
        std::fs::write(&image, &half).unwrap();
        stage.write("journal/journal", &format!("{}\n", begun.join("\n")));
        stage.write("journal/tombstone", &tombstone.replace("wiped", "wiping"));
        assert_eq!(said(&stage.run(&["--resume"])), "wiped", "{what}");
        let left = bytes(&image);
        let is_left = |at: &&usize| left[**at..**at + SECTOR] == whole[**at..**at + SECTOR];
        assert_eq!(areas.iter().filter(is_left).count(), 0, "{what}");
        assert!(!opens(&image) && !cryptsetup(&["isLuks"], &image), "{what}");
    }
}

#[test]
fn an_image_that_is_not_luks2_is_refused_untouched() {
    let Some(stage) = stage() else { return };
    let image = stage.at("image");
    let old = [
        "luksFormat",
        "--type",
        "luks1",
        "--key-file=-",
        "--iter-time",
        "10",
        "--batch-mode",
    ];
    assert!(cryptsetup(&old, &image));
    let before = bytes(&image);
    assert_eq!(stage.run(&[]).status.code(), Some(78));
    assert_eq!(stage.json("runtime/refused")["reason"], "not-luks2");
    assert!(bytes(&image) == before, "not a byte is changed");
    assert!(opens(&image));
}
