//! The far ends of the cloud's messages: a mail server and a gateway for text messages, over real sockets.

mod gateway;
mod smtp;

pub use gateway::{Gateway, Post};
pub use smtp::{Letter, MailServer, PASSWORD, USER};
