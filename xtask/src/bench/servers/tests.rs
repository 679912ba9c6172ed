use super::*;

#[test]
fn a_command_survives_the_shell() {
    let mut command = Command::new("printf");
    command.args(["%s|", "it's", "$HOME", "a b"]).env("ONE", "x y");
    let printed = process::output(&mut shell(&words(&command)));
    assert_eq!(printed.ok().as_deref(), Some("it's|$HOME|a b|"));
    assert!(words(&command).starts_with("ONE='x y' 'printf' "));
}
