//! Whatever happens, and wherever in between the watch is killed: lost is kept, and unlocked is as before.

use proptest::prelude::*;

use super::*;

/// What somebody, or chance, does to the device.
#[derive(Clone, Debug)]
enum Deed {
    Lock(bool),
    Switch(Radio, bool),
    LogIn(u8),
    Usb(bool),
    Restart,
    Killed,
    /// Killed in the middle of what follows.
    Fuse(u8),
    NetworkGone,
    NetworkBack,
    Wait,
}

fn deed() -> impl Strategy<Value = Deed> {
    let radio = prop_oneof![Just(Radio::Networking), Just(Radio::Wireless), Just(Radio::Wwan)];
    prop_oneof![
        any::<bool>().prop_map(Deed::Lock),
        (radio, any::<bool>()).prop_map(|(radio, on)| Deed::Switch(radio, on)),
        any::<u8>().prop_map(Deed::LogIn),
        any::<bool>().prop_map(Deed::Usb),
        Just(Deed::Restart),
        Just(Deed::Killed),
        (0..16_u8).prop_map(Deed::Fuse),
        Just(Deed::NetworkGone),
        Just(Deed::NetworkBack),
        Just(Deed::Wait),
    ]
}

proptest! {
    #[test]
    fn lost_is_kept_and_unlocked_is_as_before(deeds in prop::collection::vec(deed(), 0..40)) {
        let mut world = World::new();
        let mut lost = false;
        // What the owner would find without us: as last seen while not lost.
        let mut owners = (world.radios.clone().unwrap(), world.usb.clone());
        let mut absent: Option<BTreeMap<Radio, bool>> = None;
        world.look();
        world.lock(false);
        for deed in deeds {
            match deed {
                Deed::Lock(now) => {
                    lost = now;
                    world.lock(now);
                }
                Deed::Switch(radio, on) => if let Some(radios) = &mut world.radios {
                    radios.insert(radio, on);
                    if !lost {
                        owners.0.insert(radio, on);
                    }
                    let seen = radios.clone();
                    world.tell(Event::Radios(seen));
                }
                Deed::LogIn(id) => {
                    world.sessions.insert(format!("c{id}"));
                    world.tell(Event::SessionNew);
                }
                Deed::Usb(there) => {
                    // USBGuard reads its own configuration when it starts.
                    world.usb = there.then(|| owners.1.clone()).flatten();
                    world.tell(Event::Usb(world.usb.clone()));
                }
                Deed::Restart => {
                    world.inhibited = false;
                    world.tell(Event::Login(false));
                    world.tell(Event::Login(true));
                }
                Deed::Killed => world.start_again(lost),
                Deed::Fuse(steps) => {
                    world.fuse = Some(steps);
                    continue;
                }
                Deed::NetworkGone => if let Some(radios) = world.radios.take() {
                    absent = Some(radios);
                    world.tell(Event::Radios(BTreeMap::new()));
                }
                Deed::NetworkBack => if let Some(radios) = absent.take() {
                    world.radios = Some(radios.clone());
                    world.tell(Event::Radios(radios));
                }
                Deed::Wait => world.wait(),
            }
            if std::mem::take(&mut world.fuse).is_some() && world.killed {
                world.start_again(lost);
            }
            if lost {
                prop_assert!(world.all_on() && world.inhibited && world.sessions.is_empty());
                prop_assert!(world.usb.as_deref().is_none_or(|target| target == BLOCK));
            } else {
                prop_assert!(!world.inhibited);
                if let Some(radios) = &world.radios {
                    prop_assert_eq!(radios, &owners.0);
                }
                prop_assert!(world.usb.is_none() || world.usb == owners.1);
            }
        }
    }
}
