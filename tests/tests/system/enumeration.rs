//! Nothing that anybody may ask tells who has an account, whichever way the cloud knows them.

use std::collections::BTreeSet;

use belay_tests::openapi::{Call, Contract};
use belay_tests::owner::{Heard, Known, Question, Unasked, interrogate};
use belay_tests::stage::Plan;

use crate::scene::{Scene, plan, settings};

async fn says_the_same_of(known: Known) {
    let secret = settings("between the gateway and the cloud");
    let settings = settings(&Question::settings(secret.path()));
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

#[test]
fn each_public_call_is_asked_about_somebody_or_there_is_a_reason_not_to() {
    let mut told: BTreeSet<&str> = Question::ALL.iter().map(|question| question.call()).collect();
    for unasked in Unasked::ALL {
        assert!(told.insert(unasked.call), "{} twice", unasked.call);
        assert!(!unasked.why.is_empty(), "{} without a reason", unasked.call);
    }
    // `openapi.yaml` has each route of the cloud, and what the cloud wants a session for.
    let public = Contract::ours().unwrap().public();
    let public: Vec<String> = public.iter().map(Call::to_string).collect();
    let public: BTreeSet<&str> = public.iter().map(String::as_str).collect();
    assert_eq!(told, public);
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
