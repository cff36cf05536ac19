//! How many calls that bring a secret may be without an answer: each holds descriptors, and memory.

use std::sync::Arc;

use belay_proto::dbus::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::refusal::Refusal;

/// How many callers may be inside, those included of whom it isn't known yet who they are.
const ALL: usize = 320;
/// How many of them may be of the session: they may keep us waiting, for polkit's dialogue and for the end of a pipe.
/// The rest is for root and the lost screen, so that a session that hangs on purpose keeps nobody locked out.
const SESSION: usize = 288;
/// A call brings two secrets at most, the old password and the new. What else hung on its message would stay open
/// until the answer.
const DESCRIPTORS: u32 = 2;

/// The places of one warden; cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    session: Arc<Semaphore>,
}

/// A caller's place, free again once this is dropped.
#[derive(Debug)]
pub struct Place {
    _inside: OwnedSemaphorePermit,
    _session: Option<OwnedSemaphorePermit>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            session: Arc::new(Semaphore::new(SESSION)),
        }
    }
}

impl Places {
    /// Lets a call in whose message carries so many descriptors. Waits for nothing: who isn't let in holds nothing.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for more than two descriptors, [`Error::Busy`] where no place is free.
    pub(super) fn enter(&self, descriptors: Option<u32>) -> Result<Place, Error> {
        if descriptors.is_some_and(|count| count > DESCRIPTORS) {
            return Err(Error::InvalidArgument("two secrets at most".to_owned()));
        }
        Ok(Place {
            _inside: free(&self.all)?,
            _session: None,
        })
    }

    /// Counts a caller as one of the session.
    ///
    /// # Errors
    /// [`Error::Busy`] where the session has all its places.
    pub(super) fn of_session(&self, place: Place) -> Result<Place, Error> {
        Ok(Place {
            _session: Some(free(&self.session)?),
            ..place
        })
    }
}

fn free(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(places)
        .try_acquire_owned()
        .map_err(|_| Refusal::Busy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_takes_all_it_can_get_leaves_places_for_the_lost_screen() {
        let places = Places::default();
        let enter = || places.enter(Some(1));
        let mut held: Vec<_> = (0..SESSION)
            .map(|_| places.of_session(enter().unwrap()).unwrap())
            .collect();
        let one_more = places.of_session(enter().unwrap());
        assert!(matches!(one_more, Err(Error::Busy(_))));
        // He who was refused has left no trace.
        let screen: Vec<_> = (SESSION..ALL).map(|_| enter().unwrap()).collect();
        assert!(matches!(enter(), Err(Error::Busy(_))));
        drop(held.pop());
        places.of_session(enter().unwrap()).unwrap();
        drop((held, screen));
    }

    #[test]
    fn who_brings_more_than_two_descriptors_is_not_let_in() {
        let places = Places::default();
        for fits in [None, Some(1), Some(2)] {
            places.enter(fits).unwrap();
        }
        for odd in [3, 16, u32::MAX] {
            assert!(matches!(places.enter(Some(odd)), Err(Error::InvalidArgument(_))));
        }
    }
}
