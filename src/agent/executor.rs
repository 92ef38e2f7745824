//! Where the processes of a build run. For now the machine itself; containers
//! get a file of their own beside it. Knows no phases and no repository.

pub mod host;
pub mod orphans;
