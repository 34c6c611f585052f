//! Time zones by their IANA names. An offset is not a time zone: it knows no daylight
//! saving, so it is refused rather than quietly kept all year.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::ScheduleError;

/// Retired names and what they are called now: those that people still type.
const ALIASES: &[(&str, Tz)] = &[
    ("Asia/Calcutta", Tz::Asia__Kolkata),
    ("Asia/Katmandu", Tz::Asia__Kathmandu),
    ("Asia/Rangoon", Tz::Asia__Yangon),
    ("Asia/Saigon", Tz::Asia__Ho_Chi_Minh),
    ("Australia/ACT", Tz::Australia__Sydney),
    ("Australia/NSW", Tz::Australia__Sydney),
    ("Brazil/East", Tz::America__Sao_Paulo),
    ("Canada/Eastern", Tz::America__Toronto),
    ("Canada/Pacific", Tz::America__Vancouver),
    ("Egypt", Tz::Africa__Cairo),
    ("Eire", Tz::Europe__Dublin),
    ("Etc/GMT", Tz::UTC),
    ("Etc/UCT", Tz::UTC),
    ("Etc/UTC", Tz::UTC),
    ("Etc/Universal", Tz::UTC),
    ("Etc/Zulu", Tz::UTC),
    ("Europe/Kiev", Tz::Europe__Kyiv),
    ("GB", Tz::Europe__London),
    ("GMT", Tz::UTC),
    ("Hongkong", Tz::Asia__Hong_Kong),
    ("Israel", Tz::Asia__Jerusalem),
    ("Japan", Tz::Asia__Tokyo),
    ("NZ", Tz::Pacific__Auckland),
    ("PRC", Tz::Asia__Shanghai),
    ("Poland", Tz::Europe__Warsaw),
    ("Portugal", Tz::Europe__Lisbon),
    ("ROC", Tz::Asia__Taipei),
    ("ROK", Tz::Asia__Seoul),
    ("Singapore", Tz::Asia__Singapore),
    ("Turkey", Tz::Europe__Istanbul),
    ("UCT", Tz::UTC),
    ("US/Alaska", Tz::America__Anchorage),
    ("US/Arizona", Tz::America__Phoenix),
    ("US/Central", Tz::America__Chicago),
    ("US/Eastern", Tz::America__New_York),
    ("US/Hawaii", Tz::Pacific__Honolulu),
    ("US/Mountain", Tz::America__Denver),
    ("US/Pacific", Tz::America__Los_Angeles),
    ("Universal", Tz::UTC),
    ("Zulu", Tz::UTC),
];

/// The zone of this name, in any case.
pub(super) fn parse(name: &str) -> Result<Tz, ScheduleError> {
    let name = name.trim();
    if is_offset(name) {
        return Err(ScheduleError::time_zone(
            format!("{name:?} is an offset, not a time zone"),
            "use an IANA name such as `Europe/Berlin`, which knows daylight saving, or `UTC`".to_owned(),
        ));
    }
    let alias = ALIASES.iter().find(|(old, _)| old.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone);
    alias
        .or_else(|| TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(name)))
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> ScheduleError {
    let shown: String = name.chars().take(60).collect();
    let wanted = shown.to_ascii_lowercase();
    let nearest = TZ_VARIANTS
        .iter()
        .map(|zone| (strsim::damerau_levenshtein(&zone.name().to_ascii_lowercase(), &wanted), zone.name()))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let remedy = match nearest {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => "use an IANA name such as `Europe/Berlin` or `UTC`".to_owned(),
    };
    ScheduleError::time_zone(format!("{shown:?} is not a time zone"), remedy)
}

/// `+02:00`, `UTC+2`, `GMT-3`, `0200`, and `Etc/GMT+5`, whose sign is the other way round.
fn is_offset(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let rest =
        ["ETC/GMT", "GMT", "UTC", ""].iter().find_map(|prefix| upper.strip_prefix(prefix)).unwrap_or("");
    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b"+-:".contains(&b))
}
