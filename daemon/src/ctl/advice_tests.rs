//! Tests of the advice.

use super::*;

#[test]
fn a_wrong_password_and_its_like_exit_with_no_permission() {
    for name in [
        "WrongPassword",
        "NotAuthorized",
        "TooManyAttempts",
        "ActivationLocked",
        "DeviceLost",
        "Tampered",
    ] {
        assert_eq!(of(name).exit, 77, "{name}");
    }
}

#[test]
fn what_may_pass_by_itself_exits_with_unavailable() {
    for name in [
        "Offline",
        "Busy",
        "CloudRefused",
        "TooSoon",
        "AdapterMissing",
        "AccessoryUnreachable",
        "org.freedesktop.DBus.Error.ServiceUnknown",
    ] {
        assert_eq!(of(name).exit, 69, "{name}");
    }
}

#[test]
fn what_was_typed_wrongly_exits_with_data_and_storage_with_io() {
    for name in [
        "InvalidArgument",
        "WrongCode",
        "CodeExpired",
        "WeakPassword",
        "IdentifierTaken",
    ] {
        assert_eq!(of(name).exit, 65, "{name}");
    }
    assert_eq!(of("Storage").exit, 74);
}

#[test]
fn a_name_from_a_later_version_is_said_plainly() {
    assert_eq!(of("SomethingNew").exit, 70);
    assert!(of("SomethingNew").next.contains("journal"));
}

#[test]
fn each_advice_is_a_sentence_and_each_name_stands_once() {
    let mut names: Vec<_> = known().collect();
    for name in &names {
        let advice = of(name);
        assert!(
            advice.happened.ends_with('.') && advice.next.ends_with('.'),
            "{name}"
        );
    }
    for advice in here::ALL.iter().chain(account::ALL) {
        assert!(
            advice.happened.ends_with('.') && advice.next.ends_with('.'),
            "{advice:?}"
        );
    }
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
}

#[test]
fn whoever_is_at_a_device_that_may_not_follow_yet_is_told_what_lets_it() {
    let next = here::OTHER_ROOT.next;
    let (follows, refused) = next.split_once("If that is refused, ").unwrap();
    assert!(
        follows.contains("belayctl account recover --without-code"),
        "{next}"
    );
    assert!(refused.starts_with("change the password once more"), "{next}");
}

#[test]
fn every_error_of_the_contract_has_advice() {
    for name in belay_proto::dbus::Error::NAMES {
        let short = name.strip_prefix("org.belay1.Error.").unwrap_or(name);
        assert!(known().any(|known| known == short), "{short}");
    }
}
