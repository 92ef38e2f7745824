//! Whole stories with the real agent and real git; those that kill processes
//! start the real binary.

mod broken_database;
mod kill;
mod main_loop;
mod many;
mod process;
mod shop;
