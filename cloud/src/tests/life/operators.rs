//! `belay-cloud admin accounts`.

use belay_proto::signed::Deed;
use serde_json::json;

use super::super::owner::{Device, Owner};
use super::super::rig::Rig;
use super::{FIRST, House, delete, removal_body};
use crate::admin::{AdminError, accounts, hardware};
use crate::messages::Notice;

#[tokio::test]
async fn an_operator_sees_accounts_without_addresses_and_deletes_one_that_nothing_is_bound_to() {
    let rig = Rig::new();
    let data = rig.app.settings.data.clone();
    assert_eq!(accounts::list(&data).unwrap(), "no accounts");
    let house = House::new(&rig).await;
    let id = house.owner().account.to_string();
    let line = format!("account={id} login=j•••@e•••.org created_at=1800000000 devices=2 used=0");
    assert_eq!(accounts::list(&data).unwrap(), line);
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    let path = format!("/v1/devices/{}", house.tablet.id());
    delete(house.phone(), &path, &removal_body(&order, &FIRST, json!([])))
        .await
        .is(204);
    for name in [id.as_str(), "jo@example.org"] {
        let shown = accounts::show(&data, name).unwrap();
        assert!(!shown.contains("jo@example.org"));
        for part in [
            "email j•••@e•••.org",
            &format!("device {} active", house.home.device.id()),
            &format!("device {} removed", house.tablet.id()),
            "accessories 0",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
    let refused = accounts::delete(&rig.app.settings, &id);
    assert!(
        matches!(refused, Err(AdminError::StillBound(1, 0))),
        "{refused:?}"
    );
    let release = json!({ "release": house.home.device.release(house.owner()) });
    rig.post("/v1/releases", &release).await.is(204);
    assert_eq!(
        accounts::delete(&rig.app.settings, "jo@example.org").unwrap(),
        format!("deleted {id}")
    );
    rig.told_by_an_operator(
        "jo@example.org",
        &[
            Notice::SignedIn,
            Notice::DeviceAdded { device: "Tablet" },
            Notice::DeviceRemoved { device: "Tablet" },
            Notice::AccountDeleted,
        ],
    )
    .await;
    for gone in [id.as_str(), "jo@example.org"] {
        assert!(matches!(accounts::show(&data, gone), Err(AdminError::NoAccount)));
        assert!(matches!(
            accounts::delete(&rig.app.settings, gone),
            Err(AdminError::NoAccount)
        ));
    }
    assert_eq!(accounts::list(&data).unwrap(), "no accounts");
    assert!(matches!(
        accounts::show(&data, "nonsense"),
        Err(AdminError::Named(_))
    ));
}

#[tokio::test]
async fn a_device_that_an_operator_lets_go_takes_no_other_with_it() {
    let rig = Rig::new();
    let (data, settings) = (&rig.app.settings.data, &rig.app.settings);
    // Boards of one model, which have nothing that tells one from another.
    let board = Device {
        locked: false,
        ..Device::new()
    };
    let twin = Device {
        locked: false,
        ..board.reset()
    };
    let (jo, al) = (Owner::new("jo@example.org"), Owner::new("al@example.org"));
    jo.register(&mut rig.client(), &board).await;
    al.register(&mut rig.client(), &twin).await;
    let (board, twin) = (board.id().to_string(), twin.id().to_string());
    assert_eq!(hardware::show(data, &board).unwrap().lines().count(), 2);
    assert_eq!(hardware::release(settings, &board).unwrap(), "released 1");
    let stands = |id: &str| {
        accounts::show(data, id)
            .unwrap()
            .contains(&format!("device {twin} active"))
    };
    assert!(stands("al@example.org"));
    // Its old id lets nobody's go who has the hardware now.
    assert!(matches!(
        hardware::release(settings, &board),
        Err(AdminError::Free)
    ));
    assert!(stands("al@example.org"));
}
