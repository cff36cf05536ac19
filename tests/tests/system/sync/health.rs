//! Health data of the owner's accessories, on a phone that the accessory never told it.

use belay_tests::accessories::Band;
use belay_tests::accessories::band::Model;
use belay_tests::app::{New, Object};
use belay_tests::until::until;

use crate::accessory::band::lived;
use crate::accessory::{BAND, Beside, band, this_minute};
use crate::owner::{ADA, PASSWORD};
use crate::scene::Scene;

/// The collection.
const HEALTH: &str = "health";
/// So many times as fast does the devices' time go.
const SPEED: u32 = 5;
/// So many minutes did the band live through.
const LIVED: i64 = 300;

type Minute = (u64, u8, u8, u8, u8);

/// Two phones of Ada's. The first one has fetched a band's history, the second knows that there is a band.
struct Two {
    first: Beside,
    second: Beside,
    object: Object,
    /// The first minute.
    start: i64,
    key: [u8; 16],
}

impl Two {
    async fn new() -> Self {
        let first = Beside::new().await;
        let start = this_minute() - LIVED;
        let (band, object) = first.finds(band(LIVED)).await;
        first.pairs(&band, object).await;
        first.syncs(object).await.unwrap();
        let second = Beside::around(Scene::beside(&first.scene).await).await;
        second.app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
        for phone in [&first, &second] {
            phone.scene.clock().run(SPEED).unwrap();
        }
        until("the other phone to know of the band", async || {
            second.app.text(object, "State").await.ok()
        })
        .await
        .unwrap();
        let key = band.with(|it, _| it.auth.key).await.unwrap().unwrap();
        Self {
            first,
            second,
            object,
            start,
            key,
        }
    }

    /// What a phone has of the minutes that the band lived through.
    async fn shown(&self, phone: &Beside) -> Vec<Minute> {
        let end = (self.start + LIVED).unsigned_abs() * 60;
        let mut all = phone.activity(self.object).await;
        all.retain(|minute| minute.0 < end);
        all
    }

    fn lived(&self) -> Vec<Minute> {
        lived(self.start, self.start + LIVED)
    }
}

async fn switches_on(phone: &Beside) {
    phone.app.enable(HEALTH, true).await.unwrap().unwrap();
}

async fn syncs(phone: &Beside) {
    phone.app.sync_now().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_band_s_day_is_there_on_the_owner_s_other_phone_and_once_where_both_have_it() {
    let mut two = Two::new().await;
    switches_on(&two.first).await;
    syncs(&two.first).await;
    assert_eq!(two.shown(&two.second).await, []);
    // Later than the band came.
    switches_on(&two.second).await;
    syncs(&two.second).await;
    assert_eq!(two.shown(&two.second).await, two.lived());
    two.second.scene.kill_belayd().await.unwrap();
    two.second.scene.start_belayd().await.unwrap();
    until("the band to be on the bus again", async || {
        two.second.app.text(two.object, "State").await.ok()
    })
    .await
    .unwrap();
    assert_eq!(two.shown(&two.second).await, two.lived());
    // What came is none of this phone's own: it shares nothing.
    let shared = two.second.app.list(HEALTH).await.unwrap().unwrap().len();
    syncs(&two.second).await;
    assert_eq!(two.second.app.list(HEALTH).await.unwrap().unwrap().len(), shared);

    // The band is here too, and tells half of the same again.
    let mut theirs = Band::new(Model::Two, BAND, Some(two.key), 2);
    theirs.history.live(9, two.start + LIVED / 2, LIVED / 2);
    let _theirs = two.second.air.add(theirs).await.unwrap();
    two.second
        .app
        .reads(two.object, "State", "connected")
        .await
        .unwrap();
    two.second.syncs(two.object).await.unwrap();
    assert_eq!(two.shown(&two.second).await, two.lived());
    syncs(&two.second).await;
    let both = two.second.app.list(HEALTH).await.unwrap().unwrap().len();
    assert!(both > shared, "each phone has records of its own: {both}");
    syncs(&two.first).await;
    assert_eq!(two.shown(&two.first).await, two.lived());
}

#[tokio::test]
async fn what_is_no_day_shows_nothing_and_a_day_whose_record_is_removed_goes() {
    let two = Two::new().await;
    for phone in [&two.first, &two.second] {
        switches_on(phone).await;
    }
    syncs(&two.first).await;
    let app = &two.first.app;
    let days = app.list(HEALTH).await.unwrap().unwrap();
    let day = days.iter().find(|row| row.natural.contains("/minutes/")).unwrap();
    let (content, _) = app.content(HEALTH, &day.id).await.unwrap().unwrap();
    let parts: Vec<&str> = day.natural.split('/').collect();
    let [band, number, what, device] = parts[..] else {
        panic!("{parts:?}")
    };
    let rogue = "0".repeat(32);
    let (before, after) = ("1".to_owned(), u64::MAX.to_string());
    for (natural, content) in [
        (format!("{band}/{number}/{what}/{rogue}"), b"garbage".as_slice()),
        (format!("{band}/{before}/{what}/{rogue}"), &[1; 181]),
        (format!("{band}/{after}/{what}/{device}"), &content),
        (format!("{band}/2932897/{what}/{device}"), &content),
        (format!("{rogue}/{number}/{what}/{device}"), &content),
        (format!("{band}/{number}/hours/{device}"), &content),
    ] {
        let new = New {
            natural: &natural,
            kind: &day.kind,
            content,
        };
        app.put_new(HEALTH, &new).await.unwrap().unwrap();
    }
    syncs(&two.first).await;
    syncs(&two.second).await;
    for phone in [&two.first, &two.second] {
        assert_eq!(two.shown(phone).await, two.lived());
    }
    for day in &days {
        app.delete(HEALTH, &day.id, day.revision).await.unwrap().unwrap();
    }
    syncs(&two.first).await;
    syncs(&two.second).await;
    assert_eq!(two.shown(&two.second).await, []);
    // What the phone itself was told stays.
    assert_eq!(two.shown(&two.first).await, two.lived());
}
