//! I15: whatever goes wrong, no text holds a secret.

use proptest::prelude::*;

use super::*;

const PLANTED: &str = "hunter2";

/// Every text that could reach a person or a log.
fn texts(outcome: &Result<Plan>) -> String {
    match outcome {
        Ok(plan) => {
            let json: Vec<_> = plan.connections.values().map(|spec| serde_json::to_string(spec).unwrap()).collect();
            let urls: Vec<_> = plan.connections.values().map(|spec| spec.url.to_string()).collect();
            format!("{plan:?} {plan:#?} {json:?} {urls:?}")
        }
        Err(error) => format!("{error} {error:?} {error:#?} {}", error.advice()),
    }
}

#[test]
fn a_plan_shows_a_mask_in_place_of_its_passwords() {
    let outcome = plan_with(
        "version: 1\nconnections:\n  a: {url: 'postgres://app@db1/shop', password: hunter2}\n  b: 'mysql://app:hunter2@db1/shop?ssl=hunter2'\n  c: 'mysql://db1/shop?password=hunter2'\n",
        &[],
    );
    assert!(texts(&outcome).contains("***"));
    let plan = outcome.as_ref().unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(plan.connections[name].password.as_ref().unwrap().expose(), PLANTED);
    }
    assert!(!texts(&outcome).contains(PLANTED));
}

#[test]
fn no_mistake_shows_a_password() {
    for connection in [
        "'postgres://app:hunter2@db1:port/shop'",
        "'postgres://app:hunter2@/shop'",
        "'postgres://app:hunter2@db1/shop#x'",
        "'postgres//app:hunter2@db1/shop'",
        "'app:hunter2@db1/shop'",
        "'hunter2@db1'",
        "'postgrs://app:hunter2@db1/shop'",
        "'postgres:app:hunter2'",
        "'odbc:Driver=x;Pwd=hunter2'",
        "'postgres://app:%zzhunter2@db1/shop'",
        "'postgres://app:12/hunter2@db1/shop'",
        "'postgres://app:12?hunter2@db1/shop'",
        "'postgres://app:12#hunter2@db1/shop'",
        "'sqlite:hunter2'x",
        "{url: 'postgres://app@db1/shop', password: [hunter2]}",
        "{url: 'postgres://app@db1/shop', password: {hunter2: x}}",
        "{url: 'postgres://app@db1/shop', pasword: hunter2}",
        "{url: 'postgres://app@db1/shop', password: hunter2, password: hunter2}",
        "{url: 'postgres://app@db1/shop', password: '${hunter2!}'}",
        "{url: 'postgres://app@db1/shop', password: '${hunter2'}",
        "{url: 'postgres://app@db1/shop', password: !hunter2 x}",
        "{url: 'postgres://app@db1/shop', password: *hunter2}",
        "{url: 'postgres://app:x@db1/shop', password: hunter2}",
        "{'postgres://app:hunter2@db1/shop'}",
        "{'postgres://app:hunter2@db1/shop': x}",
        "{url: '${PW}', password: x}",
        "'${PW}'",
        "'${PW}:x'",
        "'memory:${PW} '",
        "\"hunter2",
        "[hunter2",
        "{url: hunter2",
        "\"\\hunter2\"",
        "%hunter2",
        "@hunter2",
    ] {
        let text = format!("version: 1\nconnections:\n  shop: {connection}\n");
        let outcome = plan_with(&text, &[("PW", PLANTED)]);
        assert!(outcome.is_err(), "{connection}");
        assert!(!texts(&outcome).contains(PLANTED), "{connection}: {}", texts(&outcome));
    }
}

proptest! {
    /// Unencoded specials move the border between password, host and path; wherever it falls, nothing is shown.
    #[test]
    fn no_password_in_a_url_is_shown(password in r"(4711|[/?#@:%\[\] +&=;,.\\-]){0,6}") {
        let password = format!("4711{password}");
        for text in [
            format!("postgres://app:{password}@db1/shop"),
            format!("postgres://app:{password}@db1:5432/shop?sslmode=require"),
            format!("sftp://app:{password}@[::1]/shop"),
            format!("app:{password}@db1/shop"),
        ] {
            let shown = match ConnectionUrl::parse(&text, None) {
                Ok((url, password)) => format!("{url} {url:?} {password:?} {}", serde_json::to_string(&url).unwrap()),
                Err(problem) => format!("{:?}", problem.told(false)),
            };
            prop_assert!(!shown.contains("4711"), "{text}: {shown}");
            let shown = match name_or_url(None, &text) {
                Ok(spec) => format!("{spec:?}"),
                Err(error) => format!("{error} {}", error.advice()),
            };
            prop_assert!(!shown.contains("4711"), "{text}: {shown}");
        }
    }
}
