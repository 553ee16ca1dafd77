//! Folders with a date in their names.

use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// The folders that `folder` stands for: itself where no date is in it; else one for each day (each hour, where it names
/// the hour) from tomorrow, which it is somewhere already, back to `days` before today. In UTC, the newest first.
#[must_use]
pub fn expand(folder: &str, now: SystemTime, days: u32) -> Vec<String> {
    let has = |token| folder.contains(token);
    if !["%Y", "%m", "%d", "%H"].into_iter().any(has) {
        return vec![folder.to_owned()];
    }
    let mut folders: Vec<String> = Vec::new();
    for back in 0..=u64::from(days) + 1 {
        let Some(day) = (now + DAY).checked_sub(DAY.saturating_mul(u32::try_from(back).unwrap_or(u32::MAX))) else {
            break;
        };
        // 2026-11-28T...
        let text = humantime::format_rfc3339_seconds(day).to_string();
        let dated = folder.replace("%Y", &text[..4]).replace("%m", &text[5..7]).replace("%d", &text[8..10]);
        if has("%H") {
            folders.extend((0..24).rev().map(|hour| dated.replace("%H", &format!("{hour:02}"))));
        } else {
            folders.push(dated);
        }
    }
    // Where the day is not in it, several days are one folder.
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_those_of_tomorrow_today_and_the_days_before() {
        let now = humantime::parse_rfc3339("2026-03-01T13:00:00Z").unwrap();
        let folders = |folder, days| expand(folder, now, days);
        assert_eq!(folders("/logs", 9), ["/logs"]);
        assert_eq!(folders("/logs/100%", 9), ["/logs/100%"]);
        assert_eq!(folders("/l/%Y/%m/%d", 1), ["/l/2026/03/02", "/l/2026/03/01", "/l/2026/02/28"]);
        assert_eq!(folders("/l/%Y%m", 2), ["/l/202603", "/l/202602"]);
        let hours = folders("/l/dt=%Y-%m-%d/%H", 0);
        assert_eq!((hours.len(), &*hours[0], &*hours[47]), (48, "/l/dt=2026-03-02/23", "/l/dt=2026-03-01/00"));
    }
}
