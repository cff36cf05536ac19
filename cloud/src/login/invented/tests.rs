use belay_proto::Secret;
use rusqlite::Connection;

use super::*;
use crate::store;

const HEAVY: KdfParameters = KdfParameters {
    memory_kib: 131_072,
    iterations: 3,
    parallelism: 1,
};
const START: Millis = 1000 * DAY;
/// So many addresses are asked about.
const ASKED: u32 = 1000;

fn vault() -> Vault {
    Vault::new(&Secret::new([3; 32]))
}

fn address(n: u32) -> [u8; 32] {
    vault().mac("address", &[&n.to_be_bytes()])
}

/// A cloud's database, with nothing but how many accounts use what.
struct Cloud {
    connection: Connection,
    _folder: tempfile::TempDir,
}

impl Cloud {
    fn new() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(store::FILE);
        drop(store::Store::open(&path).unwrap());
        Self {
            connection: store::connect(&path).unwrap(),
            _folder: folder,
        }
    }

    fn uses(&mut self, sets: &[(KdfParameters, u32)]) {
        let tx = self.connection.transaction().unwrap();
        tx.execute("DELETE FROM parameter_sets", []).unwrap();
        for (set, accounts) in sets {
            let row = params![set.memory_kib, set.iterations, set.parallelism, accounts];
            tx.execute("INSERT INTO parameter_sets VALUES (?1, ?2, ?3, ?4)", row)
                .unwrap();
        }
        tx.commit().unwrap();
    }

    fn note(&mut self, now: Millis) {
        let tx = self.connection.transaction().unwrap();
        note_shares(&tx, now).unwrap();
        tx.commit().unwrap();
    }

    /// A call each week, from this day to that one.
    fn weeks(&mut self, from: u64, to: u64) {
        for day in (from..=to).step_by(7) {
            self.note(START + day * DAY);
        }
    }

    /// What each of the addresses is answered that day.
    fn answers(&mut self, day: u64) -> Vec<Derivation> {
        let (tx, vault) = (self.connection.transaction().unwrap(), vault());
        let answer = |n| {
            let lookup = address(n);
            let turn = turn(&vault, &lookup, START + day * DAY);
            invent(&vault, &lookup, &shares(&tx, turn).unwrap())
        };
        (0..ASKED).map(answer).collect()
    }

    fn noted(&self) -> Vec<Millis> {
        let mut statement = self
            .connection
            .prepare("SELECT DISTINCT at FROM parameter_shares ORDER BY at")
            .unwrap();
        let times = statement.query_map([], |row| row.get(0)).unwrap();
        times.collect::<Result<_, _>>().unwrap()
    }
}

fn with(set: KdfParameters, answers: &[Derivation]) -> usize {
    answers.iter().filter(|answer| answer.parameters == set).count()
}

fn changed(before: &[Derivation], now: &[Derivation]) -> usize {
    before
        .iter()
        .zip(now)
        .filter(|(before, now)| before != now)
        .count()
}

#[test]
fn the_same_address_gets_the_same_and_another_gets_another_salt() {
    let sets = [(KdfParameters::DEFAULT, 3)];
    let salt = |vault: &Vault, n| invent(vault, &address(n), &sets).salt;
    assert_eq!(salt(&vault(), 1), salt(&vault(), 1));
    assert_ne!(salt(&vault(), 1), salt(&vault(), 2));
    let other = Vault::new(&Secret::new([4; 32]));
    assert_ne!(salt(&vault(), 1), salt(&other, 1));
}

#[test]
fn parameters_are_drawn_as_often_as_accounts_use_them() {
    let sets = [(KdfParameters::DEFAULT, 300), (HEAVY, 100)];
    let drawn: Vec<_> = (0..4000).map(|n| invent(&vault(), &address(n), &sets)).collect();
    let heavy = with(HEAVY, &drawn);
    assert!((850..1150).contains(&heavy), "{heavy} of 4000");
}

#[test]
fn an_address_has_its_turn_once_in_half_a_year_at_a_time_of_its_own() {
    let mut early = 0;
    for n in 0..ASKED {
        let of = |now| turn(&vault(), &address(n), now);
        let first = of(START);
        assert!(first <= START && START < first + ROUND);
        assert_eq!(of(first + ROUND - 1), first);
        assert_eq!(of(first + ROUND), first + ROUND);
        early += usize::from(START < first + ROUND / 2);
    }
    assert!((430..570).contains(&early), "{early} of {ASKED}");
    assert_eq!(turn(&vault(), &address(1), 0), 0);
}

#[test]
fn a_cloud_without_accounts_answers_what_new_accounts_would_have_and_a_new_one_what_its_accounts_have() {
    let mut cloud = Cloud::new();
    cloud.note(START);
    assert!(cloud.noted().is_empty());
    assert_eq!(with(KdfParameters::DEFAULT, &cloud.answers(0)), 1000);
    cloud.uses(&[(HEAVY, 1)]);
    let first = cloud.answers(1);
    assert_eq!(with(HEAVY, &first), 1000);
    cloud.note(START + DAY);
    assert_eq!(cloud.answers(1), first);
}

#[test]
fn rare_parameters_are_invented_too_and_nothing_changes_while_the_shares_are_the_same() {
    let mut cloud = Cloud::new();
    cloud.uses(&[(KdfParameters::DEFAULT, 90), (HEAVY, 10)]);
    cloud.weeks(0, 0);
    let first = cloud.answers(0);
    assert!((60..140).contains(&with(HEAVY, &first)));
    cloud.uses(&[(KdfParameters::DEFAULT, 180), (HEAVY, 20)]);
    cloud.weeks(7, 420);
    assert_eq!(cloud.answers(420), first);
}

#[test]
fn addresses_follow_other_shares_one_by_one_within_half_a_year_with_another_salt() {
    let mut cloud = Cloud::new();
    cloud.uses(&[(KdfParameters::DEFAULT, 100)]);
    cloud.weeks(0, 0);
    let mut before = cloud.answers(0);
    cloud.uses(&[(KdfParameters::DEFAULT, 100), (HEAVY, 100)]);
    assert_eq!(cloud.answers(6), before);
    for week in 1..=26 {
        cloud.weeks(week * 7, week * 7);
        let now = cloud.answers((week + 1) * 7);
        let moved = changed(&before, &now);
        assert!(moved < 50, "{moved} of {ASKED} in week {week}");
        for (before, now) in before.iter().zip(&now) {
            assert_eq!(before.salt == now.salt, before.parameters == now.parameters);
            assert!(before.parameters == KdfParameters::DEFAULT || before == now);
        }
        before = now;
    }
    let heavy = with(HEAVY, &before);
    assert!((430..570).contains(&heavy), "{heavy} of {ASKED}");
}

#[test]
fn whoever_changes_his_accounts_again_and_again_rules_out_no_more_than_his_share_in_half_a_year() {
    let mut cloud = Cloud::new();
    cloud.uses(&[(KdfParameters::DEFAULT, 100)]);
    cloud.weeks(0, 0);
    let mut before = cloud.answers(0);
    let mut known = vec![false; before.len()];
    // One in five is his, with a set that nobody has had before, every day.
    for day in 1_u32..=180 {
        let own = KdfParameters {
            memory_kib: HEAVY.memory_kib + day,
            ..HEAVY
        };
        cloud.uses(&[(KdfParameters::DEFAULT, 80), (own, 20)]);
        let day = u64::from(day);
        cloud.note(START + day * DAY);
        if !day.is_multiple_of(6) {
            continue;
        }
        let now = cloud.answers(day);
        for (known, (before, now)) in known.iter_mut().zip(before.iter().zip(&now)) {
            *known |= before != now;
        }
        before = now;
    }
    let known = known.iter().filter(|known| **known).count();
    assert!((100..250).contains(&known), "{known} of {ASKED}");
}

#[test]
fn what_no_account_uses_any_more_stays_until_the_turn_and_no_longer() {
    let mut cloud = Cloud::new();
    cloud.uses(&[(KdfParameters::DEFAULT, 50), (HEAVY, 50)]);
    cloud.weeks(0, 0);
    let first = cloud.answers(0);
    cloud.uses(&[(KdfParameters::DEFAULT, 50)]);
    assert_eq!(cloud.answers(6), first);
    cloud.weeks(7, 28);
    let left = with(HEAVY, &cloud.answers(28));
    assert!(left > with(HEAVY, &first) * 3 / 4, "{left} of {ASKED}");
    cloud.weeks(35, 182);
    assert_eq!(with(HEAVY, &cloud.answers(187)), 0);
}

#[test]
fn what_the_last_account_used_stays_no_longer_than_half_a_year_either() {
    let mut cloud = Cloud::new();
    cloud.uses(&[(HEAVY, 1)]);
    cloud.weeks(0, 0);
    cloud.uses(&[]);
    assert_eq!(with(HEAVY, &cloud.answers(6)), 1000);
    cloud.weeks(7, 182);
    assert_eq!(with(KdfParameters::DEFAULT, &cloud.answers(187)), 1000);
}

#[test]
fn shares_are_noted_once_a_week_of_few_sets_and_kept_while_an_address_draws_from_them() {
    let mut cloud = Cloud::new();
    let sets: Vec<_> = (0..100)
        .map(|n| {
            let set = KdfParameters {
                memory_kib: HEAVY.memory_kib + n,
                ..HEAVY
            };
            (set, n + 1)
        })
        .collect();
    cloud.uses(&sets);
    cloud.note(START);
    cloud.note(START + PAUSE - 1);
    assert_eq!(cloud.noted(), [START]);
    let fewest: (u32, u32) = cloud
        .connection
        .query_row(
            "SELECT count(*), min(accounts) FROM parameter_shares",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(fewest, (SETS, 69));
    cloud.note(START + 7 * DAY);
    assert_eq!(cloud.noted().len(), 2);
    cloud.weeks(14, 700);
    let noted = cloud.noted();
    assert!(noted[0] <= START + 520 * DAY && START + 520 * DAY < noted[1]);
    assert_eq!(noted.len(), 27);
}

#[test]
fn a_clock_that_was_ahead_for_a_while_keeps_no_shares_from_being_noted() {
    let mut cloud = Cloud::new();
    cloud.uses(&[(KdfParameters::DEFAULT, 1)]);
    cloud.note(START + 5000 * DAY);
    cloud.uses(&[(HEAVY, 1)]);
    cloud.note(START);
    assert_eq!(cloud.noted(), [START, START + 5000 * DAY]);
    assert_eq!(with(HEAVY, &cloud.answers(1)), 1000);
}

#[test]
fn shares_are_found_by_an_index_however_many_there_are() {
    let cloud = Cloud::new();
    let sql = format!("EXPLAIN QUERY PLAN {AT_TURN}");
    let mut statement = cloud.connection.prepare(&sql).unwrap();
    let steps = statement
        .query_map([START], |row| row.get::<_, String>(3))
        .unwrap();
    let steps: Vec<_> = steps.collect::<Result<_, _>>().unwrap();
    let reads: Vec<_> = steps
        .iter()
        .filter(|step| step.contains("parameter_shares"))
        .collect();
    assert!(reads.iter().any(|step| step.contains("at=?")), "{steps:?}");
    // The smallest of all is the first of the key, and SQLite reads no further.
    assert!(reads.iter().all(|step| step.contains("SEARCH")), "{steps:?}");
}
