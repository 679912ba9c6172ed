//! The one list of Debian packages that the tests need.

/// A package, a file that exists once it is installed, and the reason why it is here.
pub struct Package {
    pub name: &'static str,
    pub proof: &'static str,
    pub why: &'static str,
}

pub const PACKAGES: &[Package] = &[
    Package {
        name: "sqlite3",
        proof: "/usr/bin/sqlite3",
        why: "the oracle for what a database file holds, and the yardstick of the benchmarks",
    },
    Package {
        name: "strace",
        proof: "/usr/bin/strace",
        why: "kills the program at a chosen system call, or lets that call fail",
    },
    Package { name: "fossil", proof: "/usr/bin/fossil", why: "a real application that keeps everything in SQLite" },
    Package { name: "python3", proof: "/usr/bin/python3", why: "runs the applications that write beside us" },
    Package {
        name: "python3-django",
        proof: "/usr/lib/python3/dist-packages/django/__init__.py",
        why: "a real application with the schema of an ORM",
    },
];
