//! The stage itself: what the other tests rely on.

use std::collections::HashMap;

use belay_tests::guest;
use belay_tests::polkit::Answer;
use zbus::Variant;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use crate::scene::Scene;

#[tokio::test]
async fn the_bus_believes_who_a_guest_is() {
    let scene = Scene::empty().await;
    let dbus = DBusProxy::new(scene.person()).await.unwrap();
    for uid in [
        Some(guest::person()),
        guest::stranger(),
        guest::is_root().then_some(0),
    ]
    .into_iter()
    .flatten()
    {
        let guest = scene.connect(uid).await.unwrap();
        let name = BusName::from(guest.unique_name().unwrap().clone());
        assert_eq!(dbus.get_connection_unix_user(name).await.unwrap(), uid);
    }
}

#[tokio::test]
async fn the_simulated_polkit_answers_as_it_is_told() {
    let scene = Scene::empty().await;
    let name = scene.person().unique_name().unwrap().to_string();
    let details = HashMap::from([("name", Variant::from(name.as_str()))]);
    let question = (
        ("system-bus-name", details),
        "org.x",
        HashMap::<&str, &str>::new(),
        0_u32,
        "",
    );
    for (answer, expected) in [
        (Answer::Yes, (true, false)),
        (Answer::No, (false, false)),
        (Answer::Challenge, (false, true)),
    ] {
        scene.polkit().answer(answer);
        let (service, interface) = (
            "org.freedesktop.PolicyKit1",
            "org.freedesktop.PolicyKit1.Authority",
        );
        let path = "/org/freedesktop/PolicyKit1/Authority";
        let call = scene.person().call_method(
            Some(service),
            path,
            Some(interface),
            "CheckAuthorization",
            &question,
        );
        let said = call.await.unwrap();
        let ((yes, challenge, _),): ((bool, bool, HashMap<String, String>),) =
            said.body().deserialize().unwrap();
        assert_eq!((yes, challenge), expected);
    }
    let asked = scene.polkit().asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(
        (asked[0].action.as_str(), asked[0].subject.as_str()),
        ("org.x", name.as_str())
    );
    scene.polkit().leave().await.unwrap();
    scene.polkit().come_back().await.unwrap();
}
