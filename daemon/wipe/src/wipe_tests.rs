use super::*;
use crate::luks;
use crate::testing::{self, DEVICE, Disk, INTENT, JOURNAL, Model};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

#[path = "wipe_gone_tests.rs"]
mod gone;

type Shared = Rc<RefCell<Disk>>;

fn start(machine: &mut Model, mode: Mode) -> Result<Ended, WipeError> {
    wipe(machine, &testing::plan(), mode, Path::new("/run/belay-wipe"))
}

fn tombstone(disk: &Shared) -> Option<Tombstone> {
    let disk = disk.borrow();
    let bytes = disk.files.get(Path::new(JOURNAL).join("tombstone").as_path())?;
    Some(serde_json::from_slice(bytes).unwrap())
}

fn refusal(disk: &Shared) -> Option<String> {
    let disk = disk.borrow();
    let bytes = disk.files.get(Path::new("/run/belay-wipe/refused"))?;
    Some(serde_json::from_slice::<Refusal>(bytes).unwrap().reason)
}

/// No header, and of the keyslots' area nothing as it was.
fn keys_are_gone(disk: &Shared) -> bool {
    let machine = Model::new(disk);
    let read = |offset, length| machine.read(Path::new(DEVICE), offset, length);
    let area = read(0x8000, 0x1_0000).unwrap();
    !luks::any_mark(&read).unwrap() && area.chunks(512).all(|sector| sector != [1; 512])
}

fn area(disk: &Shared) -> Vec<(PathBuf, Vec<u8>)> {
    let disk = disk.borrow();
    let inside = |path: &Path| path.starts_with("/dev") || path.starts_with("/srv");
    disk.files
        .iter()
        .filter(|(path, _)| inside(path))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

#[test]
fn a_wipe_destroys_keys_then_data_and_cuts_the_power() {
    let disk = Model::disk(false, false);
    assert_eq!(start(&mut Model::new(&disk), Mode::Start).unwrap(), Ended::Wiped);
    assert!(keys_are_gone(&disk));
    let tombstone = tombstone(&disk).unwrap();
    assert_eq!(
        (tombstone.state, tombstone.class.as_str(), tombstone.failed.len()),
        (Phase::Wiped, "crypto", 0)
    );
    let disk = disk.borrow();
    assert!(!disk.files.contains_key(Path::new("/srv/letter")));
    assert_eq!(
        disk.files[Path::new("/dev/card")],
        [3; 4096],
        "the card isn't meant"
    );
    assert_eq!(disk.ran[1..], ["/usr/bin/forget-esim "]);
    assert_eq!(disk.power_cuts, 1);
}

#[test]
fn what_is_prepared_has_destroyed_nothing_and_is_refused_no_more() {
    let disk = Model::disk(false, false);
    let before = area(&disk);
    assert_eq!(
        start(&mut Model::new(&disk), Mode::Prepare).unwrap(),
        Ended::Prepared
    );
    assert_eq!(
        (area(&disk), tombstone(&disk).unwrap().state),
        (before, Phase::Wiping)
    );
    // What would have refused comes too late, and nobody has to ask for the rest: the next boot ends it.
    let mut machine = Model::new(&disk);
    machine.durable = false;
    assert_eq!(start(&mut machine, Mode::Prepare).unwrap(), Ended::Prepared);
    assert_eq!(start(&mut machine, Mode::Resume).unwrap(), Ended::Wiped);
    assert!(keys_are_gone(&disk));
    assert_eq!(
        start(&mut Model::new(&disk), Mode::Prepare).unwrap(),
        Ended::Prepared
    );
    assert_eq!(tombstone(&disk).unwrap().state, Phase::Wiped);
}

#[test]
fn preparing_refuses_whatever_a_wipe_would_and_changes_nothing() {
    let disk = Model::disk(false, false);
    let before = area(&disk);
    let mut machine = Model::new(&disk);
    machine.journal_on = Some(DEVICE);
    let refused = start(&mut machine, Mode::Prepare);
    assert!(matches!(refused, Err(WipeError::Refused(_))), "{refused:?}");
    assert_eq!(refusal(&disk).as_deref(), Some("journal-in-area"));
    assert_eq!((area(&disk), tombstone(&disk)), (before, None));
}

#[test]
fn a_command_that_means_the_card_and_keeps_the_esim_is_obeyed() {
    let disk = Model::disk(true, true);
    start(&mut Model::new(&disk), Mode::Start).unwrap();
    let disk = disk.borrow();
    assert_eq!(disk.files[Path::new("/dev/card")], [0; 4096]);
    assert_eq!(disk.ran.len(), 1, "only cryptsetup: {:?}", disk.ran);
}

#[test]
fn without_cryptsetup_the_keys_are_gone_just_as_well() {
    let disk = Model::disk(false, true);
    let mut machine = Model::new(&disk);
    machine.programs.retain(|program| *program != "cryptsetup");
    start(&mut machine, Mode::Start).unwrap();
    assert!(keys_are_gone(&disk));
}

#[test]
fn a_wipe_that_lost_its_tombstone_on_the_way_is_ended_and_never_refused() {
    for cut in 1..1000 {
        let disk = Model::disk(true, false);
        let mut machine = Model::new(&disk);
        machine.left = cut;
        if start(&mut machine, Mode::Start).is_ok() && machine.left > 0 {
            assert!(cut > 20, "every change was a place to cut");
            return;
        }
        let place = Path::new(JOURNAL).join("tombstone");
        disk.borrow_mut().files.remove(&place);
        if cut % 2 == 0 {
            disk.borrow_mut().files.insert(place, b"{\"state\":".to_vec());
        }
        let ended = start(&mut Model::new(&disk), Mode::Start);
        assert!(matches!(ended, Ok(Ended::Wiped)), "cut {cut}: {ended:?}");
        assert_eq!(refusal(&disk), None);
        assert!(keys_are_gone(&disk));
        assert_eq!(tombstone(&disk).unwrap().state, Phase::Wiped);
    }
    panic!("never whole");
}

/// The power cut after each single change, the last one half made; then every boot resumes, and each of those may be
/// cut off once more.
#[test]
fn cut_off_anywhere_it_is_either_untouched_or_resumes_to_the_end() {
    let mut untouched = 0;
    for first in 1.. {
        let disk = Model::disk(true, false);
        let before = area(&disk);
        let mut machine = Model::new(&disk);
        machine.left = first;
        if start(&mut machine, Mode::Start).is_ok() && machine.left > 0 {
            assert!(first > 20, "every change was a place to cut");
            break;
        }
        if tombstone(&disk).is_none() {
            assert_eq!(
                area(&disk),
                before,
                "nothing is touched before the tombstone stands"
            );
            let mut machine = Model::new(&disk);
            assert_eq!(start(&mut machine, Mode::Resume).unwrap(), Ended::Nothing);
            untouched += 1;
        }
        // A second cut, at a place that differs from run to run.
        let mut machine = Model::new(&disk);
        machine.left = first % 7 + 1;
        let _ = start(&mut machine, Mode::Resume);
        // The intent may be gone with the area it lay in; a wipe that was begun doesn't need it.
        if tombstone(&disk).is_some() {
            disk.borrow_mut().files.remove(Path::new(INTENT));
        }
        let mode = if tombstone(&disk).is_some() {
            Mode::Resume
        } else {
            Mode::Start
        };
        start(&mut Model::new(&disk), mode).unwrap();
        assert_eq!(tombstone(&disk).unwrap().state, Phase::Wiped, "cut at {first}");
        assert!(keys_are_gone(&disk), "cut at {first}");
        assert!(!disk.borrow().files.contains_key(Path::new("/srv/letter")));
        assert_eq!(disk.borrow().files[Path::new("/dev/card")], [0; 4096]);
    }
    assert!(untouched >= 2, "before the journal, and before the tombstone");
}

#[test]
fn a_wipe_that_is_over_is_not_resumed() {
    let disk = Model::disk(false, false);
    start(&mut Model::new(&disk), Mode::Start).unwrap();
    let after = area(&disk);
    assert_eq!(
        start(&mut Model::new(&disk), Mode::Resume).unwrap(),
        Ended::Nothing
    );
    assert_eq!(area(&disk), after);
    assert_eq!(disk.borrow().power_cuts, 1);
}

#[test]
fn a_refusal_changes_nothing_and_says_why() {
    let disk = Model::disk(false, false);
    let before = area(&disk);
    let mut machine = Model::new(&disk);
    machine.in_use = true;
    let error = start(&mut machine, Mode::Start).unwrap_err();
    assert!(matches!(error, WipeError::Refused(_)), "{error}");
    assert_eq!(
        (refusal(&disk).as_deref(), area(&disk)),
        (Some("mounted"), before)
    );
    assert!(tombstone(&disk).is_none());
    assert!(disk.borrow().files.contains_key(Path::new("/boot/belay/refused")));
    // Once it is possible the earlier refusal is forgotten.
    start(&mut Model::new(&disk), Mode::Start).unwrap();
    assert_eq!(refusal(&disk), None);
    assert!(!disk.borrow().files.contains_key(Path::new("/boot/belay/refused")));
}

#[test]
fn a_journal_inside_the_area_gets_no_refusal_either() {
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.journal_on = Some(DEVICE);
    start(&mut machine, Mode::Start).unwrap_err();
    assert_eq!(refusal(&disk).as_deref(), Some("journal-in-area"));
    assert!(!disk.borrow().files.keys().any(|file| file.starts_with(JOURNAL)));
}

#[test]
fn without_an_intent_nothing_is_wiped() {
    for intent in [
        None,
        Some("{}"),
        Some("{\"command\":\"x\",\"external\":true,\"keep_esim\":true}"),
    ] {
        let disk = Model::disk(false, false);
        let before = area(&disk);
        match intent {
            None => drop(disk.borrow_mut().files.remove(Path::new(INTENT))),
            Some(text) => drop(disk.borrow_mut().files.insert(INTENT.into(), text.into())),
        }
        start(&mut Model::new(&disk), Mode::Start).unwrap_err();
        assert_eq!(area(&disk), before);
        let expected = if intent.is_none() {
            "no-intent"
        } else {
            "intent-malformed"
        };
        assert_eq!(refusal(&disk).as_deref(), Some(expected));
    }
}

#[test]
fn while_keys_are_left_nothing_else_is_begun_and_the_next_run_ends_it() {
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.broken = vec![DEVICE];
    let error = start(&mut machine, Mode::Start).unwrap_err();
    assert!(matches!(error, WipeError::Unfinished(_)), "{error}");
    assert!(disk.borrow().files.contains_key(Path::new("/srv/letter")));
    assert_eq!(tombstone(&disk).unwrap().state, Phase::Wiping);
    start(&mut Model::new(&disk), Mode::Start).unwrap();
    assert!(keys_are_gone(&disk));
}

#[test]
fn once_the_keys_are_gone_a_failure_is_recorded_and_the_rest_goes_on() {
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.broken = vec!["/srv", "/usr/bin"];
    start(&mut machine, Mode::Start).unwrap();
    let tombstone = tombstone(&disk).unwrap();
    assert_eq!(tombstone.failed, ["overwrite", "remove", "exec"]);
    assert_eq!((tombstone.state, disk.borrow().power_cuts), (Phase::Wiped, 1));
}

#[test]
fn a_power_that_stays_on_is_told() {
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.broken = vec!["/power"];
    let error = start(&mut machine, Mode::Start).unwrap_err();
    assert!(matches!(error, WipeError::PowerLeft), "{error}");
    assert_eq!(tombstone(&disk).unwrap().state, Phase::Wiped);
    let (after, ran) = (area(&disk), disk.borrow().ran.len());
    start(&mut Model::new(&disk), Mode::Start).unwrap();
    assert_eq!(
        (area(&disk), disk.borrow().ran.len(), disk.borrow().power_cuts),
        (after, ran, 1),
        "the next run only cuts the power"
    );
}

#[test]
fn a_file_that_cannot_be_overwritten_spares_none_of_the_others() {
    let disk = Model::disk(false, false);
    for path in ["/srv/a", "/srv/z"] {
        disk.borrow_mut().files.insert(path.into(), b"private".to_vec());
    }
    let mut machine = Model::new(&disk);
    machine.broken = vec!["/srv/letter"];
    let work = crate::plan::Work::Overwrite {
        target: "/srv".into(),
        passes: 1,
        mounted: false,
    };
    assert!(crate::deeds::perform(&mut machine, &work, None).is_err());
    for (path, is_left) in [("/srv/a", false), ("/srv/letter", true), ("/srv/z", false)] {
        let bytes = disk.borrow().files[Path::new(path)].clone();
        assert_eq!(bytes == b"private", is_left, "{path}");
    }
}

#[test]
fn a_file_that_goes_away_before_its_turn_fails_no_overwriting_and_is_found_where_it_went() {
    let work = crate::plan::Work::Overwrite {
        target: "/srv".into(),
        passes: 1,
        mounted: false,
    };
    for to in [None, Some("/srv/a"), Some("/srv/z")] {
        let disk = Model::disk(false, false);
        disk.borrow_mut().files.insert("/srv/a".into(), b"older".to_vec());
        let mut machine = Model::new(&disk);
        machine.moves = vec![("/srv/letter", to)];
        assert_eq!(crate::deeds::perform(&mut machine, &work, None).unwrap(), [""; 0]);
        let disk = disk.borrow();
        let left = disk.files.iter().filter(|(path, _)| path.starts_with("/srv"));
        for (path, bytes) in left {
            assert!(bytes != b"private" && bytes != b"older", "{path:?} {to:?}");
        }
    }
}

#[test]
fn a_folder_that_files_keep_leaving_is_done_in_the_end_and_the_journal_says_so() {
    let work = crate::plan::Work::Overwrite {
        target: "/srv".into(),
        passes: 1,
        mounted: false,
    };
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.moves = vec![
        ("/srv/3", Some("/srv/4")),
        ("/srv/2", Some("/srv/3")),
        ("/srv/1", Some("/srv/2")),
    ];
    disk.borrow_mut().files.insert("/srv/1".into(), b"busy".to_vec());
    assert_eq!(
        crate::deeds::perform(&mut machine, &work, None).unwrap(),
        ["1 files went away while they were overwritten"]
    );
    assert_ne!(disk.borrow().files[Path::new("/srv/letter")], b"private");
}
