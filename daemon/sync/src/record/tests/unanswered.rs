//! A push whose answer is lost or late, while its owner writes on: others may have what was sent, and go on from there.

use super::cards::{Alive, Edit, card, edit, said};
use super::*;

const CARD: &str = "text/vcard";

impl Device {
    /// Pushes what is pending and hears of none of it. It is noted before it is sent.
    pub(super) fn sends(&mut self, cloud: &mut Cloud) {
        for (id, held) in self.records.iter_mut().filter(|(_, held)| held.pending) {
            let bytes = held.content.encode();
            let revision = Revision::of(&bytes);
            held.known = Some(revision);
            let there = cloud.get(id).map(|(revision, _)| *revision);
            if there == held.base.map(|base| base.revision) {
                cloud.insert(*id, (revision, bytes));
            }
        }
    }

    /// Notes what is sent of it, which doesn't arrive.
    fn loses(&mut self) {
        self.sends(
            &mut self
                .records
                .keys()
                .map(|id| (*id, (Revision::from_bytes([0xff; 16]), Vec::new())))
                .collect(),
        );
    }

    fn puts_card(&mut self, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        self.put("n", CARD, &card(&lines));
    }

    fn lines(&self) -> Vec<String> {
        said(&self.main().unwrap())
    }
}

/// Two devices with a card of this number.
fn two() -> (Cloud, Device, Device) {
    let (mut cloud, mut here, mut there) = (Cloud::new(), Device::default(), Device::default());
    here.puts_card(&["TEL:1"]);
    here.sync(&mut cloud);
    there.sync(&mut cloud);
    (cloud, here, there)
}

fn rest(cloud: &mut Cloud, here: &mut Device, there: &mut Device) {
    for _ in 0..3 {
        here.sync(cloud);
        there.sync(cloud);
    }
    assert_eq!(here.shown(), there.shown());
}

#[test]
fn what_another_device_removed_from_what_was_sent_stays_removed_though_it_is_written_on_meanwhile() {
    let (mut cloud, mut here, mut there) = two();
    here.puts_card(&["TEL:1", "TEL:2"]);
    here.sends(&mut cloud);
    here.puts_card(&["TEL:1", "TEL:2", "TEL:3"]);
    there.sync(&mut cloud);
    there.puts_card(&["TEL:1"]);
    there.sync(&mut cloud);
    rest(&mut cloud, &mut here, &mut there);
    assert_eq!(
        (here.lines(), here.shown().len()),
        (vec!["TEL:1".to_owned(), "TEL:3".to_owned()], 1)
    );
}

#[test]
fn a_line_that_another_device_took_out_of_a_sent_note_isnt_back_without_a_word() {
    let (mut cloud, mut here, mut there) = two();
    here.put("m", "text/plain", "a\n");
    here.sync(&mut cloud);
    there.sync(&mut cloud);
    here.put("m", "text/plain", "a\nx\n");
    here.sends(&mut cloud);
    here.put("m", "text/plain", "a\nx\ny\n");
    there.sync(&mut cloud);
    there.put("m", "text/plain", "a\n");
    there.sync(&mut cloud);
    rest(&mut cloud, &mut here, &mut there);
    assert!(here.shown().contains("a\n"), "{:?}", here.shown());
}

#[test]
fn an_answer_that_meets_a_newer_edit_makes_what_was_sent_the_common_version() {
    let (_, mut here, _) = two();
    here.puts_card(&["TEL:1", "TEL:2"]);
    here.loses();
    let id = keys().record_id("n");
    let sent = here.records[&id].known.unwrap();
    let number = here.records[&id].content.number;
    here.puts_card(&["TEL:1", "TEL:2", "TEL:3"]);
    let held = pushed(here.records.remove(&id).unwrap(), number, sent);
    let common = held.common.unwrap();
    assert_eq!((common.revision, held.offered.is_none()), (sent, true));
    assert_eq!(said(&text(&common.content)), ["TEL:1", "TEL:2"]);
}

#[test]
fn what_never_arrived_costs_no_conflict_with_what_another_device_made_of_the_version_before() {
    let (mut cloud, mut here, mut there) = two();
    here.puts_card(&["TEL:1", "TEL:2"]);
    here.loses();
    here.puts_card(&["TEL:2", "TEL:3"]);
    there.put("n", CARD, &card(&["FN:Ada".to_owned(), "TEL:1".to_owned()]));
    there.sync(&mut cloud);
    rest(&mut cloud, &mut here, &mut there);
    let lines = ["FN:Ada", "TEL:2", "TEL:3"].map(str::to_owned);
    assert_eq!((here.lines(), here.shown().len()), (lines.to_vec(), 1));
}

#[test]
fn what_was_sent_is_remembered_where_it_is_said_again_above_something_else() {
    let (mut cloud, mut here, mut there) = two();
    here.puts_card(&["TEL:1", "TEL:2"]);
    let old = cloud.clone();
    here.sends(&mut cloud);
    let sent = cloud.clone();
    // A cloud of before shows a removal that knows nothing of it, for a while.
    let mut third = Device::default();
    let mut other = old;
    third.sync(&mut other);
    third.remove("n");
    third.sync(&mut other);
    here.take_all(&other);
    here.puts_card(&["TEL:1", "TEL:2", "TEL:3"]);
    cloud = sent;
    there.sync(&mut cloud);
    there.puts_card(&["TEL:1"]);
    there.sync(&mut cloud);
    here.take_all(&cloud);
    assert_eq!(here.lines(), ["TEL:1", "TEL:3"]);
}

#[test]
fn what_was_seen_at_the_cloud_is_in_common_though_another_change_is_lost() {
    let (mut cloud, mut here, mut there) = two();
    here.puts_card(&["TEL:1", "TEL:2"]);
    here.sends(&mut cloud);
    here.puts_card(&["TEL:1", "TEL:2", "TEL:3"]);
    here.take_all(&cloud);
    here.loses();
    here.puts_card(&["TEL:1", "TEL:2", "TEL:3", "TEL:4"]);
    there.sync(&mut cloud);
    there.puts_card(&["TEL:1"]);
    there.sync(&mut cloud);
    rest(&mut cloud, &mut here, &mut there);
    assert_eq!(
        (here.lines().join(" "), here.shown().len()),
        ("TEL:1 TEL:3 TEL:4".to_owned(), 1)
    );
}

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, Edit),
    Sync(usize),
    Deaf(usize),
    Lost(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edit = prop_oneof![
        4 => Just(Edit::Number),
        2 => (0..2_usize).prop_map(Edit::Single),
        4 => (0..6_usize).prop_map(Edit::Drop),
    ];
    let step = prop_oneof![
        6 => (0..3_usize, edit).prop_map(|(device, edit)| Step::Edit(device, edit)),
        4 => (0..3_usize).prop_map(Step::Sync),
        3 => (0..3_usize).prop_map(Step::Deaf),
        1 => (0..3_usize).prop_map(Step::Lost),
    ];
    prop::collection::vec(step, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1) * 4))]

    /// Where nothing clashes in the end and the cloud forgets nothing, no line is back that somebody removed who saw it.
    #[test]
    fn no_line_is_back_where_answers_are_lost(steps in steps(), is_card: bool) {
        let kind = if is_card { CARD } else { "text/plain" };
        let mut devices = [Device::default(), Device::default(), Device::default()];
        let (mut cloud, mut alive) = (Cloud::new(), Alive::new());
        edit(&mut devices[0], kind, &Edit::Number, 1000, &mut alive);
        devices.iter_mut().for_each(|device| device.sync(&mut cloud));
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Edit(device, what) => edit(&mut devices[*device], kind, what, index, &mut alive),
                Step::Sync(device) => devices[*device].sync(&mut cloud),
                Step::Deaf(device) => {
                    devices[*device].take_all(&cloud);
                    devices[*device].sends(&mut cloud);
                }
                Step::Lost(device) => {
                    devices[*device].take_all(&cloud);
                    devices[*device].loses();
                }
            }
        }
        for _ in 0..6 {
            devices.iter_mut().for_each(|device| device.sync(&mut cloud));
        }
        let shown = devices[0].shown();
        if shown.len() == 1 {
            let shown: Alive = shown.iter().flat_map(|text| said(text)).collect();
            prop_assert_eq!(&alive, &shown);
        }
    }
}
