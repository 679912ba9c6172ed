//! MariaDB against the other brands and against itself; the judge is the server's own client program.

mod bad_input;
mod copies;
mod faults;
mod odd;
mod replace;
mod several;
mod values;
