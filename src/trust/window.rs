//! Intervals of time in which something counts.

use jiff::Timestamp;

/// A closed interval, both ends included; an end that is missing is open.
/// Follows `TimeRange` of the Sigstore protobuf specifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// First moment.
    pub start: Option<Timestamp>,
    /// Last moment.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether `time` is inside.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }

    /// What is inside both; `None` if nothing is.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = match (self.end, other.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match (start, end) {
            (Some(start), Some(end)) if end < start => None,
            _ => Some(Self { start, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn both_ends_are_inside_and_a_missing_one_is_open() {
        let window = Window {
            start: Some(at(10)),
            end: Some(at(20)),
        };
        let inside: Vec<_> = [9, 10, 20, 21].map(|s| window.contains(at(s))).into();
        assert_eq!(inside, [false, true, true, false]);
        assert!(Window::default().contains(at(-5)));
    }

    #[test]
    fn windows_that_do_not_meet_have_nothing_in_common() {
        let window = |start, end| Window {
            start: Some(at(start)),
            end: Some(at(end)),
        };
        assert_eq!(window(10, 20).intersect(&window(21, 30)), None);
        assert_eq!(
            window(10, 20).intersect(&window(20, 30)),
            Some(window(20, 20))
        );
        assert_eq!(
            window(10, 20).intersect(&Window::default()),
            Some(window(10, 20))
        );
    }
}
