//! Files whose times all moved alike: after a journey, or because somebody dated them so.

use std::fs::FileTimes;
use std::time::SystemTime;

use super::*;
use crate::exfat::Card;
use crate::model::{Attributes, Known, Mark, Memory, Root};
use crate::queue::Job;
use crate::state::Work;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_item_is_compared_with_its_record_whatever_its_length_and_neither_is_touched() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let file = home.path().join("root/a");
    fs::create_dir(home.path().join("root")).unwrap();
    let clock = Arc::new(BoottimeClock::new());
    let source = Folder::new(home.path().join("root"), Which::All, Vec::new(), clock);
    let records: Arc<dyn Records> = Arc::<Collection>::clone(&collection);
    let worker = Worker {
        source: Arc::new(source),
        records,
        settle: Duration::ZERO,
    };
    for length in [5, 2 * SMALL, 5 << 20] {
        let text = "a".repeat(usize::try_from(length).unwrap());
        let edited = format!("{}b", text.get(1..).unwrap());
        collection.others("a", Some(&text));
        for (content, outcome) in [(&text, Outcome::Same), (&edited, Outcome::Differs)] {
            fs::write(&file, content).unwrap();
            let scan = worker.source.scan(false, false).unwrap();
            let (_, item) = scan.items.into_iter().next().unwrap();
            let (_, record) = collection.list().await.unwrap().into_iter().next().unwrap();
            let work = Work::Compare {
                item: item.clone(),
                record,
            };
            let job = Job {
                lane: Lane::Long,
                items: vec![("a".to_owned(), work)],
            };
            let outcomes = worker.clone().carry_out(job).await;
            assert_eq!(outcomes, [("a".to_owned(), outcome)], "{length}");
            assert!(worker.source.is_still(&item) && collection.contents()["a"] == text);
        }
    }
}

/// A mirror whose card has other times than it is remembered by, and which waits to compare what lies there.
async fn waiting(home: &Path) -> Mirror {
    let clock: Arc<dyn Clock> = Arc::new(BoottimeClock::new());
    let collection = Collection::new();
    let folder = Folder::new(home.to_owned(), Which::All, Vec::new(), Arc::clone(&clock));
    let records: Arc<dyn Records> = Arc::<Collection>::clone(&collection);
    let parts = Parts {
        name: "test".to_owned(),
        source: Arc::new(folder),
        records,
        memory: MemoryFile::new(&home.join("state"), "test"),
        settle: Duration::ZERO,
        gone: Gone::Unsaid,
        clock,
    };
    let root = Root {
        device: 1,
        inode: 1,
        boot: "boot".to_owned(),
        below_mount: None,
    };
    let (mut items, mut known) = (Vec::new(), BTreeMap::new());
    for (name, day) in ["a", "b", "c"].into_iter().zip(1_i64..) {
        collection.others(name, Some(name));
        let hour = 3600 * 1_000_000_000;
        let mark = Mark {
            modified: day * 24 * hour,
            size: 1,
            inode: 0,
            mode: 0,
        };
        let before = Known {
            id: name.to_owned(),
            revision: 1,
            place: name.to_owned(),
            mark,
            is_doubted: false,
        };
        let item = Local {
            place: name.to_owned(),
            kind: "text/plain".to_owned(),
            attributes: Attributes::new(),
            mark: Mark {
                modified: mark.modified + hour,
                ..mark
            },
        };
        known.insert(name.to_owned(), before);
        items.push((name.to_owned(), item));
    }
    let mut mirror = Mirror::new(parts, watch::channel(Status::default()).0);
    let memory = Memory::read(Binding::default(), Some(root.clone()), known);
    mirror.state = State::new(memory, true, Gone::Unsaid);
    mirror.ordered(Order::On(Binding::default()));
    let scan = Scan {
        root,
        items,
        unseen: Vec::new(),
        is_watched: true,
        left: Left::default(),
    };
    mirror.event(Event::Scanned(0, scan));
    mirror.event(Event::Listed(0, collection.list().await.unwrap()));
    mirror
}

#[tokio::test]
async fn of_a_card_that_waits_to_be_compared_nothing_is_put_once_its_collection_is_off() {
    let home = tempfile::tempdir().unwrap();
    let mut mirror = waiting(home.path()).await;
    let job = mirror.queue.begin().unwrap();
    assert!(matches!(job.items[..], [(_, Work::Compare { .. })]), "{job:?}");

    let mut mirror = waiting(home.path()).await;
    mirror.ordered(Order::Off);
    assert!(mirror.queue.begin().is_none());
}

/// Dates files on a card by days, the later in the list the younger, and all by so much more.
fn date(card: &Card, names: &[&str], more: Duration) {
    for (name, day) in names.iter().zip(0_u32..) {
        let file = File::options().write(true).open(card.at(name)).unwrap();
        let time = SystemTime::UNIX_EPOCH + HOUR * 400_000 + HOUR * (24 * day) + more;
        let times = FileTimes::new().set_accessed(time).set_modified(time);
        file.set_times(times).unwrap();
    }
}

#[tokio::test]
async fn files_on_a_card_that_were_edited_and_dated_by_the_same_hours_are_put_and_those_of_another_zone_are_not()
 {
    let Some(card) = Card::new() else { return };
    let (film, edited) = ("film ".repeat(40_000), "FILM ".repeat(40_000));
    let names = ["a", "b", "film"];
    for (name, text) in names.iter().zip(["a", "b", film.as_str()]) {
        fs::write(card.at(name), text).unwrap();
    }
    date(&card, &names, Duration::ZERO);
    let mut running = Running::new(card.home(), &Collection::new()).await;
    let first = [("a", "a"), ("b", "b"), ("film", film.as_str())];
    running.holds(&first).await;
    let collection = Arc::clone(&running.collection);
    let calls = *collection.calls.lock().unwrap();
    running.end().await;

    date(&card, &names, HOUR);
    let mut running = Running::new(card.home(), &collection).await;
    running.holds(&first).await;
    assert_eq!(*collection.calls.lock().unwrap(), calls);
    running.end().await;

    for (name, text) in names.iter().zip(["A", "B", edited.as_str()]) {
        fs::write(card.at(name), text).unwrap();
    }
    date(&card, &names, HOUR * 3);
    let mut running = Running::new(card.home(), &collection).await;
    running
        .holds(&[("a", "A"), ("b", "B"), ("film", edited.as_str())])
        .await;
    running.end().await;
}
