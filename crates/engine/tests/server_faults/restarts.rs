//! A server that is stopped, or killed, in the middle: waited for, and the same process ends well (F01).

use syncline_rig::{Brand, Server};

use super::{End, Held, arrived, filled, other};
use crate::support::binary::Folder;
use crate::support::servers::{Database, private};

fn is_waited_for(brand: Brand, end: End, down: fn(&mut Server) -> syncline_rig::Result<()>) {
    let folder = Folder::new();
    let mut server = private(brand);
    let (failing, steady) = (Database::on(server.address()), Database::shared(other(brand)));
    let (from, to) = if end == End::Source { (&failing, &steady) } else { (&steady, &failing) };
    filled(from);
    let held = Held::at(&folder, from, to, end);
    down(&mut server).unwrap();
    held.proxy.heal();
    // The program has found nobody there.
    held.proxy.wait_missed();
    server.restart().unwrap();
    held.running.ends().exits(0);
    arrived(from, to);
}

#[test]
fn a_postgres_source_is_killed() {
    is_waited_for(Brand::Postgres, End::Source, Server::kill);
}

#[test]
fn a_postgres_sink_is_killed() {
    is_waited_for(Brand::Postgres, End::Sink, Server::kill);
}

#[test]
fn a_postgres_source_is_restarted() {
    is_waited_for(Brand::Postgres, End::Source, Server::stop);
}

#[test]
fn a_postgres_sink_is_restarted() {
    is_waited_for(Brand::Postgres, End::Sink, Server::stop);
}

#[test]
fn a_mariadb_source_is_killed() {
    is_waited_for(Brand::Mariadb, End::Source, Server::kill);
}

#[test]
fn a_mariadb_sink_is_killed() {
    is_waited_for(Brand::Mariadb, End::Sink, Server::kill);
}

#[test]
fn a_mariadb_source_is_restarted() {
    is_waited_for(Brand::Mariadb, End::Source, Server::stop);
}

#[test]
fn a_mariadb_sink_is_restarted() {
    is_waited_for(Brand::Mariadb, End::Sink, Server::stop);
}
