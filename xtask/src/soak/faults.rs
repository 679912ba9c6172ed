//! What happens to servers and networks while the program follows.

use std::time::Duration;

use syncline_rig::proxy::{Lost, Way};
use syncline_rig::{Random, Server};

use super::stage::{Machine, Stage, locked};
use super::state::State;
use crate::failure::Result;

/// Storms and calms take turns, and the run begins with a storm. In a calm nothing excuses a program that gives up.
const STORM: u64 = 45;
const CALM: u64 = 60;

/// Strikes at random until it is told to stop, and leaves everything well.
pub fn strike(state: &State, stage: &Stage, mut random: Random) -> Result<()> {
    while state.hurting() {
        if state.elapsed().as_secs() % (STORM + CALM) >= STORM {
            rest(state, Duration::from_secs(1));
            continue;
        }
        rest(state, Duration::from_millis(100 + random.below(1500)));
        let place = usize::try_from(random.below(stage.machines.len() as u64)).unwrap_or(0);
        let Some(machine) = stage.machines.get(place) else { continue };
        state.trouble_begins();
        let fault = strike_at(state, machine, &mut random)?;
        state.trouble_ends();
        state.count(&format!("fault: {fault}"));
        state.note(&format!("{}: {fault}", machine.name));
    }
    for machine in &stage.machines {
        machine.proxy.heal();
        let what = format!("{}: requests or answers lost, connections cut at a byte", machine.name);
        state.add(&what, u64::from(machine.proxy.struck()));
    }
    Ok(())
}

fn strike_at(state: &State, machine: &Machine, random: &mut Random) -> Result<&'static str> {
    let proxy = &machine.proxy;
    Ok(match random.below(16) {
        // Of the next commits one is carried out and nobody hears of it: how many pass before depends on chance.
        0..4 => {
            proxy.lose(Lost::Answer, "COMMIT", u32::try_from(random.below(6)).unwrap_or(0));
            "the answer to a commit is lost"
        }
        4 | 5 => {
            proxy.lose(Lost::Request, "COMMIT", u32::try_from(random.below(6)).unwrap_or(0));
            "a commit is lost"
        }
        6 | 7 => {
            proxy.cut();
            "all connections are cut"
        }
        8 | 9 => {
            let way = if random.below(2) == 0 { Way::ToServer } else { Way::ToClient };
            proxy.cut_after(way, random.below(200_000));
            "all connections are cut at some byte"
        }
        10 => {
            proxy.stand_still();
            rest(state, Duration::from_millis(random.below(2500)));
            proxy.heal();
            "the network stands still"
        }
        11 => {
            proxy.refuse();
            proxy.cut();
            rest(state, Duration::from_millis(random.below(1500)));
            proxy.heal();
            "the server cannot be reached"
        }
        12 => {
            proxy.delay(Duration::from_millis(1 + random.below(15)));
            rest(state, Duration::from_millis(random.below(2500)));
            proxy.heal();
            "the network is slow"
        }
        13 => {
            goes_down(machine, random, Server::stop)?;
            "the server is restarted"
        }
        _ => {
            goes_down(machine, random, Server::kill)?;
            "the server is killed"
        }
    })
}

fn goes_down(machine: &Machine, random: &mut Random, down: fn(&mut Server) -> syncline_rig::Result<()>) -> Result<()> {
    let mut server = locked(&machine.server);
    down(&mut server)?;
    std::thread::sleep(Duration::from_millis(random.below(1000)));
    Ok(server.restart()?)
}

fn rest(state: &State, time: Duration) {
    let until = state.elapsed() + time;
    while state.hurting() && state.elapsed() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
}
