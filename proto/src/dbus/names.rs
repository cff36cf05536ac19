//! Names on the bus, and the contract as XML.

/// belayd's name.
pub const BUS_NAME: &str = "org.belay1";
/// The warden's name.
pub const WARDEN_NAME: &str = "org.belay1.Warden";
/// `org.freedesktop.DBus.ObjectManager` and `org.belay1.Manager`.
pub const PATH: &str = "/org/belay1";
/// `org.belay1.Account`.
pub const ACCOUNT_PATH: &str = "/org/belay1/account";
/// `org.belay1.Device`.
pub const DEVICE_PATH: &str = "/org/belay1/device";
/// `org.belay1.AccessoryManager`; accessories lie below.
pub const ACCESSORIES_PATH: &str = "/org/belay1/accessories";
/// `org.belay1.Sync`; collections lie below.
pub const SYNC_PATH: &str = "/org/belay1/sync";
/// `org.belay1.Warden`, on the warden's own name.
pub const WARDEN_PATH: &str = "/org/belay1/warden";

/// belayd as a whole.
pub const MANAGER_INTERFACE: &str = "org.belay1.Manager";
/// The account.
pub const ACCOUNT_INTERFACE: &str = "org.belay1.Account";
/// The device.
pub const DEVICE_INTERFACE: &str = "org.belay1.Device";
/// Finding accessories.
pub const ACCESSORY_MANAGER_INTERFACE: &str = "org.belay1.AccessoryManager";
/// One accessory.
pub const ACCESSORY_INTERFACE: &str = "org.belay1.Accessory";
/// The sync.
pub const SYNC_INTERFACE: &str = "org.belay1.Sync";
/// One collection.
pub const COLLECTION_INTERFACE: &str = "org.belay1.Collection";
/// The warden.
pub const WARDEN_INTERFACE: &str = "org.belay1.Warden";

/// Each interface of the contract and its XML, as installed for others to generate from.
pub const INTERFACES: &[(&str, &str)] = &[
    (
        MANAGER_INTERFACE,
        include_str!("../../dbus/org.belay1.Manager.xml"),
    ),
    (
        ACCOUNT_INTERFACE,
        include_str!("../../dbus/org.belay1.Account.xml"),
    ),
    (DEVICE_INTERFACE, include_str!("../../dbus/org.belay1.Device.xml")),
    (
        ACCESSORY_MANAGER_INTERFACE,
        include_str!("../../dbus/org.belay1.AccessoryManager.xml"),
    ),
    (
        ACCESSORY_INTERFACE,
        include_str!("../../dbus/org.belay1.Accessory.xml"),
    ),
    (SYNC_INTERFACE, include_str!("../../dbus/org.belay1.Sync.xml")),
    (
        COLLECTION_INTERFACE,
        include_str!("../../dbus/org.belay1.Collection.xml"),
    ),
    (WARDEN_INTERFACE, include_str!("../../dbus/org.belay1.Warden.xml")),
];

/// The polkit actions of the contract.
pub mod action {
    /// `Present`, `Check`, `Unlock` of the warden: active sessions.
    pub const OWNER_PRESENT: &str = "org.belay1.owner.present";
    /// Registration, sign-in, identifiers, profile, `ListDevices`, `SendCommand`: active sessions.
    pub const ACCOUNT_MANAGE: &str = "org.belay1.account.manage";
    /// `SignOut`, `AuthorizeReset` and the like, each with a ticket too: active sessions.
    pub const ACCOUNT_REMOVE: &str = "org.belay1.account.remove";
    /// `SetName` and the device's settings: active sessions.
    pub const DEVICE_MANAGE: &str = "org.belay1.device.manage";
    /// Recovery without a code: active sessions, with the user's own password.
    pub const DEVICE_RECOVER: &str = "org.belay1.device.recover";
    /// The accessories: active sessions.
    pub const ACCESSORY_MANAGE: &str = "org.belay1.accessory.manage";
    /// The sync: active sessions.
    pub const SYNC_MANAGE: &str = "org.belay1.sync.manage";
    /// Reading what was stored, and the audit log: active sessions.
    pub const DATA_READ: &str = "org.belay1.data.read";
    /// `GetLocation`: active sessions, with the user's own password.
    pub const LOCATION_READ: &str = "org.belay1.location.read";
    /// `GetServiceToken`: active sessions, with the user's own password.
    pub const SERVICE_TOKEN: &str = "org.belay1.service.token";

    /// All of them.
    pub const ALL: [&str; 10] = [
        OWNER_PRESENT,
        ACCOUNT_MANAGE,
        ACCOUNT_REMOVE,
        DEVICE_MANAGE,
        DEVICE_RECOVER,
        ACCESSORY_MANAGE,
        SYNC_MANAGE,
        DATA_READ,
        LOCATION_READ,
        SERVICE_TOKEN,
    ];
}
