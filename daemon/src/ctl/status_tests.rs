//! Tests of the status.

use super::*;

fn bound() -> Value {
    json!({
        "version": "0.1.0",
        "account": {
            "state": "bound",
            "identifiers": [{"id": "1", "kind": "email", "value": "a•••@e•••.org", "verified": true}],
            "bound_since": 1_767_225_600, "recovery_code_set": true, "pending_release": false, "pending": {},
            "cloud_url": "https://cloud.example.org",
        },
        "device": {
            "device_id": "00112233", "name": "Pocket", "model": "Phone 1", "assurance_level": "C",
            "assurance_notes": ["open-boot-medium"], "wipe_class": "none", "lock_state": "unlocked",
        },
        "warden": {"binding_state": "bound", "lock_state": "unlocked", "retry_after_ms": 0, "tries_left": 5},
    })
}

#[test]
fn a_bound_device_is_shown_with_its_owner() {
    assert_eq!(
        render(&bound(), Ink::OFF),
        "Account:       bound to a•••@e•••.org\n\
         Since:         2026-01-01 00:00:00 UTC\n\
         Device:        Pocket (Phone 1), id 00112233\n\
         Lock:          unlocked\n\
         Assurance:     C: open-boot-medium\n\
         Wipe class:    none\n\
         Password:      5 tries before a wait\n\
         Cloud:         https://cloud.example.org\n\
         Version:       0.1.0"
    );
}

#[test]
fn a_running_registration_says_what_to_type_next() {
    let mut status = bound();
    status["account"] = json!({"state": "registering", "pending": {
        "id": "abc", "address": "a•••@e•••.org", "state": "pending", "resend_in_ms": 900_000, "expires_in_ms": 3_600_000,
    }});
    let text = render(&status, Ink::OFF);
    assert!(
        text.contains("the code sent to a•••@e•••.org; 1 h to confirm; again in 15 min\n"),
        "{text}"
    );
    assert!(text.contains("belayctl confirm abc"), "{text}");
}

#[test]
fn what_waits_for_its_code_is_gone_on_with_by_its_own_command() {
    let mut status = bound();
    for (kind, state, words) in [
        ("registration", "confirmed", "belayctl confirm abc"),
        ("recovery", "pending", "belayctl account recover abc ADDRESS"),
        ("identifier", "pending", "belayctl account confirm-address abc"),
        (
            "identifier",
            "expired",
            "belayctl cancel abc, and to begin again: belayctl account add-address ADDRESS",
        ),
        (
            "registration",
            "expired",
            "belayctl cancel abc, and to begin again: belayctl register ADDRESS",
        ),
    ] {
        status["account"]["pending"] = json!({"id": "abc", "kind": kind, "state": state});
        let text = render(&status, Ink::OFF);
        assert!(text.contains(&format!("{words}\n")), "{text}");
    }
}

#[test]
fn a_locked_device_names_its_owner_and_a_wait_is_shown() {
    let mut status = bound();
    status["account"] = json!({"state": "activation-locked", "locked_to": "a•••@e•••.org"});
    status["warden"]["retry_after_ms"] = json!(60_000);
    let text = render(&status, Ink::OFF);
    assert!(text.contains("locked to a•••@e•••.org"), "{text}");
    assert!(text.contains("no try for 1 min"), "{text}");
}

#[test]
fn a_silent_warden_and_an_empty_answer_are_shown_as_unknown() {
    let text = render(&json!({"warden": null}), Ink::OFF);
    assert!(
        text.contains("the warden doesn't answer") && text.contains("unknown"),
        "{text}"
    );
}

#[test]
fn a_removed_device_says_so_instead_of_asking_for_a_password() {
    let mut status = bound();
    status["account"]["state"] = json!("reauthentication-required");
    for (membership, words) in [
        ("member", "run belayctl reauthenticate"),
        ("removed", "you removed this device"),
        ("account-deleted", "the account was deleted"),
    ] {
        status["account"]["membership"] = json!(membership);
        let text = render(&status, Ink::OFF);
        assert!(text.contains(words), "{text}");
        assert_eq!(text.contains("reauthenticate"), membership == "member", "{text}");
    }
}

#[test]
fn a_name_cant_steer_the_terminal() {
    let mut status = bound();
    status["device"]["name"] = json!("\u{1b}]0;x\u{7}");
    assert!(!render(&status, Ink::OFF).contains('\u{1b}'));
}

#[test]
fn identifiers_get_field_names() {
    let mut identifier = json!(["1", "email", "a•••@e•••.org", true]);
    name_fields(&mut identifier);
    assert_eq!(
        identifier,
        json!({"id": "1", "kind": "email", "value": "a•••@e•••.org", "verified": true})
    );
}
