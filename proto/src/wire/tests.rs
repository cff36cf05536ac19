use super::{Bytes, CodeRequest, Problem, Profile, SecretText, Share, TokenRequest};
use crate::secret::Secret;

#[test]
fn secrets_travel_but_are_never_shown() {
    let request = TokenRequest {
        refresh_token: SecretText::from("r-123456".to_owned()),
    };
    assert_eq!(
        serde_json::to_string(&request).unwrap(),
        r#"{"refresh_token":"r-123456"}"#
    );
    assert!(!format!("{request:?}").contains("123456"));
    let share = Share(Secret::new([7; 32]));
    let json = serde_json::to_string(&share).unwrap();
    let back: Share = serde_json::from_str(&json).unwrap();
    assert_eq!(back.0.expose(), &[7; 32]);
    assert!(serde_json::from_str::<Share>("\"AAAA\"").is_err());
}

#[test]
fn a_request_with_an_unknown_field_is_malformed() {
    assert!(serde_json::from_str::<CodeRequest>(r#"{"code":"123456"}"#).is_ok());
    assert!(serde_json::from_str::<CodeRequest>(r#"{"code":"123456","cod":"1"}"#).is_err());
    assert!(serde_json::from_str::<Profile>(r#"{"newsletter":true,"name":"x"}"#).is_err());
    assert!(!serde_json::from_str::<Profile>("{}").unwrap().newsletter);
}

#[test]
fn bytes_have_one_text() {
    assert_eq!(
        serde_json::to_string(&Bytes(vec![0xfb, 0xff])).unwrap(),
        "\"-_8\""
    );
    for text in ["\"-_8=\"", "\"+/8\"", "\"-_9\"", "\"-_8 \""] {
        assert!(serde_json::from_str::<Bytes>(text).is_err(), "{text}");
    }
}

#[test]
fn a_problem_keeps_its_name_and_tolerates_news() {
    let json = r#"{"type":"urn:belay:problem:wrong-code","status":403,"title":"t","tries_left":4,"new":1}"#;
    let problem: Problem = serde_json::from_str(json).unwrap();
    assert_eq!((problem.name(), problem.tries_left), ("wrong-code", Some(4)));
    assert_eq!(
        serde_json::from_str::<Problem>(r#"{"type":"about:blank"}"#)
            .unwrap()
            .name(),
        "about:blank"
    );
}
