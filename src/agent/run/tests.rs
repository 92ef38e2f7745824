//! Whole runs with real git, real scripts and real processes.

mod clone;
mod environment;
mod outcome;
mod results;
mod scripts;
mod sources;
mod stop;
