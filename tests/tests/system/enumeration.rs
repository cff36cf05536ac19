//! Nothing that anybody may ask tells who has an account, whichever way the cloud knows them.

use std::collections::BTreeSet;

use belay_tests::owner::{Heard, Known, interrogate};
use belay_tests::stage::Plan;

use crate::scene::{Scene, plan, settings};

async fn says_the_same_of(known: Known) {
    let settings = settings("[proof-of-work]\nrounds = 1\nprefix = \"0\"\n");
    let cloud_args = vec!["--config".to_owned(), settings.path().display().to_string()];
    let mut scene = Scene::of(Plan { cloud_args, ..plan() }).await;
    let subject = known.made(&scene).await.unwrap();
    // A device would ask too, each time that a day passes.
    scene.stop_belayd().await.unwrap();
    let words = |heard: &[Heard]| heard.iter().map(|h| h.words.clone()).collect::<BTreeSet<_>>();
    for answers in interrogate(&scene, &subject, 3).await.unwrap() {
        let (known, unknown) = (words(&answers.known), words(&answers.unknown));
        assert_eq!(known, unknown, "{:?}", answers.question);
        assert_eq!(known.len(), 1, "{:?}: {known:?}", answers.question);
    }
}

#[tokio::test]
async fn each_public_call_says_the_same_of_an_address_with_an_account_and_of_one_without() {
    says_the_same_of(Known::Login).await;
}

#[tokio::test]
async fn each_public_call_says_the_same_of_a_number_with_an_account_and_of_one_without() {
    says_the_same_of(Known::Number).await;
}

#[tokio::test]
async fn each_public_call_says_the_same_of_an_account_s_second_address_and_of_one_without_an_account() {
    says_the_same_of(Known::Second).await;
}

#[tokio::test]
async fn each_public_call_says_the_same_of_an_account_that_waits_for_a_recovery_and_of_none() {
    says_the_same_of(Known::Held).await;
}
