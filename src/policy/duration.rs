//! Lengths of time as documents write them.

use std::time::Duration;

/// Longest time for which evidence may be used unseen: a month is beyond every
/// outage that should still admit anything.
pub(super) const MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Parses `90m`, `24h`, `30d` or `45s`: one whole number, one unit, at most
/// [`MAX`]. Zero needs no unit.
pub(super) fn parse(text: &str) -> Result<Duration, &'static str> {
    const GRAMMAR: &str = "write a whole number and a unit: 45s, 90m, 24h or 30d";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| GRAMMAR)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(GRAMMAR),
    };
    number
        .checked_mul(unit)
        .map(Duration::from_secs)
        .filter(|length| *length <= MAX)
        .ok_or("at most 30d")
}
