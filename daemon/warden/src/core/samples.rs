//! What happens with a password, as the properties have it happen.

use belay_proto::TicketId;

use super::password::{Chosen, Strength};
use super::state::What;

const SEEN: Strength = Strength { score: 3, since: 1 };
const CHOSEN: Chosen = Chosen {
    verify_digest: [0xaa; 32],
    strength: SEEN,
};

pub fn checked(verify_digest: [u8; 32]) -> What {
    What::CheckEnded {
        verify_digest,
        ahead: None,
        strength: SEEN,
    }
}

pub fn password_chosen((ticket, generation): (TicketId, u64)) -> What {
    What::PasswordChosen {
        ticket,
        generation,
        chosen: CHOSEN,
    }
}

pub fn recovered((ticket, generation): (TicketId, u64)) -> What {
    What::Recovered {
        ticket,
        generation,
        chosen: CHOSEN,
    }
}
