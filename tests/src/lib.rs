//! The stage on which the whole of Belay is played: a private message bus, the real programs as processes of
//! their own, the real cloud over HTTP, and simulators for what a phone would bring.
//!
//! The [`playground`](../playground/index.html) walks its story on a [`Stage`]; the whole-system tests
//! (`tests/system`) do the same with one stage a test. Each program is [`role::play`] in another process of the
//! one executable `playground`, because cargo builds no other package's binary for a test.

pub mod accessories;
pub mod app;
pub mod bluez;
pub mod bus;
pub mod carriers;
pub mod clock;
pub mod contract;
pub mod guest;
pub mod mail;
pub mod openapi;
pub mod owner;
pub mod place;
pub mod polkit;
pub mod process;
pub mod proxy;
pub mod pusher;
pub mod qr;
pub mod role;
pub mod services;
pub mod stage;
pub mod story;
pub mod surprise;
pub mod sysfs;
pub mod terminal;
pub mod until;
pub mod webdriver;

pub use stage::Stage;
pub use surprise::{Outcome, Surprise};
