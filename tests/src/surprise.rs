//! The one error of this package: something was not as expected.

use std::fmt;
use std::panic::Location;

use belay_proto::text::with_causes;

/// What a step of a story or a test ends with.
pub type Outcome<T = ()> = Result<T, Surprise>;

/// Something was not as expected: what, and where in the tests it was noticed.
///
/// It is made from any error by `?`. It isn't an [`std::error::Error`] itself, so that this conversion can
/// exist.
pub struct Surprise {
    what: String,
    at: &'static Location<'static>,
}

impl Surprise {
    /// A surprise in words.
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            at: Location::caller(),
        }
    }

    /// The same with what was being done put before it.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.what = format!("{what}: {}", self.what);
        self
    }
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (noticed at {})", self.what, self.at)
    }
}

impl fmt::Debug for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: std::error::Error> From<E> for Surprise {
    #[track_caller]
    fn from(error: E) -> Self {
        Self {
            what: with_causes(&error),
            at: Location::caller(),
        }
    }
}

/// Adds what was being done to an error that doesn't say so itself.
pub trait During<T> {
    /// Turns the error into a [`Surprise`] that begins with `what`.
    ///
    /// # Errors
    /// The same as before, in other clothes.
    fn during(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: Into<Surprise>> During<T> for Result<T, E> {
    #[track_caller]
    fn during(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| error.into().during(what))
    }
}

/// Returns a [`Surprise`] unless the condition holds.
#[macro_export]
macro_rules! expect {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::Surprise::new(format!($($words)+)));
        }
    };
}
