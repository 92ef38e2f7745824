//! Organisations, members, collaborators, and moving an app between them.

use serde_json::json;

use super::*;

const JSON: &str = "application/json";

on_both! {
    async fn organisations_and_their_members(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let other = Caller::new(&app, &bob).await;
        let made: Value = caller.post("/v1/organisations", JSON, r#"{"name": "Acme"}"#).await.expect(201).json();
        insta::assert_json_snapshot!("organisation_added", made, { "._id" => "[id]" });
        let path = format!("/v1/organisations/{}", made["_id"].as_str().unwrap());
        let members = format!("{path}/members");
        assert_eq!(caller.get_json("/v1/organisations").await.as_array().unwrap().len(), 2);
        other.get(&members).await.expect(404);
        caller.put(&members, r#"{"email": "BOB@example.org", "role": "read"}"#).await.expect(204);
        let listed = other.get_json(&members).await;
        insta::assert_json_snapshot!("members", listed, { "[].user_id" => "[id]" });
        assert_eq!(other.get_json("/v1/organisations").await[1]["role"], "read");
        assert!(other.put(&path, r#"{"name": "Mine"}"#).await.expect(403).error().contains("owners"));
        caller.put(&path, r#"{"name": "Acme Ltd"}"#).await.expect(204);
        assert_eq!(caller.get_json("/v1/organisations").await[1]["name"], "Acme Ltd");

        // One owner always stays.
        for call in [
            caller.put(&members, r#"{"email": "ann@example.org", "role": "full"}"#).await,
            caller.delete(&format!("{members}?email=ann@example.org")).await,
        ] {
            assert!(call.expect(409).error().contains("owner"));
        }
        caller.put(&members, r#"{"email": "bob@example.org", "role": "owner"}"#).await.expect(204);
        caller.put(&members, r#"{"email": "ann@example.org", "role": "full"}"#).await.expect(204);
        caller.put(&members, r#"{"email": "ann@example.org", "role": "owner"}"#).await.expect(403);
        other.delete(&format!("{members}?email=ann@example.org")).await.expect(204);
        other.delete(&format!("{members}?email=ann@example.org")).await.expect(404);
        caller.get(&members).await.expect(404);
        for body in [
            r#"{"email": "nobody@example.org", "role": "read"}"#, r#"{"email": "bob", "role": "read"}"#,
            r#"{"email": "ann@example.org", "role": "king"}"#, r#"{"role": "read"}"#,
        ] {
            assert!(other.put(&members, body).await.expect(400).error().contains(if body.contains("king") { "role" } else { "email" }));
        }
        caller.post("/v1/organisations", JSON, r#"{"name": " "}"#).await.expect(400);
    }

    async fn collaborators_of_an_app(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let other = Caller::new(&app, &bob).await;
        let path = format!("/v1/apps/{}/collaborators", row.id);
        other.get(&path).await.expect(404);
        caller.put(&path, r#"{"email": "bob@example.org", "access": "read"}"#).await.expect(204);
        assert_eq!(
            other.get_json(&path).await,
            json!([{ "user_id": bob.user.id, "email": "bob@example.org", "name": "bob", "access": "read" }])
        );
        other.put(&path, r#"{"email": "bob@example.org", "access": "full"}"#).await.expect(403);
        caller.put(&path, r#"{"email": "bob@example.org", "access": "full"}"#).await.expect(204);
        // No collaborator takes the app from those who own it.
        other.put(&path, r#"{"email": "ann@example.org", "access": "read"}"#).await.expect(204);
        caller.put(&path, r#"{"email": "bob@example.org", "access": "read"}"#).await.expect(204);
        caller.delete(&format!("{path}?email=bob@example.org")).await.expect(204);
        caller.delete(&format!("{path}?email=bob@example.org")).await.expect(404);
        caller.delete(&path).await.expect(400);
        other.get(&path).await.expect(404);
    }

    async fn an_app_moves_between_organisations(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let other = Caller::new(&app, &bob).await;
        let made: Value = other.post("/v1/organisations", JSON, r#"{"name": "Acme"}"#).await.expect(201).json();
        let acme = made["_id"].as_str().unwrap();
        let path = format!("/v1/apps/{}", row.id);
        let body = format!(r#"{{"organisation_id": "{acme}"}}"#);
        caller.send(Method::POST, &format!("{path}/move"), &body).await.expect(404);
        let members = format!("/v1/organisations/{acme}/members");
        other.put(&members, r#"{"email": "ann@example.org", "role": "read"}"#).await.expect(204);
        caller.send(Method::POST, &format!("{path}/move"), &body).await.expect(403);
        other.put(&members, r#"{"email": "ann@example.org", "role": "full"}"#).await.expect(204);
        other.get(&path).await.expect(404);
        let moved: Value = caller.send(Method::POST, &format!("{path}/move"), &body).await.expect(200).json();
        assert_eq!(moved["organisation_id"], acme);
        other.get(&path).await.expect(200);
        // Full access now, but no owner any more: there is no way back for her.
        caller.put(&path, r#"{"app_name": "Store"}"#).await.expect(200);
        let back = format!(r#"{{"organisation_id": "{}"}}"#, row.org_id);
        caller.send(Method::POST, &format!("{path}/move"), &back).await.expect(403);
        // Both sides read of it, each in the log that they own.
        assert_eq!(caller.get_json("/v1/audit").await[0]["action"], "app.move");
        let seen = other.get_json(&format!("/v1/audit?app={}", row.id)).await;
        let actions: Vec<_> = seen.as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
        assert_eq!(actions, ["app.rename", "app.move"]);
    }
}
