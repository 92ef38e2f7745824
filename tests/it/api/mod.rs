//! The v1 API as its clients use it: the real router over real sockets.

mod conventions;
