//! Listening to the stream.

use futures_util::future::{BoxFuture, pending};

use crate::cloud::CloudError;
use crate::find::ports::Signs;
use crate::find::state::Event;
use crate::find::trouble::Trouble;

/// The stream of hints.
pub(super) enum Stream {
    Closed,
    Opening(BoxFuture<'static, Result<Box<dyn Signs>, CloudError>>),
    Open(Box<dyn Signs>),
}

/// What comes of the stream.
pub(super) async fn hear(stream: &mut Stream) -> Event {
    let ended = |error: Option<CloudError>| {
        if let Some(error) = &error {
            tracing::debug!(error = error as &dyn std::error::Error, "the stream of hints");
        }
        Event::StreamEnded(error.as_ref().map(Trouble::from))
    };
    match stream {
        Stream::Closed => pending().await,
        Stream::Opening(opening) => match opening.await {
            Ok(signs) => {
                *stream = Stream::Open(signs);
                Event::Opened
            }
            Err(error) => {
                *stream = Stream::Closed;
                ended(Some(error))
            }
        },
        Stream::Open(signs) => match signs.next().await {
            Ok(Some(sign)) => Event::Sign(sign),
            Ok(None) => {
                *stream = Stream::Closed;
                ended(None)
            }
            Err(error) => {
                *stream = Stream::Closed;
                ended(Some(error))
            }
        },
    }
}
