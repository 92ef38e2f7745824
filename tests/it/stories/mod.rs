//! Whole stories with the real agent and real git.

mod main_loop;
