//! What agents find on their machines. Nothing of it is believed beyond being
//! shown to administrators.

use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::model::ids::TokenId;
use crate::protocol::Examination;

/// In bytes; as for names in claims.
const MAX_NAME: usize = 256;
const MAX_FINDINGS: usize = 64;
const MAX_SAYS: usize = 1_000;

/// Keeps what an agent found, in place of what it found before.
///
/// # Errors
/// `Invalid`, naming the member, for more than would be shown.
pub async fn examined(app: &App, token: &TokenId, seen: &Examination) -> Result<()> {
    let Examination { agent_name, findings } = seen;
    if agent_name.is_empty() || agent_name.len() > MAX_NAME {
        return Err(Error::invalid_parameter("agent_name"));
    }
    let fits = |text: &str, most| text.len() <= most && !text.contains('\0');
    let all_fit =
        findings.iter().all(|one| fits(&one.subject, MAX_NAME) && fits(&one.says, MAX_SAYS));
    if findings.len() > MAX_FINDINGS || !all_fit {
        return Err(Error::invalid_parameter("findings"));
    }
    let findings = serde_json::to_string(findings)
        .map_err(|cause| Error::internal("writing findings", cause))?;
    let mut tx = app.db.write().await?;
    db::agents::set_findings(&mut tx, token, agent_name, &findings, app.clock.now()).await?;
    tx.commit().await
}
