use super::*;

fn said(last: u8, name: Option<&str>, rssi: Option<i16>) -> Advertisement {
    Advertisement {
        address: Address([0, 0, 0, 0, 0, last]),
        name: name.map(str::to_owned),
        services: Vec::new(),
        manufacturer: Vec::new(),
        service_data: Vec::new(),
        rssi,
    }
}

fn book(bonded: &[u8]) -> Book<u8> {
    let bonded = bonded.iter().map(|last| Address([0, 0, 0, 0, 0, *last]));
    Book::new(bonded.collect())
}

#[test]
fn what_bluez_only_keeps_in_mind_is_not_near() {
    let mut book = book(&[2]);
    for device in [1, 2] {
        book.learn(&device, said(device, Some("Band"), None));
        book.note(&device, News::Known);
    }
    let heard = book.next().unwrap();
    assert_eq!((heard.advertisement.address.0[5], heard.bonded), (2, true));
    assert_eq!(book.next(), None, "the other has neither bond nor signal");
    book.note(&1, News::Strength(-60));
    let heard = book.next().unwrap();
    assert_eq!((heard.advertisement.rssi, heard.bonded), (Some(-60), false));
}

#[test]
fn nobody_s_turn_is_lost_and_the_newest_counts() {
    let mut book = book(&[]);
    for device in [1, 2] {
        book.learn(&device, said(device, Some("Scale"), Some(-50)));
        book.note(&device, News::Known);
    }
    for weight in 0..100 {
        book.note(&1, News::Manufacturer(vec![(1, vec![weight])]));
    }
    let first = book.next().unwrap().advertisement;
    assert_eq!(first.manufacturer, [(1, vec![99])]);
    assert_eq!(book.next().unwrap().advertisement.address.0[5], 2);
    assert!(!book.has_news());
}

#[test]
fn a_name_that_comes_later_is_asked_for_a_few_times() {
    let mut book = book(&[]);
    let mut asked = 0;
    while book.wants(&1) {
        asked += 1;
        book.learn(&1, said(1, None, Some(-50)));
    }
    assert_eq!(asked, usize::from(ASKED_FOR_NAME));
    assert!(book.wants(&2));
    book.learn(&2, said(2, Some("Band"), None));
    assert!(!book.wants(&2));
}

#[test]
fn a_crowd_does_not_fill_the_memory() {
    let mut book = Book::new(HashSet::new());
    for device in 0..20_000_u32 {
        book.learn(&device, said(0, None, Some(-50)));
        book.note(&device, News::Known);
        if device % 3 == 0 {
            book.next();
        }
        assert!(book.devices.len() <= MOST_DEVICES);
        assert!(book.news.len() <= MOST_DEVICES);
    }
    while book.next().is_some() {}
    book.learn(&20_001, said(1, None, Some(-50)));
    book.note(&20_001, News::Known);
    assert!(book.next().is_some(), "there is room again");
}
