//! Arguments and answers that more than one interface has.

use belay_proto::dbus::fd::write_text;
use belay_proto::id::TicketId;
use zbus::OwnedFd;

use super::Error;

/// A ticket of the warden, in its one form: anything else isn't handed on.
pub(super) fn ticket(text: &str) -> Result<String, Error> {
    let ticket: TicketId = text
        .parse()
        .map_err(|_| Error::InvalidArgument("the ticket isn't one".into()))?;
    Ok(ticket.to_string())
}

/// A descriptor that `text` can be read from.
pub(super) fn descriptor(text: &str) -> Result<OwnedFd, Error> {
    let written = write_text(text)
        .map_err(|error| Error::Internal(format!("no descriptor for the answer: {error}")))?;
    Ok(written.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_32_hexadecimal_digits() {
        assert!(ticket(&"0a".repeat(16)).is_ok());
        for bad in ["", "x", &"0A".repeat(16), &"0".repeat(1 << 20)] {
            assert!(matches!(ticket(bad), Err(Error::InvalidArgument(_))));
        }
    }
}
