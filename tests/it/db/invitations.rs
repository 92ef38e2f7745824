//! Links that were mailed to somebody.

use shipmate::db::invitations;
use shipmate::model::ids::InvitationId;
use shipmate::model::session::Invitation;

use super::*;

on_both! {
    async fn a_link_opens_once_and_not_for_ever(db: Db) {
        let mut tx = write(&db).await;
        let org = add_org(&mut tx).await;
        let ann = add_user(&mut tx, "ann@example.org").await;
        let invite = Invitation {
            id: InvitationId::generate(T),
            kind: "invite".into(),
            email: "bob@example.org".into(),
            org_id: Some(org.clone()),
            app_id: None,
            access: "read".into(),
            invited_by: Some(ann.clone()),
            created_at: Millis(1),
            expires_at: Millis(10),
            used_at: None,
            sent_at: None,
            send_error: None,
        };
        let reset = Invitation { id: InvitationId::generate(T), kind: "reset".into(), org_id: None, ..invite.clone() };
        invitations::insert(&mut tx, &invite, "h1").await.unwrap();
        invitations::insert(&mut tx, &reset, "h2").await.unwrap();
        let found = invitations::find(&mut tx, "invite", "h1", Millis(9)).await.unwrap();
        assert_eq!(found, Some(invite.clone()));
        for (kind, hash, now) in [("reset", "h1", 9), ("invite", "h2", 9), ("invite", "h1", 10)] {
            assert_eq!(invitations::find(&mut tx, kind, hash, Millis(now)).await.unwrap(), None);
        }
        assert_eq!(invitations::list(&mut tx, &org, Millis(9)).await.unwrap(), std::slice::from_ref(&invite));
        assert_eq!(invitations::find_by_id(&mut tx, &invite.id).await.unwrap(), Some(invite.clone()));
        invitations::set_key(&mut tx, &invite.id, Some("sealed")).await.unwrap();
        assert_eq!(invitations::find_key(&mut tx, &invite.id).await.unwrap().as_deref(), Some("sealed"));
        assert_eq!(invitations::find_key(&mut tx, &reset.id).await.unwrap(), None);
        invitations::set_key(&mut tx, &invite.id, None).await.unwrap();
        assert_eq!(invitations::find_key(&mut tx, &invite.id).await.unwrap(), None);
        invitations::set_sent(&mut tx, &reset.id, Some(Millis(5)), Some("late")).await.unwrap();
        let sent = invitations::find_by_id(&mut tx, &reset.id).await.unwrap().unwrap();
        assert_eq!((sent.sent_at, sent.send_error.as_deref()), (Some(Millis(5)), Some("late")));
        assert_eq!(invitations::take(&mut tx, &invite.id, Millis(9)).await.unwrap(), 1);
        assert_eq!(invitations::take(&mut tx, &invite.id, Millis(9)).await.unwrap(), 0);
        assert_eq!(invitations::list(&mut tx, &org, Millis(9)).await.unwrap(), []);
        let taken = invitations::take_all(&mut tx, "reset", "bob@example.org", Millis(9)).await;
        assert_eq!(taken.unwrap(), 1);
        let address = Invitation { id: InvitationId::generate(T), kind: "address".into(), org_id: None, ..invite.clone() };
        invitations::insert(&mut tx, &address, "h9").await.unwrap();
        invitations::set_key(&mut tx, &address.id, Some("sealed")).await.unwrap();
        assert_eq!(invitations::take_of(&mut tx, "address", &ann, Millis(9)).await.unwrap(), 1);
        assert_eq!(invitations::take_of(&mut tx, "address", &ann, Millis(9)).await.unwrap(), 0);
        assert_eq!(invitations::find_key(&mut tx, &address.id).await.unwrap(), None);

        let app = app_row(&org, "Store");
        db::apps::insert(&mut tx, &app, None).await.unwrap();
        let of_app = Invitation { id: InvitationId::generate(T), org_id: None, app_id: Some(app.id.clone()), ..invite.clone() };
        invitations::insert(&mut tx, &of_app, "h3").await.unwrap();
        assert_eq!(invitations::list_of_app(&mut tx, &app.id, Millis(9)).await.unwrap(), std::slice::from_ref(&of_app));
        let elsewhere = Invitation { app_id: None, org_id: Some(org.clone()), ..of_app.clone() };
        assert_eq!(invitations::take_same(&mut tx, &elsewhere, Millis(9)).await.unwrap(), 0);
        assert_eq!(invitations::take_same(&mut tx, &of_app, Millis(9)).await.unwrap(), 1);
        assert_eq!(invitations::list_of_app(&mut tx, &app.id, Millis(9)).await.unwrap(), []);

        db::accounts::insert_member_if_absent(&mut tx, &org, &ann, "full").await.unwrap();
        db::accounts::insert_member_if_absent(&mut tx, &org, &ann, "owner").await.unwrap();
        let app = app_row(&org, "Shop");
        db::apps::insert(&mut tx, &app, None).await.unwrap();
        let access = db::accounts::find_access(&mut tx, &app.id, &ann).await.unwrap();
        assert_eq!(access.org_role.as_deref(), Some("full"));
    }
}
