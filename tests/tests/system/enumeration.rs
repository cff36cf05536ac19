//! Nothing that anybody may ask tells who has an account.

use std::collections::BTreeSet;

use belay_tests::owner::{Heard, Subject, interrogate};
use belay_tests::stage::Plan;

use crate::owner::{PASSWORD, registered};
use crate::scene::{Scene, plan, settings};

/// As long as those that nobody has.
const ADA: &str = "adalovelace0@example.org";

#[tokio::test]
async fn each_public_call_says_the_same_of_an_address_with_an_account_and_of_one_without() {
    let settings = settings("[proof-of-work]\nrounds = 1\nprefix = \"0\"\n");
    let cloud_args = vec!["--config".to_owned(), settings.path().display().to_string()];
    let scene = Scene::of(Plan { cloud_args, ..plan() }).await;
    registered(&scene, ADA, PASSWORD).await;
    let words = |heard: &[Heard]| heard.iter().map(|h| h.words.clone()).collect::<BTreeSet<_>>();
    let known = Subject::only(&scene, ADA).unwrap();
    for answers in interrogate(&scene, &known, 3).await.unwrap() {
        let (known, unknown) = (words(&answers.known), words(&answers.unknown));
        assert_eq!(known, unknown, "{:?}", answers.question);
        assert_eq!(known.len(), 1, "{:?}: {known:?}", answers.question);
    }
}
