//! Priorities: how far ahead of other contacts a contact stands, and how it gives way when queues fill.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A priority that CXone knows: 0 is the lowest, 999 the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16")]
#[schemars(extend("maximum" = 999))]
pub struct Priority(u16);

/// A number above 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a priority is a number from 0 to 999")]
pub struct NotAPriority;

/// How a route lowers its priority as its queues saturate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degrade {
    /// What one step takes off.
    pub by: u16,
    /// The priority below which steps take nothing.
    pub floor: Priority,
}

impl Priority {
    /// The highest priority.
    pub const MAX: u16 = 999;

    /// The lowest one.
    pub const LOWEST: Self = Self(0);

    /// The number that requests carry.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The priority to send: `base` moved by the target's `delta` and lowered by `steps` of degradation.
    ///
    /// Degradation stops at its floor. A priority that the delta alone put below the floor is left there: the floor
    /// bounds what degradation takes, and never raises anything.
    pub fn effective(base: Self, delta: i16, degrade: Option<Degrade>, steps: u32) -> Self {
        let undegraded = i64::from(base.0) + i64::from(delta);
        let degraded = degrade.map_or(undegraded, |Degrade { by, floor }| {
            let lowered = undegraded - i64::from(by) * i64::from(steps);
            lowered.max(undegraded.min(i64::from(floor.0)))
        });
        Self(u16::try_from(degraded.max(0)).map_or(Self::MAX, |value| value.min(Self::MAX)))
    }
}

impl TryFrom<u16> for Priority {
    type Error = NotAPriority;

    fn try_from(value: u16) -> Result<Self, NotAPriority> {
        if value <= Self::MAX { Ok(Self(value)) } else { Err(NotAPriority) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn effective(base: u16, delta: i16, degrade: Option<(u16, u16)>, steps: u32) -> u16 {
        let degrade = degrade.map(|(by, floor)| Degrade { by, floor: Priority(floor) });
        Priority::effective(Priority(base), delta, degrade, steps).get()
    }

    #[test]
    fn each_step_takes_its_part_down_to_the_floor() {
        let degrade = Some((100, 50));
        assert_eq!([0, 1, 4, 5, u32::MAX].map(|steps| effective(500, 0, degrade, steps)), [500, 400, 100, 50, 50]);
        assert_eq!(effective(500, -150, degrade, 2), 150);
    }

    #[test]
    fn the_floor_never_raises_what_the_delta_lowered() {
        assert_eq!(effective(100, -80, Some((10, 50)), 0), 20);
        assert_eq!(effective(100, -80, Some((10, 50)), 3), 20);
    }

    #[test]
    fn no_degradation_means_no_steps() {
        assert_eq!(effective(750, -150, None, 3), 600);
    }

    #[test]
    fn the_result_is_clamped_to_what_cxone_knows() {
        assert_eq!(effective(999, i16::MAX, None, 0), 999);
        assert_eq!(effective(0, i16::MIN, Some((999, 999)), u32::MAX), 0);
    }

    proptest! {
        #[test]
        fn more_steps_never_give_a_higher_priority(
            base in 0u16..=999, delta in -999i16..=999, by in 0u16..=999, floor in 0u16..=999, steps in 0u32..20,
        ) {
            let degrade = Some((by, floor));
            prop_assert!(effective(base, delta, degrade, steps + 1) <= effective(base, delta, degrade, steps));
            prop_assert!(effective(base, delta, degrade, steps) <= Priority::MAX);
        }
    }
}
