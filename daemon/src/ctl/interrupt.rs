//! Ctrl-C: the terminal is left as it was found, and whoever pressed it is told what goes on without them.

use std::sync::{Arc, OnceLock};

use super::advice::{self, Advice};
use super::error::Error;

/// What goes on when nobody waits for it any more. Its clones are one.
#[derive(Clone, Debug, Default)]
pub struct Underway {
    sent: Arc<OnceLock<String>>,
    shown: Option<&'static str>,
}

impl Underway {
    /// Nothing yet; `shown`, a sentence, says how what becomes of it is seen.
    pub fn shown(shown: &'static str) -> Self {
        Self {
            shown: Some(shown),
            ..Self::default()
        }
    }

    /// From now on a request may have been sent. The daemons give up what is safe to leave when its caller leaves, and go on
    /// with the rest: which of both isn't known here.
    pub fn asks(&self) {
        self.note("the request may be on its way, and be carried out all the same".to_owned());
    }

    /// From now on this may have been sent, such as `command 0123…`, which goes on.
    pub fn sends(&self, what: &str) {
        self.note(format!("{what} may be on its way, and goes on"));
    }

    fn note(&self, words: String) {
        // The first is what was sent; a repetition of it is the same.
        let _ = self.sent.set(words);
    }

    fn words(&self) -> &str {
        self.sent.get().map_or("nothing was sent", String::as_str)
    }

    /// What whoever leaves is told.
    fn left(&self) -> Error {
        const NAME: &str = "Interrupted";
        let error = Error::named(NAME, self.words());
        match (self.sent.get(), self.shown) {
            (Some(_), Some(next)) => error.means(
                NAME,
                Advice {
                    next,
                    ..advice::of(NAME)
                },
            ),
            _ => error,
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
        Ok(()) = tokio::signal::ctrl_c() => Err(underway.left()),
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
        underway.sends("command 01");
        underway.sends("command 02");
        underway.asks();
        assert_eq!(underway.words(), "command 01 may be on its way, and goes on");
    }

    #[test]
    fn whoever_leaves_is_told_where_what_goes_on_shows() {
        let underway = Underway::shown("belayctl devices shows it.");
        let said = underway.left().words();
        assert!(
            said.contains("(nothing was sent)") && !said.contains("belayctl devices"),
            "{said}"
        );
        underway.clone().asks();
        let left = underway.left();
        let said = left.words();
        assert!(
            said.contains("the request may be on its way, and be carried out all the same")
                && said.contains("belayctl devices shows it."),
            "{said}"
        );
        assert_eq!(left.exit_code(), 130);
    }

    #[tokio::test]
    async fn what_ends_by_itself_answers_for_itself() {
        let done = or_interrupted(&Underway::default(), async { Ok(7) }).await;
        assert_eq!(done.unwrap(), 7);
    }
}
