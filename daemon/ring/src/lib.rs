//! Makes a phone heard that somebody looks for, whatever its volume is, until it is told to stop; then puts the volume
//! back.
//!
//! A program of its own, since belayd has no sound device. What talks to the hardware are the maintained tools: those of
//! alsa-utils for the card, those of PipeWire or PulseAudio in a session. They are found in `PATH`. In reading order:
//!
//! | | |
//! |---|---|
//! | [`tone`] | what is played, sample by sample |
//! | [`outputs`] | the sound cards |
//! | [`card`], [`session`] | the two ways to the loudspeaker, and their volumes |
//! | [`player`] | a program that is fed with the tone |
//! | [`ring`], [`cli`] | one way after the other; the command line |

pub mod card;
pub mod cli;
pub mod outputs;
pub mod player;
pub mod ring;
pub mod session;
pub mod tone;
mod tools;

pub use cli::run;
