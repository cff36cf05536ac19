//! What can be wrong with a configuration file.

use std::path::PathBuf;

/// A configuration that can't be used; belayd exits with 78.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file or the drop-in folder can't be read.
    #[error("{}: can't be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file says something wrong.
    #[error("{}:{line}: {}{message}", file.display(), key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
    Content {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with its section, as `section.key`; absent where the text isn't TOML.
        key: Option<String>,
        /// What is wrong.
        message: String,
    },
}
