//! One server for as long as this program runs: `cargo run -p syncline-rig -- BRAND [SETTING=VALUE]...`.
//!
//! For looking at what a server does under some setting. It ends with the standard input, or by Ctrl-C.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

use std::process::ExitCode;

use syncline_rig::{Brand, Options, Result, Server};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("rig: {text}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &[String]) -> Result<()> {
    let Some((word, settings)) = arguments.split_first() else {
        return Err("usage: BRAND [SETTING=VALUE]...; the brands are postgres and mariadb".to_string());
    };
    let brand = Brand::ALL.into_iter().find(|brand| brand.word() == word);
    let brand = brand.ok_or_else(|| format!("there is no brand `{word}`"))?;
    let settings = settings.iter().map(|setting| match setting.split_once('=') {
        Some((name, value)) => Ok((name.to_string(), value.to_string())),
        None => Err(format!("`{setting}` is not SETTING=VALUE")),
    });
    let options = Options { settings: settings.collect::<Result<_>>()?, ..Options::default() };
    let server = Server::start(brand, &options)?;
    let database = if brand == Brand::Postgres { "postgres" } else { "mysql" };
    println!("{}", server.address().client_line(database));
    println!("process {}", server.process().unwrap_or_default());
    println!("log {}", server.address().log_file().display());
    // However it ends, it ends.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    Ok(())
}
