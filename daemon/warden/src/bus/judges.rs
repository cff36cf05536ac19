//! Judging how strong new passwords are: a few at once, each on a thread of its own.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::core::refusal::Refusal;

/// How many passwords are judged at once; beyond, `Busy`.
const AT_ONCE: usize = 4;

/// Whoever judges.
pub struct Judges(Arc<Semaphore>);

impl Default for Judges {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Judges {
    /// Has `work` done by one who is free. Its place stays taken until the work is done, though nobody should
    /// wait for it any more.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when none is free; [`Refusal::Internal`] when the work panicked.
    pub async fn judge<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        let place = place.map_err(|_| Refusal::Busy)?;
        let judged = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        judged.await.map_err(|_| Refusal::Internal("judging stopped"))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn four_are_judged_at_once_and_a_fifth_is_busy_even_when_one_of_them_has_left() {
        let judges = Judges::default();
        let (finish, finished) = channel::<()>();
        let finished = Arc::new(std::sync::Mutex::new(finished));
        let long = || {
            let finished = Arc::clone(&finished);
            judges.judge(move || finished.lock().unwrap().recv().is_ok())
        };
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut left = pin!(long());
            assert!(left.as_mut().poll(&mut context).is_pending());
        }
        let mut three = [Box::pin(long()), Box::pin(long()), Box::pin(long())];
        for one in &mut three {
            assert!(one.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(judges.judge(|| true).await, Err(Refusal::Busy));
        for _ in 0..4 {
            finish.send(()).unwrap();
        }
        for one in three {
            assert_eq!(one.await, Ok(true));
        }
        assert_eq!(judges.judge(|| true).await, Ok(true));
    }
}
