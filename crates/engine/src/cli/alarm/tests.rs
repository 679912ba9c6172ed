use super::{job_of, size};
use crate::connector::LaneId;

#[test]
fn a_lane_is_named_after_its_job() {
    for (lane, job) in [
        ("live-0123456789abcdef-b", Some("live")),
        ("a-b-0123456789abcdef-c-d+load", Some("a-b")),
        ("live-0123456789abcdef+load", Some("live")),
        ("witness", None),
    ] {
        assert_eq!(job_of(&LaneId(lane.into())), job, "{lane}");
    }
}

#[test]
fn sizes_are_told_in_units_that_can_be_read() {
    let told: Vec<String> = [0, 1 << 20, (10 << 30) - 1, 10 << 30].map(size).into();
    assert_eq!(told, ["0 KiB", "1 MiB", "10,239 MiB", "10 GiB"]);
}
