use super::*;

fn told(code: u16, message: &str) -> String {
    let e = ServerError { code, message: message.into(), state: "HY000".into() };
    refused(&e, "refused").to_string()
}

/// I15: what the server quotes of values stays with us; what it names is told.
#[test]
fn names_are_told_and_values_are_not() {
    let cases = [
        (1062, "Duplicate entry 'secret' for key 'by_code'", "constraint by_code"),
        (1062, "Duplicate entry 'a' for key 'secret' for key 't.by_code'", "constraint by_code"),
        (1366, "Incorrect string value: 'secret' for column `db`.`t`.`v` at row 7", "column v"),
        (1366, "Incorrect integer value: ' for column `secret` at row 1' for column `db`.`t`.`v` at row 7", "column v"),
        (1264, "Out of range value for column 'v' at row 1", "column v"),
        (1292, "Incorrect datetime value: 'secret' for column `db`.`t`.`v` at row 2", "column v"),
        (4025, "CONSTRAINT `t.v` failed for `db`.`t`", "constraint t.v"),
        (
            1452,
            "Cannot add or update a child row: a foreign key constraint fails (`db`.`c`, CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `p` (`id`))",
            "constraint fk",
        ),
        (1234, "something about 'secret'", "1234"),
    ];
    for (code, message, named) in cases {
        let told = told(code, message);
        assert!(told.contains(named) && !told.contains("secret"), "{told}");
    }
}

/// A server that starts removes the temporary tables of another one with the same folder for them: that passes.
#[test]
fn trouble_with_the_servers_own_files_may_pass() {
    let of = |code| {
        let message = "Error on delete of '/tmp/#sql-temptable.MAI' (Errcode: 2)".into();
        refused(&ServerError { code, message, state: "HY000".into() }, "refused")
    };
    assert_eq!([of(6).kind(), of(20).kind(), of(3).kind()], [ErrorKind::Busy, ErrorKind::Full, ErrorKind::Full]);
    assert!(!of(6).to_string().contains("temptable"));
}
