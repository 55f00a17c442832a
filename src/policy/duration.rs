//! Lengths of time as documents write them.

use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

/// Longest time for which evidence may be used unseen: a month is beyond every
/// outage that should still admit anything.
pub(super) const MAX: Duration = Duration::from_secs(30 * DAY);

/// Longest age of an attestation: images run for years, and a longer limit says
/// nothing.
const MAX_AGE: Duration = Duration::from_secs(3650 * DAY);

/// Parses `90m`, `24h`, `30d` or `45s`: one whole number, one unit, at most
/// [`MAX`]. Zero needs no unit.
pub(super) fn parse(text: &str) -> Result<Duration, &'static str> {
    parse_up_to(MAX, text)?.ok_or("at most 30d")
}

/// Parses the age of an attestation: as [`parse`], at most ten years, and not
/// zero.
pub(super) fn parse_age(text: &str) -> Result<Duration, &'static str> {
    let length = parse_up_to(MAX_AGE, text)?.ok_or("at most 3650d")?;
    if length.is_zero() {
        return Err("nothing is as new as that; remove it, or write how old is new enough");
    }
    Ok(length)
}

/// `None` where it is longer than `max`.
fn parse_up_to(max: Duration, text: &str) -> Result<Option<Duration>, &'static str> {
    const GRAMMAR: &str = "write a whole number and a unit: 45s, 90m, 24h or 30d";
    if text == "0" {
        return Ok(Some(Duration::ZERO));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| GRAMMAR)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY,
        _ => return Err(GRAMMAR),
    };
    Ok(number
        .checked_mul(unit)
        .map(Duration::from_secs)
        .filter(|length| *length <= max))
}
