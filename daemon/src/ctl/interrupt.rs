//! Ctrl-C: the terminal is left as it was found, and whoever pressed it is told what goes on without them.

use std::cell::OnceCell;

use super::error::Error;

/// What goes on when nobody waits for it any more.
#[derive(Debug, Default)]
pub struct Underway(OnceCell<String>);

impl Underway {
    /// From now on this may have been sent, such as `command 0123…`.
    pub fn sends(&self, what: String) {
        // The first is what was sent; a repetition of it is the same.
        let _ = self.0.set(what);
    }

    fn words(&self) -> String {
        match self.0.get() {
            None => "nothing was sent".to_owned(),
            Some(what) => format!("{what} may be on its way, and goes on"),
        }
    }
}

/// Does `work` to its end, or leaves it when Ctrl-C is pressed.
///
/// # Errors
/// Those of `work`; `Interrupted`.
pub async fn or_interrupted<T>(
    underway: &Underway,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        // Listening comes first: what is pressed while the work begins is heard too.
        biased;
        Ok(()) = tokio::signal::ctrl_c() => Err(Error::named("Interrupted", &underway.words())),
        outcome = work => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_is_told_whether_something_goes_on() {
        let underway = Underway::default();
        assert_eq!(underway.words(), "nothing was sent");
        underway.sends("command 01".into());
        underway.sends("command 02".into());
        assert_eq!(underway.words(), "command 01 may be on its way, and goes on");
    }

    #[tokio::test]
    async fn what_ends_by_itself_answers_for_itself() {
        let done = or_interrupted(&Underway::default(), async { Ok(7) }).await;
        assert_eq!(done.unwrap(), 7);
    }
}
