//! URLs, and what a word on the command line means.

use super::*;

fn url(text: &str) -> ConnectionUrl {
    ConnectionUrl::parse(text, Some(Path::new("/home/app"))).unwrap().0
}

fn sqlite(path: &str) -> ConnectionUrl {
    ConnectionUrl::Sqlite(path.into())
}

fn told(text: &str) -> String {
    let (what, hint) = ConnectionUrl::parse(text, None).unwrap_err().told(false);
    format!("{what}\n-> {hint}")
}

fn chosen(word: &str) -> Result<ConnectionSpec> {
    let plan = plan(SHOP).unwrap();
    argument::choose(Some(&plan), word, &|name| match name {
        "HOME" => Some("/home/app".into()),
        "SYNCLINE_CONN_FAR_AWAY" => Some("postgres://app:pw@db1/shop".into()),
        "SYNCLINE_CONN_WRONG" => Some("postgres:pw".into()),
        _ => None,
    })
}

#[test]
fn a_sqlite_path_is_taken_letter_by_letter() {
    assert_eq!(url("sqlite:shop.db"), sqlite("shop.db"));
    assert_eq!(url("sqlite://shop.db"), sqlite("shop.db"));
    assert_eq!(url("sqlite:/abs/shop.db"), sqlite("/abs/shop.db"));
    assert_eq!(url("sqlite:///abs/shop.db"), sqlite("/abs/shop.db"));
    assert_eq!(url("SQLite:a%20b?c#d@e.db"), sqlite("a%20b?c#d@e.db"));
    assert_eq!(url("sqlite:~/shop.db"), sqlite("/home/app/shop.db"));
    assert_eq!(url("sqlite:~app/shop.db"), sqlite("~app/shop.db"));
    insta::assert_snapshot!(told("sqlite:"), @r#"
    the sqlite URL cannot be read: there is no path
    -> for example `sqlite:shop.db` or `sqlite:/var/lib/shop.db`
    "#);
    insta::assert_snapshot!(told("sqlite::memory:"), @r#"
    the sqlite URL cannot be read: `:memory:` is no file, and gone as soon as it is closed
    -> for example `sqlite:shop.db` or `sqlite:/var/lib/shop.db`
    "#);
    insta::assert_snapshot!(told("sqlite:~/shop.db"), @r#"
    the sqlite URL cannot be read: `~` needs a home directory, and HOME is not set
    -> for example `sqlite:shop.db` or `sqlite:/var/lib/shop.db`
    "#);
}

#[test]
fn a_network_url_is_taken_apart() {
    let (url, password) =
        ConnectionUrl::parse("postgresql://a%40pp:p%3Aw@db1:5433/shop%20x?sslmode=require&x=%26", None).unwrap();
    assert_eq!(password.unwrap().expose(), "p:w");
    assert_eq!(url.to_string(), "postgres://a@pp@db1:5433/shop x");
    let ConnectionUrl::Network(url) = url else { panic!() };
    assert_eq!(url.scheme, Scheme::Postgres);
    assert_eq!(url.user.as_deref(), Some("a@pp"));
    assert_eq!((url.host.as_deref(), url.port), (Some("db1"), Some(5433)));
    assert_eq!(url.path, "/shop x");
    assert_eq!(url.query, [("sslmode".into(), "require".into()), ("x".into(), "&".into())]);
    assert_eq!(super::url::NetworkUrl { host: None, ..url }.to_string(), "postgres://a@pp@:5433/shop x");
}

#[test]
fn every_scheme_has_a_word_of_its_own() {
    for word in Scheme::words() {
        let scheme = Scheme::of_word(word).unwrap();
        assert_eq!(Scheme::of_word(scheme.word()), Some(scheme));
    }
    assert_eq!(Scheme::of_word("postgresql"), Some(Scheme::Postgres));
}

#[test]
fn urls_that_cannot_be_read() {
    insta::assert_snapshot!(told("postgrs://db1/shop"), @r#"
    the URL has an unknown scheme `postgrs`; did you mean `postgres`?
    -> known are sqlite, memory, postgres, postgresql, mysql, mariadb, mssql, sqlserver, odbc, http, https, file, sftp, ftp, s3, azblob, gdrive, dropbox, onedrive, webdav, kafka, nats
    "#);
    insta::assert_snapshot!(told("postgres:shop"), @r#"
    the postgres URL cannot be read: `//` belongs after the scheme
    -> the form is `postgres://USER@HOST:PORT/PATH`; a password with special characters belongs in `password`, or is percent-encoded
    "#);
    insta::assert_snapshot!(told("postgres://app:pw@db1:port/shop"), @r#"
    the postgres URL cannot be read: the port is not a number up to 65535
    -> the form is `postgres://USER@HOST:PORT/PATH`; a password with special characters belongs in `password`, or is percent-encoded
    "#);
    insta::assert_snapshot!(told("postgres://app:p#w@db1/shop"), @r#"
    the postgres URL cannot be read: the port is not a number up to 65535
    -> the form is `postgres://USER@HOST:PORT/PATH`; a password with special characters belongs in `password`, or is percent-encoded
    "#);
    insta::assert_snapshot!(told("memory:a/b"), @r#"
    the memory URL cannot be read: a name of letters, digits, `_` and `-` belongs after `memory:`
    -> for example `memory:a`
    "#);
    insta::assert_snapshot!(told("sqlite:a\nb"), @r#"
    the sqlite URL cannot be read: it contains a control character
    -> for example `sqlite:shop.db` or `sqlite:/var/lib/shop.db`
    "#);
    insta::assert_snapshot!(told("shop.db"), @r#"
    this is not a URL
    -> for example `sqlite:shop.db`
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop:\n    url: postgres://app:pw@db1:port/shop\n"), @r#"
    the postgres URL cannot be read: the port is not a number up to 65535 [file conf/syncline.yaml:4:10, connection shop]
    -> the form is `postgres://USER@HOST:PORT/PATH`; a password with special characters belongs in `password`, or is percent-encoded
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop:\n    url: postgres://app:pw@db1/shop\n    password: x\n"), @r#"
    the password is given twice [file conf/syncline.yaml:5:15, connection shop]
    -> take it out of the URL, or remove `password`
    "#);
}

#[test]
fn a_word_is_a_connection_then_a_url_then_a_file() {
    assert_eq!(chosen("shop").unwrap().name, "shop");
    assert_eq!(chosen("sqlite:x.db").unwrap().url, sqlite("x.db"));
    assert_eq!(chosen("sqlite:x.db").unwrap().name, "sqlite:x.db");
    for path in ["x.db", "x.SQLite", "dir/x", "./x", "/abs/x", "C:.db"] {
        assert_eq!(chosen(path).unwrap().url, sqlite(path));
    }
    assert_eq!(chosen("~/x").unwrap().url, sqlite("/home/app/x"));
    let far = chosen("far-away").unwrap();
    assert_eq!((far.name.as_str(), far.password.unwrap().expose()), ("far-away", "pw"));
}

#[test]
fn a_bare_word_that_exists_is_a_file() {
    // Tests run in the package's directory.
    assert_eq!(chosen("Cargo.toml").unwrap().url, sqlite("Cargo.toml"));
}

#[test]
fn a_word_that_means_nothing() {
    let told = |word| shown(&chosen(word).unwrap_err());
    insta::assert_snapshot!(told("shp"), @r#"
    there is no connection `shp`; did you mean `shop`?
    -> connections in syncline.yaml are laptop, shop; a file would be `./shp`
    "#);
    insta::assert_snapshot!(told("elsewhere"), @r#"
    there is no connection `elsewhere`
    -> connections in syncline.yaml are laptop, shop; a file would be `./elsewhere`
    "#);
    insta::assert_snapshot!(told("app@db1"), @r#"
    there is no such connection
    -> connections in syncline.yaml are laptop, shop; a file is written `./NAME`
    "#);
    insta::assert_snapshot!(told("postgrs://db1/shop"), @r#"
    the URL has an unknown scheme `postgrs`; did you mean `postgres`?
    -> known are sqlite, memory, postgres, postgresql, mysql, mariadb, mssql, sqlserver, odbc, http, https, file, sftp, ftp, s3, azblob, gdrive, dropbox, onedrive, webdav, kafka, nats
    "#);
    insta::assert_snapshot!(told("wrong"), @r#"
    the postgres URL cannot be read: `//` belongs after the scheme [environment variable SYNCLINE_CONN_WRONG]
    -> the form is `postgres://USER@HOST:PORT/PATH`; a password with special characters belongs in `password`, or is percent-encoded
    "#);
    insta::assert_snapshot!(told(""), @r#"
    there is no such connection
    -> connections in syncline.yaml are laptop, shop; a file is written `./NAME`
    "#);
    insta::assert_snapshot!(shown(&name_or_url(None, "shp").unwrap_err()), @r#"
    there is no connection `shp`
    -> a file would be `./shp`
    "#);
}
