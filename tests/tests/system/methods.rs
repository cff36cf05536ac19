//! Every method that somebody at the device may call.

use std::collections::HashMap;

use belay_tests::app::{
    ACCESSORIES, ACCOUNT, App, CONTACTS, DEVICE, Object, Options, Refusal, SYNC, WARDEN, memfd,
};
use zbus::Fd;

use crate::owner::ADA;

/// Each method that polkit decides about, and the action it asks for.
pub const METHODS: &[(Object, &str, &str)] = &[
    (WARDEN, "Present", "org.belay1.owner.present"),
    (WARDEN, "Check", "org.belay1.owner.present"),
    (WARDEN, "Unlock", "org.belay1.owner.present"),
    (WARDEN, "RecoveryCode", "org.belay1.owner.present"),
    (ACCOUNT, "Register", "org.belay1.account.manage"),
    (ACCOUNT, "ResendCode", "org.belay1.account.manage"),
    (ACCOUNT, "VerificationState", "org.belay1.account.manage"),
    (ACCOUNT, "CancelVerification", "org.belay1.account.manage"),
    (ACCOUNT, "ConfirmRegistration", "org.belay1.account.manage"),
    (ACCOUNT, "AcknowledgeRecoveryCode", "org.belay1.account.manage"),
    (ACCOUNT, "SignIn", "org.belay1.account.manage"),
    (ACCOUNT, "Reauthenticate", "org.belay1.account.manage"),
    (ACCOUNT, "CheckActivation", "org.belay1.account.manage"),
    (ACCOUNT, "ListDevices", "org.belay1.account.manage"),
    (ACCOUNT, "SendCommand", "org.belay1.account.manage"),
    (ACCOUNT, "SetProfile", "org.belay1.account.manage"),
    (ACCOUNT, "ChangePassword", "org.belay1.account.manage"),
    (ACCOUNT, "CreateRecoveryCode", "org.belay1.account.manage"),
    (ACCOUNT, "AddIdentifier", "org.belay1.account.manage"),
    (ACCOUNT, "ConfirmIdentifier", "org.belay1.account.manage"),
    (ACCOUNT, "RemoveIdentifier", "org.belay1.account.manage"),
    (ACCOUNT, "SetLogin", "org.belay1.account.manage"),
    (ACCOUNT, "BeginRecovery", "org.belay1.account.manage"),
    (ACCOUNT, "CompleteRecovery", "org.belay1.device.recover"),
    (ACCOUNT, "SecurityCheck", "org.belay1.account.manage"),
    (ACCOUNT, "GetServiceToken", "org.belay1.service.token"),
    (ACCOUNT, "RemoveDevice", "org.belay1.account.remove"),
    (ACCOUNT, "DeleteAccount", "org.belay1.account.remove"),
    (ACCOUNT, "RequestBootloaderUnlock", "org.belay1.account.remove"),
    (ACCOUNT, "SignOut", "org.belay1.account.remove"),
    (DEVICE, "AuthorizeReset", "org.belay1.account.remove"),
    (DEVICE, "SetName", "org.belay1.device.manage"),
    (DEVICE, "SetFindEnabled", "org.belay1.device.manage"),
    (DEVICE, "SetPolicies", "org.belay1.device.manage"),
    (DEVICE, "StopRinging", "org.belay1.owner.present"),
    (DEVICE, "GetLocation", "org.belay1.location.read"),
    (DEVICE, "History", "org.belay1.data.read"),
    (ACCESSORIES, "StartDiscovery", "org.belay1.accessory.manage"),
    (ACCESSORIES, "StopDiscovery", "org.belay1.accessory.manage"),
    (SYNC, "SyncNow", "org.belay1.sync.manage"),
    (SYNC, "Pause", "org.belay1.sync.manage"),
    (SYNC, "Resume", "org.belay1.sync.manage"),
    (SYNC, "SetPolicy", "org.belay1.sync.manage"),
    (SYNC, "Confirm", "org.belay1.sync.manage"),
    (CONTACTS, "SetEnabled", "org.belay1.sync.manage"),
    (CONTACTS, "List", "org.belay1.data.read"),
    (CONTACTS, "Identify", "org.belay1.data.read"),
    (CONTACTS, "Removed", "org.belay1.data.read"),
    (CONTACTS, "ListRemoved", "org.belay1.data.read"),
    (CONTACTS, "Put", "org.belay1.sync.manage"),
    (CONTACTS, "PutMany", "org.belay1.sync.manage"),
    (CONTACTS, "PutAll", "org.belay1.sync.manage"),
    (CONTACTS, "GetMany", "org.belay1.data.read"),
    (CONTACTS, "Get", "org.belay1.data.read"),
    (CONTACTS, "GetFrom", "org.belay1.data.read"),
    (CONTACTS, "Matches", "org.belay1.data.read"),
    (CONTACTS, "Delete", "org.belay1.sync.manage"),
    (CONTACTS, "Resolve", "org.belay1.sync.manage"),
    (CONTACTS, "Choose", "org.belay1.sync.manage"),
];

type Stored = Vec<(String, u64)>;
type Attributes = HashMap<String, zbus::OwnedVariant>;

/// Calls a method of sync as [`call`] does.
async fn call_sync(app: &App, object: Object, member: &str) -> Result<(), Refusal> {
    let (none, id) = (Options::new(), "00000000000000000000000000000000");
    let (nothing, content) = (Vec::<&str>::new(), || Fd::from(memfd(b"BEGIN:VCARD").unwrap()));
    let answer = match member {
        "SyncNow" => {
            app.call::<_, ()>(object, member, &(vec!["photographs"], none))
                .await
        }
        "SetPolicy" => app.call::<_, ()>(object, member, &(&none, &none)).await,
        "Confirm" => app.call::<_, ()>(object, member, &("nothing", false, none)).await,
        "SetEnabled" => app.call::<_, ()>(object, member, &(false,)).await,
        "PutMany" => app.call::<_, ()>(object, member, &(content(),)).await,
        "PutAll" => {
            let records = (content(), none);
            let answer = app.call::<_, Stored>(object, member, &records).await;
            return answer.unwrap().map(drop);
        }
        "Choose" => {
            let chosen = (id, "both", none);
            let answer = app.call::<_, Stored>(object, member, &chosen).await;
            return answer.unwrap().map(drop);
        }
        "Delete" => app.call::<_, ()>(object, member, &(id, 1_u64)).await,
        "Resolve" => app.call::<_, ()>(object, member, &(id, "both")).await,
        "List" => {
            let page = (0_u64, 1_u32);
            let answer = app
                .call::<_, Vec<(String, u64, Attributes)>>(object, member, &page)
                .await;
            return answer.unwrap().map(drop);
        }
        "ListRemoved" => {
            let page = (0_u64, 1_u32, none);
            let answer = app
                .call::<_, Vec<(String, u64, Attributes)>>(object, member, &page)
                .await;
            return answer.unwrap().map(drop);
        }
        "Identify" => {
            let answer = app.call::<_, Vec<String>>(object, member, &(nothing,)).await;
            return answer.unwrap().map(drop);
        }
        "Removed" => {
            let answer = app
                .call::<_, Vec<String>>(object, member, &(vec![id], none))
                .await;
            return answer.unwrap().map(drop);
        }
        "Put" => {
            let answer = app
                .call::<_, u64>(object, member, &("", 0_u64, content(), none))
                .await;
            return answer.unwrap().map(drop);
        }
        "GetMany" => {
            let answer = app.call::<_, zbus::OwnedFd>(object, member, &(vec![id],)).await;
            return answer.unwrap().map(drop);
        }
        "GetFrom" => {
            let rest = (id, 1_u64, 0_u64);
            let answer = app.call::<_, zbus::OwnedFd>(object, member, &rest).await;
            return answer.unwrap().map(drop);
        }
        "Matches" => {
            let asked = (id, 1_u64, content(), none);
            let answer = app.call::<_, bool>(object, member, &asked).await;
            return answer.unwrap().map(drop);
        }
        "Get" => {
            let answer = app
                .call::<_, (zbus::OwnedFd, u64, Attributes)>(object, member, &(id,))
                .await;
            return answer.unwrap().map(drop);
        }
        _ => app.call::<_, ()>(object, member, &(none,)).await,
    };
    answer.unwrap()
}

/// Calls a method with arguments of the right types that succeed nowhere by accident.
pub async fn call(app: &App, object: Object, member: &str) -> Result<(), Refusal> {
    match [SYNC, CONTACTS].contains(&object) {
        true => call_sync(app, object, member).await,
        false => call_with(app, object, member, Options::new()).await,
    }
}

/// The same, of what isn't sync's, with these options where the method takes any.
pub async fn call_with(app: &App, object: Object, member: &str, options: Options<'_>) -> Result<(), Refusal> {
    let (none, id) = (options, "00000000000000000000000000000000");
    let code = Fd::from(memfd(b"123456").unwrap());
    let fd = || Fd::from(memfd(b"not-the-password-1").unwrap());
    let answer = match member {
        "Present" => {
            let secrets = HashMap::from([("password", fd())]);
            return app
                .call::<_, String>(object, member, &("sign-out", "", secrets))
                .await
                .unwrap()
                .map(drop);
        }
        "Check" => {
            return app
                .call::<_, u8>(object, member, &(fd(),))
                .await
                .unwrap()
                .map(drop);
        }
        "Unlock" => app.call::<_, ()>(object, member, &(fd(),)).await,
        "RecoveryCode" => return app.recovery_code(id).await.unwrap().map(drop),
        "Register" => {
            return app
                .call::<_, String>(object, member, &(ADA, id, Options::new(), none))
                .await
                .unwrap()
                .map(drop);
        }
        "ConfirmRegistration" => {
            return app
                .call::<_, zbus::OwnedFd>(object, member, &(id, code, none))
                .await
                .unwrap()
                .map(drop);
        }
        "SendCommand" => {
            return app
                .call::<_, String>(object, member, &(id, "locate", Options::new(), id, none))
                .await
                .unwrap()
                .map(drop);
        }
        "SignIn" => app.call::<_, ()>(object, member, &(ADA, id, none)).await,
        "SetProfile" => app.call::<_, ()>(object, member, &(Options::new(), none)).await,
        "AddIdentifier" => {
            let answer = app.call::<_, String>(object, member, &(ADA, id, none)).await;
            return answer.unwrap().map(drop);
        }
        "ConfirmIdentifier" => app.call::<_, ()>(object, member, &(id, code, none)).await,
        "RemoveIdentifier" | "SetLogin" | "RemoveDevice" => {
            app.call::<_, ()>(object, member, &(id, id, none)).await
        }
        "RequestBootloaderUnlock" => app.call::<_, ()>(object, member, &(id, "why not", none)).await,
        // A code for nobody.
        "BeginRecovery" => {
            let nobody = "nobody@example.net";
            let answer = app.call::<_, String>(object, member, &(nobody, none)).await;
            return answer.unwrap().map(drop);
        }
        "CompleteRecovery" => app.call::<_, ()>(object, member, &(id, code, id, none)).await,
        "SecurityCheck" => {
            type Findings = Vec<(String, String, String)>;
            let answer = app.call::<_, Findings>(object, member, &(none,)).await;
            return answer.unwrap().map(drop);
        }
        "GetServiceToken" => {
            let answer = app
                .call::<_, (zbus::OwnedFd, u64)>(object, member, &(id, none))
                .await;
            return answer.unwrap().map(drop);
        }
        "SignOut" | "AuthorizeReset" | "CreateRecoveryCode" => {
            return app
                .call::<_, zbus::OwnedFd>(object, member, &(id, none))
                .await
                .unwrap()
                .map(drop);
        }
        "CheckActivation" => {
            return app
                .call::<_, String>(object, member, &(none,))
                .await
                .unwrap()
                .map(drop);
        }
        "VerificationState" => {
            return app
                .call::<_, String>(object, member, &(id, none))
                .await
                .unwrap()
                .map(drop);
        }
        "ListDevices" => {
            type Rows = Vec<HashMap<String, zbus::OwnedVariant>>;
            return app
                .call::<_, Rows>(object, member, &(none,))
                .await
                .unwrap()
                .map(drop);
        }
        "SetFindEnabled" => app.call::<_, ()>(object, member, &(true, id, none)).await,
        "SetPolicies" => {
            let policies = Options::from([("dry-run", true.into())]);
            app.call::<_, ()>(object, member, &(policies, id, none)).await
        }
        "StopRinging" | "StartDiscovery" | "StopDiscovery" => {
            app.call::<_, ()>(object, member, &(none,)).await
        }
        "GetLocation" => {
            return app
                .call::<_, belay_proto::dbus::LocationFix>(object, member, &(none,))
                .await
                .unwrap()
                .map(drop);
        }
        "History" => {
            type Rows = Vec<HashMap<String, zbus::OwnedVariant>>;
            return app
                .call::<_, Rows>(object, member, &(u64::MAX, none))
                .await
                .unwrap()
                .map(drop);
        }
        _ => app.call::<_, ()>(object, member, &(id, none)).await,
    };
    answer.unwrap()
}

/// The name of the refusal, or `granted`.
pub fn name(answer: &Result<(), Refusal>) -> &str {
    answer.as_ref().err().map_or("granted", Refusal::short)
}
