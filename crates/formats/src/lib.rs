//! Readers for the files that mobile builds leave behind.
