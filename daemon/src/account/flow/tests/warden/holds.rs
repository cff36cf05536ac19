//! The holds of the warden made of maps.

use belay_proto::id::{DeviceId, Epoch};
use belay_proto::keys::SigningKey;
use belay_proto::signed::{HoldEnd, Signed};
use belay_proto::steps::HoldInput;

use super::{DEVICE, MapWarden};
use crate::warden::HoldView;

impl MapWarden {
    /// A hold begins.
    pub fn begin_hold(&self) {
        self.inner.lock().unwrap().hold = HoldView::Running;
        self.show();
    }

    /// A hold begins towards a record that the account has already; it leads on to `then`, and to no other.
    pub fn begin_hold_towards(&self, record: &[u8], then: Option<&[u8]>) {
        let mut inner = self.inner.lock().unwrap();
        (inner.towards, inner.leads_on_to) = (Some(record.to_vec()), then.map(<[u8]>::to_vec));
        drop(inner);
        self.begin_hold();
    }

    /// A hold ends here, and the warden is busy with something else at first.
    pub fn end_hold(&self, busy: u32) {
        let mut inner = self.inner.lock().unwrap();
        let end = HoldEnd {
            account: inner.bound.unwrap(),
            device: DeviceId::from_bytes(DEVICE),
            epoch: Epoch::random(),
            credentials: [8; 32],
            over: false,
        };
        inner.hold = HoldView::Ended;
        inner.hold_ended = Some(Signed::seal(&end, &SigningKey::generate()).encode());
        inner.busy = busy;
        drop(inner);
        self.show();
    }

    /// The steps about a hold, as they came.
    pub fn holds(&self) -> Vec<HoldInput> {
        self.inner.lock().unwrap().holds.clone()
    }
}
