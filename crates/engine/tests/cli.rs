//! The commands as a user calls them: the real binary, its output and exit codes.
