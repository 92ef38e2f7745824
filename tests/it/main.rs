//! The one test binary: stories through HTTP and the command line, and the
//! rules of the house. One binary, because each links the whole server.

mod house;
