//! The sources: folders of files, and vdirs of contacts and calendars.

mod card;
mod folder;
mod kinds;
mod vdir;
mod walk;

pub use folder::{Folder, Which};
pub use vdir::{Cards, Vdir};

#[cfg(test)]
mod tests;
