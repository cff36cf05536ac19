use super::{
    AccountAnswer, Bytes, CodeRequest, Hint, Problem, Profile, ReportRequest, SecretText, Share, TokenRequest,
};
use crate::id::ReportId;
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
fn an_answer_may_grow_in_every_part() {
    let json = r#"{"account":"00000000000000000000000000000001","created_at":5,"more":1,
        "identifiers":[{"id":"1","kind":"email","masked":"a…@example.org","verified":true,"more":1}],
        "profile":{"display_name":"Ada","newsletter":true,"pronouns":"she"}}"#;
    let answer: AccountAnswer = serde_json::from_str(json).unwrap();
    let profile = Profile {
        display_name: Some("Ada".to_owned()),
        newsletter: true,
        ..Profile::default()
    };
    assert_eq!(answer.profile, profile);
    assert_eq!(answer.identifiers.len(), 1);
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

#[test]
fn a_report_is_a_sealed_one_or_a_state_and_never_both() {
    let id = ReportId::from_bytes([0x5a; 16]);
    let sealed: ReportRequest = serde_json::from_str(&format!(r#"{{"id":"{id}","sealed":"AAEC"}}"#)).unwrap();
    assert_eq!(
        sealed,
        ReportRequest::Sealed {
            id,
            sealed: Bytes(vec![0, 1, 2])
        }
    );
    let state: ReportRequest = serde_json::from_str(r#"{"state":"AAEC"}"#).unwrap();
    assert_eq!(serde_json::to_string(&state).unwrap(), r#"{"state":"AAEC"}"#);
    let both = format!(r#"{{"id":"{id}","sealed":"AAEC","state":"AAEC"}}"#);
    for bad in [
        both.as_str(),
        "{}",
        r#"{"sealed":"AAEC"}"#,
        r#"{"state":"AAEC","x":1}"#,
        r#"{"id":"zz","sealed":"AAEC"}"#,
    ] {
        assert!(serde_json::from_str::<ReportRequest>(bad).is_err(), "{bad}");
    }
}

#[test]
fn hints_have_one_name_each() {
    for hint in Hint::ALL {
        assert_eq!(hint.as_str().parse(), Ok(hint));
    }
    assert!("Commands".parse::<Hint>().is_err() && "".parse::<Hint>().is_err());
}
