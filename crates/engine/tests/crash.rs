//! The real binary killed at named steps, and what the databases hold afterwards.
