//! Refusals of a proof, and of nothing else, that another proof answers.

use reqwest::Method;

use crate::cloud::call::Call;
use crate::cloud::problem::{Problem, ProblemKind};
use crate::cloud::transport::Answer;

/// Fresh nonces that one call accepts before it takes the cloud for broken.
const NONCES_A_CALL: u32 = 2;

/// How often a call was proved anew.
#[derive(Debug, Default)]
pub(super) struct Anew {
    nonces: u32,
    was_used: bool,
}

impl Anew {
    /// Whether `call` goes out at once with another proof. `renewed` says that the answer brought a nonce.
    ///
    /// A network may deliver a request twice. The cloud carries out the first copy, and refuses the second for its proof: where that
    /// answer is the one that comes, what became of the call is told to another proof with the same idempotency key. A cloud that asks
    /// for a while besides gets it: the call ends, and whoever made it asks later.
    pub fn helps(&mut self, call: &Call, answer: &Answer, renewed: bool) -> bool {
        if answer.status != 401 {
            return false;
        }
        match Problem::read(401, &answer.body, None).kind {
            ProblemKind::UseDpopNonce if renewed && self.nonces < NONCES_A_CALL => {
                self.nonces += 1;
                true
            }
            ProblemKind::InvalidDpopProof if !self.was_used && may_repeat(call, answer) => {
                self.was_used = true;
                true
            }
            _ => false,
        }
    }

    /// Whether a copy of the call may have been carried out already.
    pub const fn was_used(&self) -> bool {
        self.was_used
    }
}

/// Whether the same call again does nothing more, and isn't to wait.
fn may_repeat(call: &Call, answer: &Answer) -> bool {
    answer.retry_after.is_none() && (call.method == Method::GET || call.idempotency_key.is_some())
}
