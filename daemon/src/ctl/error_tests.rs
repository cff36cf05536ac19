//! Tests of the errors.

use super::*;

fn refusal(name: &str, retry_after: Option<u64>, tries_left: Option<u32>) -> Error {
    Error::Refused(Refusal {
        name: name.to_owned(),
        message: "for the log".to_owned(),
        retry_after: retry_after.map(Duration::from_secs),
        tries_left,
        ..Refusal::default()
    })
}

#[test]
fn too_many_attempts_says_how_long_to_wait() {
    assert_eq!(
        refusal("TooManyAttempts", Some(60), None).words(),
        "Too many wrong passwords.\nWait 1 min, then try again. Restarting the device starts the wait again."
    );
}

#[test]
fn too_soon_says_when_another_code_can_be_sent_where_that_is_known() {
    assert_eq!(
        refusal("TooSoon", Some(240), None).words(),
        "It is too soon: the cloud asks to wait.\nTry again in 4 min."
    );
    let unknown = refusal("TooSoon", None, None).words();
    assert!(
        unknown.ends_with("the cloud asks to wait.\nTry again later."),
        "{unknown}"
    );
    // As the daemon tells it.
    let told = Error::named("TooSoon", "the cloud takes no more of it for now; wait: 36000 s");
    assert!(told.words().ends_with("\nTry again in 10 h."), "{}", told.words());
}

#[test]
fn what_the_cloud_has_counted_is_told_with_its_own_wait_and_without_the_wardens() {
    let told = "no more for now; by: cloud; wait: 900 s";
    let mut error = Error::named("TooManyAttempts", told);
    assert!(error.about_password().is_none());
    assert_eq!(
        error.words(),
        "The cloud takes no more sign-ins from here for now.\nWait 15 min, then try again."
    );
    let json = error.json()["error"].clone();
    assert_eq!(json["retry_after_ms"], 900_000);
    assert!(json.get("tries_left").is_none(), "{json}");
    let codes = Error::named("TooManyAttempts", told)
        .means_at_the_cloud("TooManyAttempts", advice::account::CODES_AT_THE_CLOUD)
        .words();
    assert_eq!(
        codes,
        "The cloud takes no more codes from here for now.\nWait 15 min, then try again."
    );
    let without = Error::named("TooManyAttempts", "no more for now; by: cloud").words();
    assert!(without.ends_with("\nWait, then try again."), "{without}");
    // The warden's own count is asked for, and is no refusal of the cloud's.
    let mut warden = Error::named("TooManyAttempts", "too many attempts: wait 60 s")
        .means_at_the_cloud("TooManyAttempts", advice::account::CODES_AT_THE_CLOUD);
    assert!(warden.about_password().is_some());
    assert!(warden.words().starts_with("Too many wrong passwords."));
    // Nor are its tries left told of a password that the cloud refused.
    let mut wrong = Error::named("WrongPassword", "no such login; by: cloud");
    assert!(wrong.about_password().is_none());
    assert!(Error::named("WrongPassword", "wrong").about_password().is_some());
}

#[test]
fn a_recovery_that_is_waited_out_says_how_long_still() {
    let told = Error::named("RecoveryOnHold", "the recovery is waited out; wait: 7200 s").words();
    assert_eq!(
        told,
        "A recovery without the code is being waited out.\n\
         The new password takes hold in 2 h at the earliest; until then the old one ends it."
    );
    // At a device of nobody's the status shows nothing of it.
    let unknown = Error::named("RecoveryOnHold", "the recovery is waited out").words();
    assert!(!unknown.contains("belayctl status"), "{unknown}");
}

#[test]
fn a_question_without_a_terminal_names_what_would_have_answered_it() {
    let error = Error::NoTerminal {
        instead: vec!["--password-file FILE".to_owned(), "CODE".to_owned()],
    };
    assert_eq!(
        (error.exit_code(), &error.json()["error"]["name"]),
        (64, &json!("Usage"))
    );
    assert_eq!(
        error.words(),
        "There is no terminal to ask on. What would be asked can be given: --password-file FILE, CODE."
    );
}

#[test]
fn what_a_refusal_is_about_stands_before_what_to_do() {
    let mut error = Error::named("DevicesStillBound", "");
    if let Error::Refused(refusal) = &mut error {
        refusal.more.lines = vec!["  Slate".to_owned()];
        refusal.more.fields.insert("devices".to_owned(), json!(["a"]));
    }
    assert!(error.words().contains(".\n  Slate\n"), "{}", error.words());
    assert_eq!(error.json()["error"]["devices"], json!(["a"]));
}

#[test]
fn a_wrong_password_says_how_many_tries_are_left() {
    let words = refusal("WrongPassword", Some(0), Some(3)).words();
    assert_eq!(
        words,
        "That isn't the account password. Nothing was changed.\nTry again: 3 tries are left before a wait."
    );
    assert!(
        refusal("WrongPassword", None, Some(1))
            .words()
            .contains("one try is left")
    );
    assert!(
        refusal("WrongPassword", Some(300), Some(0))
            .words()
            .contains("in 5 min")
    );
    assert!(
        refusal("WrongPassword", None, None)
            .words()
            .ends_with("Try again.")
    );
}

#[test]
fn a_login_that_is_refused_may_have_the_wrong_address() {
    let words = Error::named("WrongPassword", "").of_login().words();
    assert!(words.contains("or no account is called so"), "{words}");
    assert!(words.ends_with("Check both and try again."), "{words}");
    let offline = Error::named("Offline", "").of_login();
    assert_eq!(offline.words(), Error::named("Offline", "").words());
}

#[test]
fn json_names_the_error_and_leaves_out_what_is_unknown() {
    assert_eq!(
        refusal("TooManyAttempts", Some(60), Some(0)).json(),
        json!({"error": {
            "name": "TooManyAttempts",
            "message": "for the log",
            "advice": "Wait 1 min, then try again. Restarting the device starts the wait again.",
            "exit_code": 77,
            "retry_after_ms": 60_000,
            "tries_left": 0,
        }})
    );
    assert_eq!(
        Error::Usage("no terminal".into()).json(),
        json!({"error": {"name": "Usage", "message": "no terminal", "advice": "", "exit_code": 64}})
    );
}

#[test]
fn a_name_that_says_little_is_shown_with_its_text() {
    assert_eq!(
        Error::named("org.belay1.Error.InvalidArgument", "unknown option \u{1b}x").words(),
        "What was given can't be right.\n(unknown option ?x)\nCheck how it is written and try again."
    );
}

#[test]
fn names_lose_the_prefix_of_belay_alone() {
    let Error::Refused(refusal) = Error::named("org.belay1.Error.Offline", "") else {
        panic!()
    };
    assert_eq!(refusal.name, "Offline");
    let Error::Refused(refusal) = Error::named("org.freedesktop.DBus.Error.Timeout", "") else {
        panic!()
    };
    assert_eq!(refusal.name, "org.freedesktop.DBus.Error.Timeout");
}

#[test]
fn replies_of_the_bus_itself_are_told_apart_from_a_missing_bus() {
    let error = Error::from(zbus::Error::from(zbus::fdo::Error::ServiceUnknown("gone".into())));
    assert_eq!(error.exit_code(), 69);
    assert!(
        error.words().starts_with("The Belay daemon isn't running."),
        "{}",
        error.words()
    );
    let error = Error::from(zbus::Error::Address("none".into()));
    assert_eq!(error.exit_code(), 69);
    assert!(error.words().contains("can't be reached"));
}

#[test]
fn exit_codes_of_our_own_errors_are_those_of_sysexits() {
    assert_eq!(Error::Usage(String::new()).exit_code(), 64);
    assert_eq!(Error::Data(String::new()).exit_code(), 65);
    assert_eq!(Error::io("read")(io::Error::other("x")).exit_code(), 74);
}
