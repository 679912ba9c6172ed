//! `cargo xtask up` and `down`: the database servers that the tests share.

use syncline_rig::{Brand, Login, PASSWORD, Shared};

use crate::failure::{Result, takes_nothing};
use crate::setup;

pub fn up(arguments: &[String]) -> Result<()> {
    takes_nothing("up", arguments)?;
    setup::run(&[])?;
    let up = syncline_rig::up(false)?;
    let (shared, was_up) = (up.shared().clone(), up.was_up());
    // Before anything is printed: they stay up also for a reader who goes away.
    up.leave();
    println!("up: the servers {}", if was_up { "were up already" } else { "are up, until `cargo xtask down`" });
    tell(&shared);
    Ok(())
}

pub fn down(arguments: &[String]) -> Result<()> {
    takes_nothing("down", arguments)?;
    let were_up = syncline_rig::down()?;
    println!("down: the servers {}", if were_up { "and their data are gone" } else { "were not up" });
    Ok(())
}

/// Where they are, and how to look inside.
fn tell(shared: &Shared) {
    for brand in Brand::ALL {
        let server = shared.of(brand);
        let database = match brand {
            Brand::Postgres => "postgres",
            Brand::Mariadb => "mysql",
        };
        println!("\n{}", server.url(database));
        println!("  look inside  {}", server.client_line(database));
        let users = [Login::Open, Login::Password, Login::Tls].map(|login| server.user(login));
        println!("  other users  {}; the last only with TLS", users.join(", "));
        println!("  log          {}", server.log_file().display());
        println!("  authority    {}", server.ca_file().display());
    }
    println!("\nthe users' password, where they have one: {PASSWORD}");
}
