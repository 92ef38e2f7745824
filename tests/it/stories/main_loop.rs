//! From the trigger to the finished build.
