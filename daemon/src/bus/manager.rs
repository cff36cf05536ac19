//! `org.belay1.Manager`: what this daemon is.

use zbus::interface;

/// The words of `Capabilities`. Account and device are always there and have none; for what depends on the machine there is
/// none either, since it comes and goes.
const CAPABILITIES: &[&str] = &["accessories"];

/// The interface at `/org/belay1`.
#[derive(Debug, Default)]
pub struct Manager;

#[interface(name = "org.belay1.Manager", introspection_docs = false)]
impl Manager {
    /// The version of belayd.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// What this device and build can do.
    #[zbus(property)]
    fn capabilities(&self) -> &'static [&'static str] {
        CAPABILITIES
    }
}
