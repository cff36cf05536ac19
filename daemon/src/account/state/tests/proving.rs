//! The proof of an address, of an account that exists.

use super::*;

fn under_proof(aim: Aim) -> State {
    step(&bound(), Event::ProvingOpened(Box::new(proving(aim)))).0
}

fn kept(effects: &[Effect]) -> Vec<Option<Proving>> {
    let kept = |effect: &Effect| match effect {
        Effect::Keep(Change::Proving(proving)) => Some(proving.as_deref().cloned()),
        _ => None,
    };
    effects.iter().filter_map(kept).collect()
}

#[test]
fn an_address_walks_from_its_code_to_its_ticket_and_each_is_written() {
    let (state, effects) = step(&bound(), Event::ProvingOpened(Box::new(proving(Aim::Identifier))));
    assert_eq!(kept(&effects), [Some(proving(Aim::Identifier))]);
    let event = Event::AddressProved {
        id: ID.into(),
        ticket: "t".into(),
        key: "k".into(),
    };
    let (state, effects) = step(&state, event);
    let proved = state.proving.clone().unwrap();
    assert_eq!(proved.ticket, Some(("t".into(), "k".into())));
    assert_eq!(proved.verification, Verification::Confirmed);
    assert_eq!(kept(&effects), [Some(proved)]);
    let (state, effects) = step(&state, Event::ProvingOver { id: ID.into() });
    assert_eq!((state.proving, kept(&effects)), (None, vec![None]));
    assert!(
        !effects.contains(&Effect::Abandon(ID.into())),
        "it isn't given up but done"
    );
}

#[test]
fn another_proof_takes_the_place_of_the_one_before_which_the_cloud_forgets() {
    let other = Proving {
        id: "another".into(),
        ..proving(Aim::Recovery)
    };
    let (state, effects) = step(
        &under_proof(Aim::Identifier),
        Event::ProvingOpened(Box::new(other.clone())),
    );
    assert_eq!(state.proving, Some(other));
    assert!(effects.contains(&Effect::Abandon(ID.into())));
}

#[test]
fn a_cancelled_proof_is_forgotten_here_and_at_the_cloud() {
    let (state, effects) = step(&under_proof(Aim::Recovery), Event::Cancelled { id: ID.into() });
    assert_eq!((state.proving, kept(&effects)), (None, vec![None]));
    assert!(effects.contains(&Effect::Abandon(ID.into())));
}

#[test]
fn what_was_proved_after_it_was_given_up_counts_no_more() {
    let event = Event::AddressProved {
        id: ID.into(),
        ticket: "t".into(),
        key: "k".into(),
    };
    let (state, effects) = step(&bound(), event);
    assert_eq!(state.proving, None);
    assert_eq!(refusals(&effects), [Refusal::Cancelled]);
}

#[test]
fn what_is_known_of_another_verification_changes_nothing() {
    let state = under_proof(Aim::Identifier);
    for event in [
        Event::Looked {
            id: "another".into(),
            verification: Verification::Expired,
            resend: deadline(),
            expires: deadline(),
        },
        Event::ProvingOver { id: "another".into() },
        Event::Cancelled { id: "another".into() },
    ] {
        assert_eq!(step(&state, event).0.proving, state.proving);
    }
}

#[test]
fn a_proof_is_asked_of_only_by_its_own_id_and_for_its_own_aim() {
    let state = under_proof(Aim::Identifier);
    assert_eq!(
        state.admits(&Request::ConfirmAddress(ID.into())),
        Ok(Job::ConfirmAddress)
    );
    assert_eq!(
        state.admits(&Request::ConfirmAddress("another".into())),
        Err(Refusal::NotFound)
    );
    assert_eq!(
        state.admits(&Request::CompleteRecovery(ID.into())),
        Err(Refusal::NotFound)
    );
}
