//! How many calls that bring a secret may be without an answer: each holds descriptors, and memory.

use std::sync::Arc;

use belay_proto::dbus::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::refusal::Refusal;

/// How many may stand at the door, until the bus has told who they are: it always does, at once.
const DOOR: usize = 512;
/// How many of the session may be inside: they may keep us waiting, for polkit's dialogue and for the end of a pipe.
const SESSION: usize = 224;
/// The same of root and the lost screen, so that a session that hangs on purpose keeps nobody locked out. With the
/// session's fewer than may wait for the actor, so that belayd finds room there whatever they do.
const SCREEN: usize = 24;
/// A call brings two secrets at most, the old password and the new. What else hung on its message would stay open
/// until the answer.
const DESCRIPTORS: u32 = 2;

/// The places of one warden; cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub(super) struct Places {
    door: Arc<Semaphore>,
    session: Arc<Semaphore>,
    screen: Arc<Semaphore>,
}

/// A caller's place, free again once this is dropped.
#[derive(Debug)]
pub struct Place {
    _held: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        let of = |places| Arc::new(Semaphore::new(places));
        Self {
            door: of(DOOR),
            session: of(SESSION),
            screen: of(SCREEN),
        }
    }
}

impl Places {
    /// Lets a call to the door whose message carries so many descriptors. Waits for nothing: who isn't let in holds
    /// nothing.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for more than two descriptors, [`Error::Busy`] where no place is free.
    pub(super) fn door(&self, descriptors: Option<u32>) -> Result<Place, Error> {
        if descriptors.is_some_and(|count| count > DESCRIPTORS) {
            return Err(Error::InvalidArgument("two secrets at most".to_owned()));
        }
        free(&self.door)
    }

    /// Lets somebody of the session in.
    ///
    /// # Errors
    /// [`Error::Busy`] where no place is free.
    pub(super) fn session(&self) -> Result<Place, Error> {
        free(&self.session)
    }

    /// Lets root or the lost screen in.
    ///
    /// # Errors
    /// [`Error::Busy`] where no place is free.
    pub(super) fn screen(&self) -> Result<Place, Error> {
        free(&self.screen)
    }
}

fn free(places: &Arc<Semaphore>) -> Result<Place, Error> {
    let held = Arc::clone(places).try_acquire_owned();
    held.map(|_held| Place { _held })
        .map_err(|_| Refusal::Busy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_takes_all_it_can_get_leaves_places_for_the_lost_screen() {
        let places = Places::default();
        let mut held: Vec<_> = (0..SESSION).map(|_| places.session().unwrap()).collect();
        assert!(matches!(places.session(), Err(Error::Busy(_))));
        places.door(Some(1)).unwrap();
        places.screen().unwrap();
        drop(held.pop());
        places.session().unwrap();
        let door: Vec<_> = (0..DOOR).map(|_| places.door(Some(1)).unwrap()).collect();
        assert!(matches!(places.door(Some(1)), Err(Error::Busy(_))));
        drop(door);
    }

    #[test]
    fn who_brings_more_than_two_descriptors_is_not_let_in() {
        let places = Places::default();
        for fits in [None, Some(1), Some(2)] {
            places.door(fits).unwrap();
        }
        for odd in [3, 16, u32::MAX] {
            assert!(matches!(places.door(Some(odd)), Err(Error::InvalidArgument(_))));
        }
    }
}
