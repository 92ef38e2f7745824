//! Whether each part of the installation does its work. Asks little, because
//! everybody may ask; what it says to everybody has no name and no number.

use crate::app::App;
use crate::blobs::Disk;
use crate::db;
use crate::error::Result;
use crate::model::build::text_enum;
use crate::notify::email::Standing;

/// An agent asks for work at least this often while it has a free slot.
const CONNECTED_MS: i64 = 90_000;
/// A mail that waits longer is late.
const LATE_MS: i64 = 15 * 60_000;
/// Less free space is little, as bytes and as a share of one in so many.
const LITTLE_BYTES: u64 = 1 << 30;
const LITTLE_SHARE: u64 = 20;

text_enum! {
    Part {
        Database = "database",
        Files = "files",
        Builds = "builds",
        Mail = "mail",
    }
}

text_enum! {
    State {
        Operational = "operational",
        /// Nothing was set up to do this.
        NotSetUp = "not_set_up",
        /// It works, but late or not for long.
        Degraded = "degraded",
        Down = "down",
        /// Cannot be told, because something else is down.
        Unknown = "unknown",
    }
}

/// How one part fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standings {
    pub part: Part,
    pub state: State,
    /// For everybody.
    pub says: &'static str,
    /// For administrators; may be empty.
    pub detail: String,
}

/// How all parts fare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub parts: Vec<Standings>,
}

impl Health {
    /// What the whole is: down without the database or the files, else
    /// degraded if anything is.
    pub fn overall(&self) -> State {
        let has = |state| self.parts.iter().any(|part| part.state == state);
        if has(State::Down) {
            State::Down
        } else if has(State::Degraded) || has(State::Unknown) {
            State::Degraded
        } else {
            State::Operational
        }
    }
}

/// What the database knows of builds and mail.
struct Counted {
    agents: usize,
    queued: i64,
    late_mails: i64,
}

/// Asks every part. Never fails: what does not answer is down.
pub async fn check(app: &App) -> Health {
    let counted = count(app).await;
    let database = match &counted {
        Ok(_) => standing(Part::Database, State::Operational, "answers", app.db.kind()),
        Err(error) => standing(Part::Database, State::Down, "does not answer", &error.to_string()),
    };
    let counted = counted.ok();
    let mail = mail(app.mailer.standing(app.clock.now()), counted.as_ref());
    let parts = vec![database, files(app.blobs.disk()), builds(counted.as_ref()), mail];
    Health { parts }
}

async fn count(app: &App) -> Result<Counted> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mut agents: Vec<_> = db::queue::list_connected(&mut tx, now.plus(-CONNECTED_MS))
        .await?
        .into_iter()
        .map(|label| label.agent_id)
        .collect();
    agents.dedup();
    let counts = db::builds::count_by_status(&mut tx).await?;
    let queued = counts.iter().find(|(status, _)| status == "queued").map_or(0, |(_, n)| *n);
    let late_mails = db::outgoing::count_late_mails(&mut tx, now.plus(-LATE_MS)).await?;
    Ok(Counted { agents: agents.len(), queued, late_mails })
}

fn standing(part: Part, state: State, says: &'static str, detail: &str) -> Standings {
    Standings { part, state, says, detail: detail.to_owned() }
}

fn files(disk: Result<Disk>) -> Standings {
    let of = |state, says, detail: &str| standing(Part::Files, state, says, detail);
    match disk {
        Err(error) => of(State::Down, "cannot be reached", &error.to_string()),
        Ok(Disk { total_bytes, free_bytes }) => {
            let detail = format!("{} GiB of {} GiB free", free_bytes >> 30, total_bytes >> 30);
            if free_bytes < LITTLE_BYTES.max(total_bytes / LITTLE_SHARE) {
                of(State::Degraded, "space is running out", &detail)
            } else {
                of(State::Operational, "are stored", &detail)
            }
        }
    }
}

fn builds(counted: Option<&Counted>) -> Standings {
    let of = |state, says, detail: &str| standing(Part::Builds, state, says, detail);
    match counted {
        None => of(State::Unknown, "cannot be told", ""),
        Some(Counted { agents: 0, queued, .. }) => {
            let detail = format!("no agent is connected, {queued} builds wait");
            of(State::Degraded, "wait: no build machine is connected", &detail)
        }
        Some(Counted { agents, queued, .. }) => {
            let detail = format!("{agents} agents are connected, {queued} builds wait");
            of(State::Operational, "are taken by build machines", &detail)
        }
    }
}

fn mail(standing_of: Standing, counted: Option<&Counted>) -> Standings {
    let of = |state, says, detail: &str| standing(Part::Mail, state, says, detail);
    match (standing_of, counted) {
        (Standing::Away, _) => {
            of(State::Degraded, "is late", "the mail server did not answer a moment ago")
        }
        (Standing::Folder, _) => of(
            State::NotSetUp,
            "is not set up",
            "mail.smtp_url is not set: each mail becomes a file in the data folder",
        ),
        (Standing::Ready, None) => of(State::Unknown, "cannot be told", ""),
        (Standing::Ready, Some(Counted { late_mails: 0, .. })) => {
            of(State::Operational, "is sent", "")
        }
        (Standing::Ready, Some(Counted { late_mails, .. })) => {
            let detail = format!("{late_mails} mails wait for more than 15 minutes");
            of(State::Degraded, "is late", &detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn counted(agents: usize, late_mails: i64) -> Counted {
        Counted { agents, queued: 3, late_mails }
    }

    #[test]
    fn each_part_is_judged_by_what_it_says() {
        let disk = |free_bytes| Ok(Disk { total_bytes: 100 << 30, free_bytes });
        assert_eq!(files(disk(50 << 30)).state, State::Operational);
        assert_eq!(files(disk(4 << 30)).state, State::Degraded);
        assert_eq!(files(Err(Error::Unavailable("gone".into()))).state, State::Down);
        assert_eq!(builds(Some(&counted(1, 0))).state, State::Operational);
        assert_eq!(builds(Some(&counted(0, 0))).state, State::Degraded);
        assert_eq!(builds(None).state, State::Unknown);
        let cases = [
            (Standing::Folder, Some(counted(0, 9)), State::NotSetUp),
            (Standing::Away, Some(counted(0, 0)), State::Degraded),
            (Standing::Ready, Some(counted(0, 0)), State::Operational),
            (Standing::Ready, Some(counted(0, 1)), State::Degraded),
            (Standing::Ready, None, State::Unknown),
        ];
        for (standing, counted, state) in cases {
            assert_eq!(mail(standing, counted.as_ref()).state, state, "{standing:?}");
        }
    }

    #[test]
    fn the_whole_is_as_good_as_its_worst_part() {
        let of = |states: &[State]| {
            let part = |state: &State| standing(Part::Mail, *state, "", "");
            Health { parts: states.iter().map(part).collect() }.overall()
        };
        assert_eq!(of(&[State::Operational, State::NotSetUp]), State::Operational);
        assert_eq!(of(&[State::Operational, State::Degraded]), State::Degraded);
        assert_eq!(of(&[State::Unknown, State::Operational]), State::Degraded);
        assert_eq!(of(&[State::Degraded, State::Down]), State::Down);
    }
}
