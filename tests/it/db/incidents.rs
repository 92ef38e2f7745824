//! Incidents of the status page.

use shipmate::db::{Db, incidents};
use shipmate::model::ids::IncidentId;
use shipmate::model::incident::{Impact, Incident, IncidentState, IncidentUpdate};

use super::*;

fn incident(started: i64) -> Incident {
    Incident {
        id: IncidentId::generate(T),
        title: ODD.into(),
        impact: Impact::Major,
        state: IncidentState::Investigating,
        started_at: Millis(started),
        resolved_at: None,
    }
}

on_both! {
    async fn what_is_open_or_was_lately_is_listed(db: Db) {
        let mut tx = write(&db).await;
        let (old, new) = (incident(1), incident(2));
        for one in [&old, &new] {
            incidents::insert(&mut tx, one).await.unwrap();
        }
        assert_eq!(incidents::list(&mut tx, Millis(0), 10).await.unwrap(), [new.clone(), old.clone()]);
        incidents::set_state(&mut tx, &old.id, IncidentState::Resolved, Some(Millis(5))).await.unwrap();
        let over = Incident { state: IncidentState::Resolved, resolved_at: Some(Millis(5)), ..old.clone() };
        assert_eq!(incidents::find(&mut tx, &old.id).await.unwrap().as_ref(), Some(&over));
        assert_eq!(incidents::list(&mut tx, Millis(5), 10).await.unwrap(), [new.clone(), over]);
        assert_eq!(incidents::list(&mut tx, Millis(6), 10).await.unwrap(), std::slice::from_ref(&new));
        let said = |at| IncidentUpdate {
            id: IncidentId::generate(T),
            incident_id: new.id.clone(),
            at: Millis(at),
            state: IncidentState::Monitoring,
            text: ODD.into(),
        };
        let (first, second) = (said(3), said(4));
        for one in [&first, &second] {
            incidents::insert_update(&mut tx, one).await.unwrap();
        }
        assert_eq!(incidents::list_updates(&mut tx, &new.id).await.unwrap(), [second, first]);
        assert_eq!(incidents::list_updates(&mut tx, &old.id).await.unwrap(), []);
    }
}
