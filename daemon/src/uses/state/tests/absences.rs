//! When a band that is gone rings the phone and has it locked.

use super::super::absence::{ALARM, GRACE, SETTLE};
use super::*;

#[test]
fn a_band_that_is_gone_rings_the_phone_then_has_it_locked_once() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    assert_eq!(rig.away(true), []);
    assert_eq!(rig.pass(GRACE - Duration::from_secs(1)), []);
    assert_eq!(rig.pass(Duration::from_secs(10)), [Effect::Ring(ALARM)]);
    // Somebody silences it: that isn't the owner's word.
    rig.happens(What::Silent);
    let rest = rig.pass(ALARM);
    assert!(rest.contains(&Effect::Tighten), "{rest:?}");
    rig.happens(What::Tightened(Err(Duration::from_secs(5))));
    assert!(
        rig.pass(Duration::from_secs(20)).contains(&Effect::Tighten),
        "until it is told"
    );
    rig.happens(What::Tightened(Ok(())));
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn a_phone_that_was_silenced_stays_so_for_that_absence_alone() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    assert_eq!(rig.pass(GRACE), [Effect::Ring(ALARM)]);
    // One that can't ring tries again.
    rig.happens(What::Mute);
    assert_eq!(rig.pass(Duration::from_secs(10)), [Effect::Ring(ALARM)]);
    rig.happens(What::Silent);
    assert_eq!(rig.pass(Duration::from_secs(40)), []);
    assert_eq!(rig.away(true), []);
    rig.away(false);
    rig.away(true);
    assert_eq!(rig.pass(GRACE), [Effect::Ring(ALARM)], "another time");
}

#[test]
fn the_warden_is_told_once_at_a_time_and_no_sooner_than_its_wait_says() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    let all = rig.pass(GRACE + ALARM);
    assert_eq!(all.iter().filter(|one| **one == Effect::Tighten).count(), 1);
    // What accessories show changes all the time.
    assert_eq!(rig.away(true), [], "it is being told");
    assert_eq!(rig.pass(Duration::from_secs(60)), []);
    let wait = Duration::from_secs(47);
    assert_eq!(rig.happens(What::Tightened(Err(wait))), []);
    assert_eq!(rig.away(true), []);
    assert_eq!(rig.pass(wait - Duration::from_secs(1)), []);
    assert_eq!(rig.pass(Duration::from_secs(1)), [Effect::Tighten]);
    // A wait that is over is no reason to look without end.
    rig.happens(What::Tightened(Err(wait)));
    assert_eq!(rig.away(false), [Effect::Silence]);
    rig.pass(2 * wait);
    assert_eq!(rig.state.next_tick(rig.at), None);
}

#[test]
fn a_band_that_is_back_in_time_changes_nothing() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    assert_eq!(rig.pass(GRACE), [Effect::Ring(ALARM)]);
    assert_eq!(rig.away(false), [Effect::Silence]);
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn a_band_that_was_never_there_or_is_not_worn_locks_nothing() {
    let mut rig = Rig::new(AT_HAND, Wishes::default());
    rig.away(true);
    rig.happens(What::Phone(GUARDED));
    assert_eq!(rig.pass(Duration::from_secs(3600)), [], "gone before the policy");
    let mut rig = Rig::new(GUARDED, Wishes::default());
    let strap = |ready| Band {
        ready,
        away: !ready,
        worn: false,
        ..band(Wishes::default())
    };
    rig.bands(&[(OTHER, strap(true))]);
    rig.bands(&[(OTHER, strap(false))]);
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn a_band_that_is_unpaired_or_disconnected_meanwhile_locks_nothing() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    rig.bands(&[]);
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn a_phone_that_slept_looks_for_the_band_before_it_rings() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    rig.at += Duration::from_secs(8 * 3600);
    assert_eq!(rig.happens(What::Tick), []);
    assert_eq!(rig.pass(GRACE - Duration::from_secs(1)), []);
}

#[test]
fn a_dry_run_tells_the_warden_and_rings_nothing() {
    let phone = Phone {
        dry_run: true,
        ..GUARDED
    };
    let mut rig = Rig::new(phone, Wishes::default());
    rig.away(true);
    let all = rig.pass(GRACE + ALARM);
    assert_eq!(all, [Effect::Tighten]);
}

#[test]
fn the_policy_that_is_off_or_rests_counts_nothing() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    rig.pass(GRACE);
    assert_eq!(rig.happens(What::Phone(AT_HAND)), [Effect::Silence]);
    rig.happens(What::Phone(GUARDED));
    assert_eq!(
        rig.pass(Duration::from_secs(3600)),
        [],
        "nothing counts from before"
    );
}

/// Another belayd, after another boot that took this long so far.
fn restarted(rig: &mut Rig, boot: Duration) {
    let kept = serde_json::to_vec(&rig.state.kept()).unwrap();
    rig.state = State::restored(&serde_json::from_slice(&kept).unwrap());
    rig.at = boot;
    // Nothing is known yet of the device nor of its accessories.
    let unknown = Phone {
        known: false,
        lost: true,
        ..AT_HAND
    };
    assert_eq!(rig.happens(What::Phone(unknown)), []);
    assert_eq!(rig.bands(&[]), []);
    assert_eq!(rig.happens(What::Phone(GUARDED)), []);
}

/// The band is paired and no link is up.
fn unseen(rig: &mut Rig) -> &[Effect] {
    let one = Band {
        ready: false,
        ..band(Wishes::default())
    };
    rig.bands(&[(BAND, one)])
}

const BOOT: Duration = Duration::from_secs(25);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_restart_takes_nothing_from_the_count_and_the_band_is_looked_for_first() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    rig.pass(GRACE - 20 * SECOND);
    restarted(&mut rig, BOOT);
    assert_eq!(unseen(&mut rig), []);
    assert_eq!(rig.pass(SETTLE + 9 * SECOND), []);
    assert_eq!(rig.pass(11 * SECOND), [Effect::Ring(ALARM)]);
    assert!(rig.pass(ALARM).contains(&Effect::Tighten));
    rig.happens(What::Tightened(Ok(())));
    // What was told isn't told again.
    restarted(&mut rig, BOOT);
    unseen(&mut rig);
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn whoever_restarts_the_phone_again_and_again_has_it_locked_all_the_same() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    let mut boots = 0;
    loop {
        restarted(&mut rig, BOOT);
        unseen(&mut rig);
        if rig.pass(SETTLE + 60 * SECOND).contains(&Effect::Tighten) {
            break;
        }
        boots += 1;
        assert!(boots < 4);
    }
}

#[test]
fn a_band_that_is_back_after_a_restart_or_was_disconnected_since_locks_nothing() {
    for back in [true, false] {
        let mut rig = Rig::new(GUARDED, Wishes::default());
        rig.away(true);
        rig.pass(GRACE - SECOND);
        restarted(&mut rig, BOOT);
        unseen(&mut rig);
        rig.pass(SETTLE / 2);
        let one = Band {
            ready: back,
            held: !back,
            ..band(Wishes::default())
        };
        rig.bands(&[(BAND, one)]);
        assert_eq!(rig.pass(Duration::from_secs(3600)), []);
    }
}

#[test]
fn a_band_that_was_in_reach_when_the_phone_was_switched_off_and_is_gone_after_it_has_it_locked() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    // Links end a moment before belayd does.
    unseen(&mut rig);
    rig.at += 5 * SECOND;
    restarted(&mut rig, BOOT);
    unseen(&mut rig);
    let all = rig.pass(SETTLE + GRACE + ALARM);
    assert_eq!(all[0], Effect::Ring(ALARM));
    assert!(all.contains(&Effect::Tighten), "{all:?}");
}

#[test]
fn a_band_that_was_out_of_reach_for_other_reasons_before_a_restart_locks_nothing_after_it() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    // Its owner switched Bluetooth off, or had it disconnected, some time ago.
    unseen(&mut rig);
    rig.pass(61 * SECOND);
    restarted(&mut rig, BOOT);
    unseen(&mut rig);
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn while_bluetooth_is_off_since_the_start_no_band_is_missed_that_was_in_reach_before() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    restarted(&mut rig, BOOT);
    let one = Band {
        ready: false,
        ..band(Wishes::default())
    };
    rig.happens(What::Bands(BTreeMap::from([(BAND, one)]), false));
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
    rig.happens(What::Bands(BTreeMap::from([(BAND, one)]), true));
    assert!(rig.pass(SETTLE + GRACE + ALARM).contains(&Effect::Tighten));
}

#[test]
fn a_band_that_is_unpaired_when_its_list_is_read_is_missed_by_nobody() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    rig.pass(GRACE);
    restarted(&mut rig, BOOT);
    assert_eq!(rig.pass(Duration::from_secs(3600)), [], "nothing is read yet");
    rig.bands(&[(OTHER, band(Wishes::default()))]);
    assert_eq!(rig.pass(Duration::from_secs(3600)), []);
}

#[test]
fn a_phone_that_is_put_to_sleep_again_and_again_is_locked_all_the_same() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    let mut awake = 0;
    while !rig.pass(SETTLE + 30 * SECOND).contains(&Effect::Tighten) {
        awake += 1;
        assert!(awake < 10, "it never is");
        rig.at += Duration::from_secs(3600);
    }
    // And one that wakes for moments, and doesn't look for the band, isn't.
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    for _ in 0..100 {
        rig.at += Duration::from_secs(3600);
        assert_eq!(rig.happens(What::Tick), []);
        assert_eq!(rig.pass(SETTLE), []);
    }
}

#[test]
fn what_is_not_guarded_is_kept_of_nobody() {
    let mut rig = Rig::new(GUARDED, Wishes::default());
    rig.away(true);
    rig.pass(GRACE);
    assert_ne!(rig.state.kept(), Kept::default());
    rig.happens(What::Phone(AT_HAND));
    assert_eq!(rig.state.kept(), Kept::default());
}
