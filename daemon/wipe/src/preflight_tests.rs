use super::*;
use crate::testing::{self, DEVICE, Model};

fn reason(change: impl FnOnce(&mut Model)) -> &'static str {
    let disk = Model::disk(true, false);
    let before = disk.borrow().files.clone();
    let mut machine = Model::new(&disk);
    change(&mut machine);
    let changed = disk.borrow().files.clone();
    let reason = check(&machine, &testing::plan()).map_or_else(|unfit| unfit.reason, |()| "fit");
    assert_eq!(disk.borrow().files, changed, "looking changes nothing");
    assert!(before.len() >= changed.len());
    reason
}

#[test]
fn a_device_that_is_as_the_plan_says_is_fit() {
    assert_eq!(reason(|_| ()), "fit");
}

#[test]
fn a_journal_that_would_be_wiped_too_is_refused() {
    assert_eq!(
        reason(|machine| machine.journal_on = Some(DEVICE)),
        "journal-in-area"
    );
    assert_eq!(
        reason(|machine| machine.link = Some(("/boot", "/srv/boot"))),
        "journal-in-area"
    );
    assert_eq!(
        reason(|machine| machine.link = Some(("/srv", "/boot"))),
        "journal-in-area"
    );
    let mut plan = testing::plan();
    let disk = Model::disk(false, false);
    plan.journal = "/srv/belay".into();
    assert_eq!(
        check(&Model::new(&disk), &plan).unwrap_err().reason,
        "journal-in-area"
    );
    plan.journal = "/".into();
    assert_eq!(
        check(&Model::new(&disk), &plan).unwrap_err().reason,
        "journal-in-area"
    );
}

#[test]
fn a_journal_in_memory_is_refused() {
    assert_eq!(reason(|machine| machine.durable = false), "journal-not-durable");
}

#[test]
fn what_is_missing_is_refused_unless_it_can_be_pulled_out() {
    let without = |path: &'static str| {
        reason(|machine| {
            machine
                .disk
                .borrow_mut()
                .files
                .retain(|file, _| !file.starts_with(path))
        })
    };
    assert_eq!(without(DEVICE), "missing");
    assert_eq!(without("/srv"), "missing");
    assert_eq!(without("/dev/card"), "fit");
}

#[test]
fn a_device_that_is_not_luks2_is_refused() {
    let damaged = |machine: &mut Model| {
        machine
            .disk
            .borrow_mut()
            .files
            .get_mut(Path::new(DEVICE))
            .unwrap()[..0x8000]
            .fill(0);
    };
    assert_eq!(reason(damaged), "not-luks2");
}

#[test]
fn a_device_in_use_is_refused_unless_the_step_allows_it() {
    assert_eq!(reason(|machine| machine.in_use = true), "mounted");
    let mut plan = testing::plan();
    for step in &mut plan.steps {
        if let Work::Discard { mounted, .. } = &mut step.work {
            *mounted = true;
        }
    }
    let disk = Model::disk(false, false);
    let mut machine = Model::new(&disk);
    machine.in_use = true;
    assert_eq!(check(&machine, &plan), Ok(()));
}

#[test]
fn a_program_that_is_not_installed_is_refused() {
    assert_eq!(reason(|machine| machine.programs.clear()), "no-program");
}
