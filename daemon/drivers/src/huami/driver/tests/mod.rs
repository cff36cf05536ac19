//! The driver against a band that is played.
