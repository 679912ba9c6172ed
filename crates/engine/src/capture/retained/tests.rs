#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::{Retained, RetainedFor};
use crate::config::AlarmLimits;
use crate::connector::LaneId;

const LIMITS: AlarmLimits = AlarmLimits { age: Duration::from_secs(1000), size_bytes: 50 };

fn retained(bytes: u64, ages: &[Option<f64>]) -> Retained {
    let lane = |(i, age_s): (usize, &Option<f64>)| RetainedFor { lane: LaneId(i.to_string()), age_s: *age_s };
    Retained { bytes, estimated: false, lanes: ages.iter().enumerate().map(lane).collect() }
}

/// What is told: the lane, and by which of both.
fn told(bytes: u64, ages: &[Option<f64>]) -> Option<(String, bool, bool)> {
    retained(bytes, ages).alarm(LIMITS).map(|alarm| (alarm.lane.0, alarm.by_age, alarm.by_size))
}

#[test]
fn the_slowest_lane_is_named_with_what_is_too_much() {
    assert_eq!(told(50, &[Some(999.0), Some(1000.0), None]), None);
    assert_eq!(told(50, &[Some(999.0), Some(1001.0), None]), Some(("1".into(), true, false)));
    assert_eq!(told(51, &[Some(70.0), None, Some(61.0)]), Some(("0".into(), false, true)));
    assert_eq!(told(51, &[Some(1.0), Some(2000.0)]), Some(("1".into(), true, true)));
}

/// Room that nobody is behind for is used again, and a lane is always behind by a moment.
#[test]
fn room_that_nobody_waits_for_is_no_alarm() {
    assert_eq!(told(1 << 40, &[]), None);
    assert_eq!(told(1 << 40, &[None, Some(60.0)]), None);
}

#[test]
fn an_alarm_that_only_grows_is_the_same() {
    let alarm = |bytes, age| retained(bytes, &[Some(age)]).alarm(LIMITS).unwrap();
    assert!(alarm(0, 3000.0).is_still(&alarm(10, 2000.0)));
    assert!(!alarm(51, 3000.0).is_still(&alarm(50, 3000.0)));
}
