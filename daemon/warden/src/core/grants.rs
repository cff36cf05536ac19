//! What the owner grants this device from elsewhere: the account's keys, and the word that lets it ring others.

use super::binding::{box_key, is_for};
use super::keyring;
use super::state::{Answer, Binding, Effect, State, Transition};
use crate::disk::copies::Concern;
use belay_proto::signed::Keyring;

impl State {
    /// The keyring that another device sealed to this one's box: taken only if the pinned owner signed it, and it has newer keys than
    /// the one that is kept, or older ones which that one lacks.
    pub(super) fn keyring_brought(&mut self, sealed: &[u8]) -> Transition {
        let bound = self.bound()?;
        let opened = Keyring::open_boxed(&box_key(&self.key, bound)?, &bound.owner, &bound.account, sealed);
        let newer = opened
            .ok()
            .and_then(|keyring| keyring::in_place_of_kept(&self.key, bound, &keyring));
        if let (Binding::Bound(bound), Some(keyring)) = (&mut self.binding, newer) {
            bound.keyring = Some(keyring);
            let mut effects = self.end_hold("the owner has other keys");
            effects.extend(taken());
            return Ok(effects);
        }
        Ok(vec![Effect::Answer(Answer::Taken(false))])
    }

    /// The delegate of the generation that holds.
    pub(super) fn delegate_brought(&mut self, delegate: Vec<u8>) -> Transition {
        self.bound()?;
        if let Binding::Bound(bound) = &mut self.binding
            && bound.delegate.as_ref() != Some(&delegate)
            && is_for(bound, &delegate)
        {
            bound.delegate = Some(delegate);
            return Ok(taken());
        }
        Ok(vec![Effect::Answer(Answer::Taken(false))])
    }
}

fn taken() -> Vec<Effect> {
    vec![
        Effect::Persist(Concern::Binding),
        Effect::Answer(Answer::Taken(true)),
    ]
}
