//! The build machine: claims a build, runs it, reports.
