//! Who may install, who may write, and who waits for whom.

use syncline_rig::{Brand, Login};

use super::Followed;
use super::sessions::Session;
use crate::support::servers::{Database, private};

/// The application's roles need nothing new, and cannot write to what is recorded; what they did has their name.
#[test]
fn the_application_needs_no_rights_and_has_none() {
    let server = private(Brand::Postgres);
    let f = Followed::between(
        Database::on(server.address()),
        Database::postgres(),
        "CREATE ROLE app LOGIN; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO app; \
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO app; ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO app; \
         CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO app; CREATE TABLE app.t (id int PRIMARY KEY, v text);",
    )
    .one_sink();
    f.caught_up();
    f.from.sql("SET SESSION AUTHORIZATION app; SET search_path = pg_temp; INSERT INTO app.t VALUES (1, 'x'); UPDATE app.t SET v = 'y';");
    assert_eq!(f.from.sql("SELECT DISTINCT by FROM syncline_log_1;"), "app");
    for sql in [
        "INSERT INTO syncline_log_1 (op) VALUES ('T')",
        "DELETE FROM syncline_log_1",
        "SELECT * FROM syncline_log_1",
        "SELECT nextval('syncline_order')",
        "UPDATE syncline_tick SET tick = 0",
        "CREATE TEMP TABLE mine (id int, v text); CREATE TRIGGER x AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION syncline_log_1()",
    ] {
        let refused = f.from.refused(&format!("SET SESSION AUTHORIZATION app; {sql};"));
        assert!(refused.contains("42501"), "{sql}: {refused}");
    }
    f.arrives(&["app.t"]);
}

/// What the session of the application defines under names of the server's is never run with our rights.
#[test]
fn nothing_of_the_applications_search_path_is_run() {
    let f = Followed::new("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');");
    f.job("install: auto, tables: {t: {}}");
    f.caught_up();
    f.from.sql(
        "CREATE SCHEMA evil; CREATE TABLE evil.caught (who text); \
         CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS $$ INSERT INTO evil.caught VALUES (current_user); SELECT true $$; \
         CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = text, RIGHTARG = text); \
         CREATE FUNCTION evil.record_image_ne(record, record) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN false; END $$; \
         CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$; \
         SET search_path = evil, pg_catalog, public; UPDATE public.t SET v = 'b'; DELETE FROM public.t WHERE id = 2;",
    );
    assert_eq!(f.from.sql("SELECT count(*) FROM evil.caught;"), "0");
    f.arrives(&["t"]);
}

/// Each right that misses is named with the statement that gives it.
#[test]
fn missing_rights_are_named() {
    let server = private(Brand::Postgres);
    let f = Followed::between(
        Database::on(server.address()),
        Database::postgres(),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO open_user;",
    );
    f.folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{a: '{}', b: '{}'}}\njobs: {{live: {{from: a, to: b, capture: trigger, install: auto}}}}\n",
            f.from.url_as(Login::Open),
            f.to.url()
        ),
    );
    let refused = f.folder.syncline(&["run", "live"]);
    assert!(refused.err.contains("GRANT TRIGGER ON \"public\".\"t\" TO open_user"), "{}", refused.err);
    f.from.sql("GRANT TRIGGER ON t TO open_user;");
    let refused = f.folder.syncline(&["run", "live"]);
    assert!(refused.err.contains("GRANT CREATE ON SCHEMA \"public\" TO open_user"), "{}", refused.err);
    f.from.sql("GRANT CREATE ON SCHEMA public TO open_user;");
    f.caught_up();
    f.from.sql("INSERT INTO t VALUES (1);");
    f.arrives(&["t"]);
    // The right to create triggers is enough to remove them again.
    f.folder.syncline(&["uninstall"]).well();
    assert_eq!(f.from.sql("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;"), "0");
}

/// F113: an installation that finds a table locked lets go, and says by whom.
#[test]
fn who_holds_a_table_is_named() {
    let f = Followed::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);");
    let mut holder = Session::new(&f.from.url());
    holder.run("SET application_name = 'the holder'; BEGIN; UPDATE t SET id = 2;");
    let refused = f.folder.syncline(&["run", "live"]);
    assert!(refused.err.contains("(the holder)"), "{}", refused.err);
    assert_eq!(f.from.sql("SELECT count(*) FROM pg_class WHERE relname ~ '^syncline';"), "0");
    holder.run("COMMIT;");
    f.arrives(&["t"]);
}
