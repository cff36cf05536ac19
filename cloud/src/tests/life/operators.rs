//! `belay-cloud admin accounts`.

use belay_proto::signed::Deed;
use serde_json::json;

use super::super::rig::Rig;
use super::{FIRST, House, delete, removal_body};
use crate::admin::{AdminError, accounts};
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
