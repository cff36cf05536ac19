//! What the operating system gives: a trait each, a real and a simulated implementation.

mod clock;
mod host;

pub use clock::clock;
pub use host::{Host, SystemHost, host};
