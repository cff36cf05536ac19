//! The whole system, played on a stage: a real `dbus-daemon`, belayd, the warden and the cloud as processes of
//! their own, and only the outside of a phone simulated.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod authorisation;
mod bad_input;
mod belayctl;
mod busy;
mod cloud_errors;
mod cloud_http;
mod device;
mod disk;
mod documented_account;
mod documented_device;
mod documented_warden;
mod enforcement;
mod errors;
mod find_commands;
mod find_device;
mod find_faults;
mod find_hostile;
mod find_lost;
mod find_owner;
mod find_phone;
mod find_sms;
mod find_smuggled;
mod find_wipe;
mod hostile;
mod http;
mod introspection;
mod kills;
mod lost;
mod methods;
mod owner;
mod platform;
mod real_polkit;
mod recovery;
mod registration;
mod routes;
mod scene;
mod secrecy;
mod sign_in;
mod sign_out;
mod stagecraft;
mod throttle;
mod upkeep;
mod usurper;
mod xml;
