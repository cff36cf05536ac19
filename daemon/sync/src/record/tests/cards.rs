//! vCards that three people change at three phones, while the cloud is also played back and emptied.

use super::*;

const CARD: &str = "text/vcard";

/// What a phone does to a card.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// Adds a number.
    Number,
    /// Adds an address with its label.
    Group(usize),
    /// Writes a property of which there is one.
    Single(usize),
    /// Removes the line at this place of those that can be removed.
    Drop(usize),
    /// Removes the card.
    Remove,
}

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, Edit),
    Sync(usize),
    /// Fetches, and loses the network before it pushes.
    Fetch(usize),
    /// Pushes, and loses the network before it hears of it.
    Deaf(usize),
    Keep,
    RollBack,
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edit = prop_oneof![
        4 => Just(Edit::Number),
        2 => (1..3_usize).prop_map(Edit::Group),
        3 => (0..2_usize).prop_map(Edit::Single),
        3 => (0..6_usize).prop_map(Edit::Drop),
        1 => Just(Edit::Remove),
    ];
    let step = prop_oneof![
        6 => (0..3_usize, edit).prop_map(|(device, edit)| Step::Edit(device, edit)),
        6 => (0..3_usize).prop_map(Step::Sync),
        2 => (0..3_usize).prop_map(Step::Fetch),
        2 => (0..3_usize).prop_map(Step::Deaf),
        1 => Just(Step::Keep),
        2 => Just(Step::RollBack),
        1 => Just(Step::Forget),
    ];
    prop::collection::vec(step, 0..40)
}

/// What a card says besides what each card has.
pub(super) fn said(text: &str) -> Vec<String> {
    let always = ["BEGIN:VCARD", "VERSION:3.0", "UID:n", "END:VCARD"];
    let lines = text.lines().filter(|line| !always.contains(line));
    lines.map(str::to_owned).collect()
}

pub(super) fn card(lines: &[String]) -> String {
    let inside: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:n\r\n{inside}END:VCARD\r\n")
}

/// The lines that somebody wrote and nobody who saw them removed.
pub(super) type Alive = BTreeSet<String>;

pub(super) fn edit(device: &mut Device, kind: &str, edit: &Edit, index: usize, alive: &mut Alive) {
    let mut lines = device.main().map(|text| said(&text)).unwrap_or_default();
    let mut gone = Vec::new();
    let mut write = |line: String, lines: &mut Vec<String>| {
        alive.insert(line.clone());
        lines.push(line);
    };
    match edit {
        Edit::Number => write(format!("TEL:{index}"), &mut lines),
        Edit::Group(n) => {
            write(format!("item{n}.ADR:{index}"), &mut lines);
            write(format!("item{n}.X-ABLabel:{index}"), &mut lines);
        }
        Edit::Single(n) => {
            let name = ["FN", "X-PLACE"][*n];
            gone = lines.extract_if(.., |line| line.starts_with(name)).collect();
            write(format!("{name}:{index}"), &mut lines);
        }
        Edit::Drop(at) => {
            if *at < lines.len() {
                gone.push(lines.remove(*at));
            }
        }
        Edit::Remove => {
            alive.retain(|line| !lines.contains(line));
            return device.remove("n");
        }
    }
    alive.retain(|line| !gone.contains(line));
    device.put("n", kind, &card(&lines));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1) * 4))]

    /// In the end they show the same, rest, and show each line that nobody who saw it removed.
    #[test]
    fn cards_and_notes_end_alike_and_no_line_is_lost(steps in steps(), is_card: bool) {
        let kind = if is_card { CARD } else { "text/plain" };
        let mut devices = [Device::default(), Device::default(), Device::default()];
        let (mut cloud, mut older, mut alive) = (Cloud::new(), Cloud::new(), Alive::new());
        // What all know, and what the cloud is played back to unless it is kept again.
        edit(&mut devices[0], kind, &Edit::Number, 1000, &mut alive);
        devices.iter_mut().for_each(|device| device.sync(&mut cloud));
        older.clone_from(&cloud);
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Edit(device, what) => edit(&mut devices[*device], kind, what, index, &mut alive),
                Step::Sync(device) => devices[*device].sync(&mut cloud),
                Step::Fetch(device) => devices[*device].take_all(&cloud),
                Step::Deaf(device) => {
                    let here = &mut devices[*device];
                    here.take_all(&cloud);
                    here.sends(&mut cloud);
                }
                Step::Keep => older = cloud.clone(),
                Step::RollBack => cloud = older.clone(),
                Step::Forget => cloud.clear(),
            }
        }
        devices.iter_mut().for_each(|device| device.bring(&cloud));
        for _ in 0..6 {
            devices.iter_mut().for_each(|device| device.sync(&mut cloud));
        }
        let rest = cloud.clone();
        devices.iter_mut().for_each(|device| device.sync(&mut cloud));
        prop_assert_eq!(&rest, &cloud, "they go on and on");
        for device in &devices {
            prop_assert_eq!(device.shown(), devices[0].shown());
            let shown: Alive = device.shown().iter().flat_map(|text| said(text)).collect();
            prop_assert!(alive.is_subset(&shown), "{:?} of {:?}", alive, shown);
        }
    }
}

/// A restored cloud gives a card of long ago to one phone, while another one that had been away changes just that.
#[test]
fn what_a_phone_made_of_an_old_card_costs_no_line_of_the_newer_one() {
    let (mut cloud, mut here, mut away) = (Cloud::new(), Device::default(), Device::default());
    let put = |device: &mut Device, lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        device.put("n", CARD, &card(&lines));
    };
    put(&mut here, &["TEL:1"]);
    here.sync(&mut cloud);
    away.sync(&mut cloud);
    let old = cloud.clone();
    put(&mut here, &["TEL:1", "TEL:2"]);
    here.sync(&mut cloud);
    put(&mut here, &["TEL:1", "TEL:2", "TEL:3"]);
    cloud = old;
    here.take_all(&cloud);
    put(&mut away, &["TEL:1", "TEL:4"]);
    away.sync(&mut cloud);
    for _ in 0..3 {
        here.sync(&mut cloud);
        away.sync(&mut cloud);
    }
    assert_eq!(here.shown(), away.shown());
    let shown: Vec<String> = here.shown().iter().flat_map(|text| said(text)).collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
}

/// Where two cards clash, what goes together is in both: in the one since it was joined, in the other since that is kept whole.
/// Who then removes what they clashed in leaves of the one a part of the other.
#[test]
fn a_card_whose_own_part_is_removed_keeps_what_was_joined_to_it_beside_the_version_that_has_it_too() {
    let (mut cloud, mut here, mut there) = (Cloud::new(), Device::default(), Device::default());
    let put = |device: &mut Device, lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        device.put("n", CARD, &card(&lines));
    };
    put(&mut here, &["ORG:here", "TITLE:here"]);
    put(&mut there, &["ORG:there"]);
    there.sync(&mut cloud);
    there.remove("n");
    put(&mut there, &["TITLE:there"]);
    for _ in 0..3 {
        here.sync(&mut cloud);
        there.sync(&mut cloud);
    }
    assert_eq!(here.shown(), there.shown());
    let shown: BTreeSet<Vec<String>> = here.shown().iter().map(|text| said(text)).collect();
    let cards = [&["ORG:here", "TITLE:here"][..], &["TITLE:here"], &["TITLE:there"]];
    let cards = cards.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
    assert_eq!(shown, BTreeSet::from(cards));
    assert_eq!(said(&here.main().unwrap()), ["TITLE:here"]);
}

/// More changes ago than ancestors are remembered.
#[test]
fn a_cloud_that_plays_a_card_of_long_ago_back_neither_hides_nor_revives_anything() {
    let (mut cloud, mut here) = (Cloud::new(), Device::default());
    here.put("n", "text/plain", "the first\n");
    here.sync(&mut cloud);
    let old = cloud.clone();
    for n in 0..150 {
        here.put("n", "text/plain", &format!("version {n}\n"));
        here.sync(&mut cloud);
    }
    cloud = old;
    here.sync(&mut cloud);
    here.sync(&mut cloud);
    assert_eq!(here.main().as_deref(), Some("version 149\n"));
    let mut other = Device::default();
    other.sync(&mut cloud);
    assert_eq!(other.main(), here.main());
    // It may as well be another device's change, so it isn't thrown away.
    assert_eq!(other.shown().len(), 2);
}

/// A restored cloud, or one that keeps a change to itself, has somebody go on from before another one's change.
#[test]
fn however_often_a_note_of_before_is_written_on_nobody_loses_what_he_wrote() {
    for times in [17, 200] {
        let (mut cloud, mut here, mut there) = (Cloud::new(), Device::default(), Device::default());
        here.put("n", "text/plain", "the first\n");
        here.sync(&mut cloud);
        there.sync(&mut cloud);
        let old = cloud.clone();
        here.put("n", "text/plain", "answered\n");
        here.sync(&mut cloud);
        cloud = old;
        for n in 0..times {
            there.put("n", "text/plain", &format!("version {n}\n"));
            there.sync(&mut cloud);
        }
        for _ in 0..3 {
            here.sync(&mut cloud);
            there.sync(&mut cloud);
        }
        assert_eq!(here.shown(), there.shown());
        let both = ["answered\n".to_owned(), format!("version {}\n", times - 1)];
        assert_eq!(here.shown(), BTreeSet::from(both), "{times} times");
    }
}

#[test]
fn a_device_that_was_away_for_many_changes_takes_the_newest_alone() {
    let (mut cloud, mut here, mut away) = (Cloud::new(), Device::default(), Device::default());
    here.put("n", "text/plain", "the first\n");
    here.sync(&mut cloud);
    away.sync(&mut cloud);
    for n in 0..120 {
        here.put("n", "text/plain", &format!("version {n}\n"));
        here.sync(&mut cloud);
    }
    away.sync(&mut cloud);
    assert_eq!(away.shown(), BTreeSet::from(["version 119\n".to_owned()]));
}

#[test]
fn a_version_that_the_owner_chose_against_comes_beside_again_when_it_is_made_again() {
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    one.put("n", "x/y", "mine");
    two.put("n", "x/y", "theirs");
    for _ in 0..2 {
        one.sync(&mut cloud);
        two.sync(&mut cloud);
    }
    let natural = |device: &Device| -> String {
        let sibling = device.records.values().find(|held| held.is_sibling());
        sibling.unwrap().content.natural.clone()
    };
    let sibling = natural(&one);
    one.remove(&sibling);
    for _ in 0..2 {
        one.sync(&mut cloud);
        two.sync(&mut cloud);
    }
    assert_eq!(two.shown().len(), 1);
    let (mine, other) = match one.main().as_deref() {
        Some("mine") => ("theirs", "other"),
        _ => ("mine", "other"),
    };
    one.put("n", "x/y", other);
    two.put("n", "x/y", mine);
    for _ in 0..2 {
        one.sync(&mut cloud);
        two.sync(&mut cloud);
    }
    assert_eq!(one.shown(), BTreeSet::from([mine.to_owned(), other.to_owned()]));
    assert_eq!(two.shown(), one.shown());
}

#[test]
fn an_attribute_changed_here_and_a_text_changed_there_are_both_kept() {
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    let put_with = |device: &mut Device, text: &str, mode: &[(&str, &str)]| {
        let id = keys().record_id("n");
        let before = device.records.remove(&id);
        let revision = before.as_ref().map_or(0, |held| held.revision);
        let pairs = mode
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let new = New {
            attributes: Attributes(pairs.collect()),
            ..new("n", "text/plain", text)
        };
        device.records.insert(id, stored(put(before, revision, new, 0)));
    };
    put_with(&mut one, "a\n", &[("mode", "0600"), ("old", "x")]);
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    put_with(&mut one, "a\n", &[("mode", "0644")]);
    put_with(
        &mut two,
        "a\nb\n",
        &[("mode", "0600"), ("old", "x"), ("new", "y")],
    );
    for _ in 0..2 {
        two.sync(&mut cloud);
        one.sync(&mut cloud);
    }
    for device in [one, two] {
        let held = &device.records[&keys().record_id("n")];
        let attributes: Vec<_> = held.content.attributes.0.iter().collect();
        let expected = [
            ("mode".to_owned(), "0644".to_owned()),
            ("new".to_owned(), "y".to_owned()),
        ];
        assert_eq!(
            attributes,
            expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>()
        );
        assert_eq!(text(&held.content), "a\nb\n");
    }
}
