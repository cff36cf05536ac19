//! Scales, MiBeacon, the services of the Bluetooth SIG, InfiniTime.

mod air;
mod infinitime;
mod mibeacon;
mod scale;
mod sig;

use super::Check;

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[
    ("miscale1", scale::first),
    ("miscale2", scale::second),
    ("mibeacon", mibeacon::check),
    ("sig-hr", sig::heart_rate),
    ("sig-battery", sig::battery),
    ("sig-weight", sig::weight),
    ("sig-bodycomp", sig::composition),
    ("sig-current-time", sig::current_time),
    ("sig-local-time", sig::local_time),
    ("sig-timezone", sig::time_zone),
    ("sig-new-alert", sig::new_alert),
    ("sig-ans-control", sig::control),
    ("infinitime-alert", infinitime::alert),
    ("infinitime-fw", infinitime::text),
    ("infinitime-steps", infinitime::steps),
    ("infinitime-motion", infinitime::motion),
    ("infinitime-time", sig::current_time),
    ("infinitime-local-time", sig::local_time),
    ("infinitime-weather", infinitime::weather),
    ("infinitime-hr", sig::heart_rate),
    ("infinitime-battery", sig::battery),
    // What the names don't tell, the fields do.
    ("infinitime", infinitime::by_fields),
    ("sig", sig::by_fields),
];
