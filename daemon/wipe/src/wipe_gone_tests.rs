//! That keys are gone when it is called wiped, and nobody of Belay's is there to bring them back.

use super::*;

/// What the plan runs once the keys are gone.
const FORGETS: &str = "/usr/bin/forget-esim";
const BEGUN_FILE: &str = "/run/belay-wipe/begun";

#[test]
fn keys_that_somebody_wrote_back_are_destroyed_once_more_before_it_is_called_wiped() {
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.writes_back = Some(FORGETS);
    assert_eq!(start(&mut machine, Mode::Start).unwrap(), Ended::Wiped);
    assert!(keys_are_gone(&disk));
    // Where that fails it isn't called so, and the next run does it.
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.writes_back = Some(FORGETS);
    machine.breaks_then = true;
    let error = start(&mut machine, Mode::Start).unwrap_err();
    assert!(matches!(error, WipeError::Unfinished(_)), "{error}");
    assert_eq!(
        (tombstone(&disk).unwrap().state, disk.borrow().power_cuts),
        (Phase::Wiping, 0)
    );
    start(&mut Model::new(&disk), Mode::Resume).unwrap();
    assert!(keys_are_gone(&disk));
}

#[test]
fn belayd_is_kept_away_while_it_wipes_and_let_back_where_it_could_not() {
    let disk = Model::disk(false, false);
    let begun = || disk.borrow().files.contains_key(Path::new(BEGUN_FILE));
    // Already before the sessions end: who is asked by the bus is started.
    for _ in 0..2 {
        start(&mut Model::new(&disk), Mode::Prepare).unwrap();
        assert!(begun());
        disk.borrow_mut().files.remove(Path::new(BEGUN_FILE));
    }
    let mut machine = Model::new(&disk);
    machine.broken = vec![DEVICE];
    start(&mut machine, Mode::Start).unwrap_err();
    assert!(!begun(), "the owner has to be told");
    start(&mut Model::new(&disk), Mode::Start).unwrap();
    assert!(begun());
}

#[test]
fn what_a_factory_reset_makes_anew_is_left_and_what_was_written_back_before_it_is_not() {
    let plan = Plan::parse(
        r#"
        [journal]
        path = "/boot/belay"
        [intent]
        path = "/state/wipe-intent"
        [data]
        places = ["/dev/root"]
        [[step]]
        kind = "luks-keyslots"
        device = "/dev/root"
        [[step]]
        kind = "exec"
        command = ["/usr/bin/forget-esim"]
        [[step]]
        kind = "factory-reset"
        method = "repart"
        [[step]]
        kind = "power-off"
        "#,
    )
    .unwrap();
    for (writes, is_left) in [(FORGETS, false), ("systemd-repart", true)] {
        let disk = Model::disk(false, false);
        let mut machine = Model::new(&disk);
        machine.programs.push("systemd-repart");
        machine.writes_back = Some(writes);
        let runtime = Path::new("/run/belay-wipe");
        assert_eq!(
            wipe(&mut machine, &plan, Mode::Start, runtime).unwrap(),
            Ended::Wiped
        );
        assert_eq!(keys_are_gone(&disk), !is_left, "{writes}");
    }
}
