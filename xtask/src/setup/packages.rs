//! The one list of Debian packages that the tests need.

/// A package, a file that exists once it is installed (`*` stands for any one folder), and the reason why it is here.
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
    Package {
        name: "postgresql",
        proof: "/usr/lib/postgresql/*/bin/postgres",
        why: "a real server for the tests; they start it themselves, in private folders",
    },
    Package {
        name: "postgresql-client",
        proof: "/usr/lib/postgresql/*/bin/psql",
        why: "the oracle for what PostgreSQL holds",
    },
    Package { name: "mariadb-server", proof: "/usr/sbin/mariadbd", why: "a real server for the tests, likewise" },
    Package { name: "mariadb-client", proof: "/usr/bin/mariadb", why: "the oracle for what MariaDB holds" },
    Package { name: "openssl", proof: "/usr/bin/openssl", why: "makes the servers' certificates" },
];
