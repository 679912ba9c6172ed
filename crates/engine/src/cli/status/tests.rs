#![allow(clippy::unwrap_used)]

use super::may_be_of;
use super::shown::lasted;
use crate::connector::LaneId;

#[test]
fn a_lane_is_known_by_its_jobs_name() {
    let is_of_live = |lane: &str| may_be_of(&LaneId(lane.into()), "live");
    assert!(is_of_live("live-665f9de660711edf") && is_of_live("live-665f9de660711edf+load"));
    for other in [
        "live",
        "live-665f9de660711ed",
        "live-2-665f9de660711edf",
        "alive-665f9de660711edf",
        "live-665f9de660711edf-parked",
    ] {
        assert!(!is_of_live(other), "{other}");
    }
}

#[test]
fn times_are_short() {
    let said = [-3.0, 0.4, 119.0, 120.0, 7199.0, 7200.0, 172_799.0, 172_800.0, 1e9].map(lasted);
    assert_eq!(said, ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days", "11,574 days"]);
}
