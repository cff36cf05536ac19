//! With the real polkitd and the policy file that the package installs, and with the installed bus policy.

use std::path::Path;

use belay_tests::app::{ACCOUNT, App, DEVICE, Options, WARDEN, refused};
use belay_tests::bus::Policy;
use belay_tests::guest;
use belay_tests::process::{Process, Program};
use belay_tests::stage::Plan;
use belay_tests::until::until;

use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, registered, state};
use crate::scene::{Scene, plan};

const POLKITD: &str = "/usr/lib/polkit-1/polkitd";
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd");

/// Puts the real polkitd on the stage's bus, with our policy file and `rules` instead of the machine's. It runs in
/// a mount namespace of its own, so that nothing on the machine changes. `None` says why it can't be.
async fn polkitd(scene: &Scene, rules: &str) -> Option<Process> {
    if !guest::is_root() || !Path::new(POLKITD).exists() {
        crate::scene::skipped("the real polkitd needs root and to be installed");
        return None;
    }
    let programs = guest::programs().unwrap();
    let policy = std::fs::read_to_string(format!("{INSTALLED}/polkit-1/actions/org.belay1.policy")).unwrap();
    // Here belayd isn't `belay` and the warden isn't root: whoever they are may ask about others.
    let owner = format!("<annotate key=\"org.freedesktop.policykit.owner\">unix-user:{programs}</annotate>");
    let policy: String = policy
        .lines()
        .filter(|line| !line.contains("org.freedesktop.policykit.owner"))
        .map(|line| line.replace("</action>", &format!("{owner}</action>")) + "\n")
        .collect();
    let place = scene.place();
    for (folder, file, text) in [
        ("actions", "actions/org.belay1.policy", policy.as_str()),
        ("rules", "rules/50-test.rules", rules),
    ] {
        place.folder(folder, 0o755).unwrap();
        place.write(file, text, 0o644).unwrap();
    }
    scene.polkit().leave().await.unwrap();
    let script = "mount --bind \"$1\" /usr/share/polkit-1/actions && mount --bind \"$2\" /etc/polkit-1/rules.d \
                  && exec \"$3\" --no-debug";
    let (actions, rules) = (
        place.at("actions").display().to_string(),
        place.at("rules").display().to_string(),
    );
    let args = [
        "role", "exec", "unshare", "--mount", "sh", "-c", script, "sh", &actions, &rules, POLKITD,
    ];
    let program = Program::new("polkitd", scene.exe(), args, &place.at("logs/polkitd.log"));
    let mut process = program
        .as_ourselves()
        .env("DBUS_SYSTEM_BUS_ADDRESS", scene.bus().address())
        .start()
        .unwrap();
    let up = until("polkitd to come up", async || {
        if process.ended().unwrap().is_some() {
            return Some(false);
        }
        scene
            .owner("org.freedesktop.PolicyKit1")
            .await
            .unwrap()
            .map(|_| true)
    });
    if up.await.unwrap() {
        return Some(process);
    }
    crate::scene::skipped(
        "this machine allows no mount namespace, so the real polkitd can't have our policy file",
    );
    None
}

#[tokio::test]
async fn the_real_polkitd_reads_the_policy_file_as_the_contract_says_it() {
    let scene = Scene::empty().await;
    let Some(_polkitd) = polkitd(&scene, "").await else {
        return;
    };
    type Action = (
        String,
        String,
        String,
        String,
        String,
        String,
        u32,
        u32,
        u32,
        std::collections::HashMap<String, String>,
    );
    let authority = "/org/freedesktop/PolicyKit1/Authority";
    let interface = "org.freedesktop.PolicyKit1.Authority";
    let call = scene.person().call_method(
        Some("org.freedesktop.PolicyKit1"),
        authority,
        Some(interface),
        "EnumerateActions",
        &("en",),
    );
    let reply = call.await.unwrap();
    let actions: Vec<Action> = reply.body().deserialize().unwrap();
    // 0 is no, 1 the user's own password, 3 the same kept for a while, 5 is yes; any, inactive, active.
    let ours: Vec<_> = actions
        .iter()
        .filter(|a| a.0.starts_with("org.belay1."))
        .collect();
    assert_eq!(ours.len(), 10);
    for action in ours {
        let active = match action.0.as_str() {
            "org.belay1.location.read" => 3,
            "org.belay1.device.recover" | "org.belay1.service.token" => 1,
            _ => 5,
        };
        assert_eq!((action.6, action.7, action.8), (0, 0, active), "{}", action.0);
    }
}

#[tokio::test]
async fn with_the_real_polkitd_who_has_no_session_is_refused_and_who_is_allowed_gets_through() {
    let scene = adas().await;
    let Some(polkitd) = polkitd(&scene, "").await else {
        return;
    };
    let app = app(&scene);
    refused(app.sign_out(PASSWORD).await.unwrap(), "NotAuthorized").unwrap();
    refused(app.sign_out_with("x").await.unwrap(), "NotAuthorized").unwrap();
    let name = app
        .call::<_, ()>(DEVICE, "SetName", &("x", Options::new()))
        .await
        .unwrap();
    refused(name, "NotAuthorized").unwrap();
    assert_eq!(state(&scene).await, "bound");
    polkitd.kill().await.unwrap();

    let rule = format!(
        "polkit.addRule(function(action, subject) {{\n\
         if (action.id.indexOf(\"org.belay1.\") == 0 && subject.user == \"{}\") return polkit.Result.YES;\n}});\n",
        user_name(guest::person())
    );
    scene.polkit().come_back().await.unwrap();
    let Some(_polkitd) = self::polkitd(&scene, &rule).await else {
        return;
    };
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "unbound");
}

fn user_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users
        .lines()
        .find(|l| l.split(':').nth(2) == Some(&uid.to_string()))
        .unwrap();
    line.split(':').next().unwrap().to_owned()
}

/// A stage with the bus policy that the package installs; its users are those of the stage.
async fn policed() -> Scene {
    let file = std::fs::read_to_string(format!("{INSTALLED}/dbus-1/system.d/org.belay1.conf")).unwrap();
    let programs = guest::programs().unwrap_or_else(guest::person);
    let user = format!("user=\"{programs}\"");
    let mut text = file
        .replace("user=\"belay\"", &user)
        .replace("user=\"root\"", &user);
    if !guest::is_root() {
        // One user is everybody, so what belayd's user may not the person couldn't either.
        text = text
            .lines()
            .filter(|l| !is_kept_from_belayd(l))
            .flat_map(|l| [l, "\n"])
            .collect();
    }
    let path = tempfile::Builder::new()
        .prefix("belay-policy-")
        .suffix(".conf")
        .tempfile()
        .unwrap();
    std::fs::write(path.path(), text).unwrap();
    guest::give(path.path()).unwrap();
    let policy = Policy::Installed(path.path().to_owned());
    Scene::of(Plan { policy, ..plan() }).await
}

/// Whether this line of the bus policy is the one that denies belayd the recovery code.
fn is_kept_from_belayd(line: &str) -> bool {
    line.trim_start().starts_with("<deny") && line.contains("send_member=\"RecoveryCode\"")
}

#[tokio::test]
async fn under_the_installed_bus_policy_the_whole_story_works() {
    let mut scene = policed().await;
    registered(&scene, ADA, PASSWORD).await;
    let app = app(&scene);
    refused(app.sign_out("not-the-password-1").await.unwrap(), "WrongPassword").unwrap();
    let mut account = app.watch(ACCOUNT).await.unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    account.becomes("State", "unbound").await.unwrap();
    scene.reboot().await.unwrap();
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    registered(&scene, BEN, BENS).await;
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
}

#[tokio::test]
async fn the_installed_bus_policy_keeps_strangers_from_belayds_members_and_names() {
    if !guest::is_root() {
        crate::scene::skipped("another user needs root");
        return;
    }
    let scene = policed().await;
    let app = App::new(scene.person());
    let bytes: &[u8] = &[1];
    let denied = "org.freedesktop.DBus.Error.AccessDenied";
    let answers = [
        app.call::<_, bool>(WARDEN, "Credentials", &(bytes,))
            .await
            .unwrap()
            .map(drop),
        app.call::<_, Vec<u8>>(WARDEN, "Use", &("t", "release", bytes))
            .await
            .unwrap()
            .map(drop),
        app.call::<_, ()>(WARDEN, "Tighten", &("lost",)).await.unwrap(),
    ];
    for answer in answers {
        assert_eq!(answer.unwrap_err().name, denied);
    }
    let belayd = App::new(&scene.connect(guest::programs().unwrap()).await.unwrap());
    let claim = "0".repeat(32);
    let answer = belayd.recovery_code(&claim).await.unwrap();
    assert_eq!(answer.unwrap_err().name, denied, "belayd's user");
    refused(app.recovery_code(&claim).await.unwrap(), "NotFound").unwrap();
    for name in ["org.belay1", "org.belay1.Warden"] {
        assert!(scene.person().request_name(name).await.is_err(), "{name}");
    }
}
