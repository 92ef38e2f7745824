//! Whole stories with the real agent and real git; those that kill processes
//! start the real binary.

mod broken_database;
mod canaries;
mod command_line;
mod credentials;
mod distribution;
mod inside;
mod kill;
mod lost_deliveries;
mod main_loop;
mod many;
mod outage;
mod process;
mod queue;
mod reports;
mod rotate_key;
mod settings;
pub(crate) mod shop;
mod sign_in_link;
mod ssh;
mod storm;
mod triggers;
