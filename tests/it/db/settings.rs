//! Settings of apps and organisations, and what is frozen with builds.

use shipmate::db::Db;
use shipmate::db::settings::{self, OfOrganisation};
use shipmate::model::settings::{Levels, Override, Resolved, Scope, Settings};

use super::*;

fn node(version: &str) -> Settings {
    Settings { node_version: Some(version.into()), ..Settings::default() }
}

on_both! {
    async fn levels_are_kept_apart(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let other = add_app(&mut tx).await;
        assert_eq!(settings::find_levels(&mut tx, &app).await.unwrap(), Levels::default());
        settings::upsert_app(&mut tx, &app, &node("1"), &node(ODD)).await.unwrap();
        settings::upsert_app(&mut tx, &app, &node("2"), &node(ODD)).await.unwrap();
        let scopes = [Scope::Branch(ODD.into()), Scope::Branch("z".into()), Scope::Prefix("Z".into()), Scope::Prefix("a".into())];
        for scope in scopes.iter().rev() {
            let new = Override { scope: scope.clone(), settings: node("3") };
            settings::upsert_override(&mut tx, &app, &new).await.unwrap();
        }
        let changed = Override { scope: scopes[0].clone(), settings: node("4") };
        settings::upsert_override(&mut tx, &app, &changed).await.unwrap();
        let levels = settings::find_levels(&mut tx, &app).await.unwrap();
        assert_eq!((&levels.inherited, &levels.own), (&node("2"), &node(ODD)));
        assert_eq!(levels.overrides.iter().map(|o| &o.scope).collect::<Vec<_>>(), scopes.iter().collect::<Vec<_>>());
        assert_eq!(levels.overrides[0], changed);
        assert_eq!(settings::delete_override(&mut tx, &other, &scopes[0]).await.unwrap(), 0);
        assert_eq!(settings::delete_override(&mut tx, &app, &Scope::Prefix(ODD.into())).await.unwrap(), 0);
        assert_eq!(settings::delete_override(&mut tx, &app, &scopes[0]).await.unwrap(), 1);
        assert_eq!(settings::find_levels(&mut tx, &app).await.unwrap().overrides.len(), 3);
        assert_eq!(settings::find_levels(&mut tx, &other).await.unwrap(), Levels::default());
    }

    async fn organisations_have_defaults_and_a_limit(db: Db) {
        let mut tx = write(&db).await;
        let org = add_org(&mut tx).await;
        assert_eq!(settings::find_organisation(&mut tx, &org).await.unwrap(), OfOrganisation::default());
        for max_running in [Some(3), None] {
            let new = OfOrganisation { defaults: node("1"), max_running };
            settings::upsert_organisation(&mut tx, &org, &new).await.unwrap();
            assert_eq!(settings::find_organisation(&mut tx, &org).await.unwrap(), new);
        }
    }

    async fn builds_keep_their_settings_and_labels(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let before = add_build(&mut tx, &app, 1, T).await;
        assert_eq!(settings::find_frozen(&mut tx, &before).await.unwrap(), None);
        let frozen = Resolved { archive: true, node_version: ODD.into(), ..Resolved::default() };
        let (id, json) = (BuildId::generate(T), frozen.to_json());
        let new = NewBuild { settings: Some(&json), ..new_build(&id, &app, 2, T) };
        db::builds::insert(&mut tx, &new).await.unwrap();
        assert_eq!(settings::find_frozen(&mut tx, &id).await.unwrap(), Some(frozen));
        settings::insert_label(&mut tx, &id, "platform", "ios").await.unwrap();
    }

    async fn siblings_are_pinned_together(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let mut siblings = Vec::new();
        for scheme in ["A", "B"] {
            let id = BuildId::generate(T);
            let new = NewBuild { scheme, ..new_build(&id, &app, 1, T) };
            db::builds::insert(&mut tx, &new).await.unwrap();
            siblings.push(id);
        }
        let alone = add_build(&mut tx, &app, 2, T).await;
        let listed = db::builds::list_siblings(&mut tx, &app, 1).await.unwrap();
        assert_eq!(listed.iter().map(|b| &b.id).collect::<Vec<_>>(), siblings.iter().collect::<Vec<_>>());
        let (sha, other) = ("ab".repeat(20), "cd".repeat(20));
        assert_eq!(db::builds::pin_siblings(&mut tx, &app, 1, &sha).await.unwrap(), 2);
        assert_eq!(db::builds::pin_siblings(&mut tx, &app, 1, &other).await.unwrap(), 0);
        assert_eq!(db::builds::pin_siblings(&mut tx, &app, 2, &sha).await.unwrap(), 0);
        let pinned = db::builds::find(&mut tx, &siblings[1]).await.unwrap().unwrap();
        assert_eq!(pinned.wanted_commit, Some(sha));
        assert_eq!(db::builds::find(&mut tx, &alone).await.unwrap().unwrap().wanted_commit, None);
    }
}
