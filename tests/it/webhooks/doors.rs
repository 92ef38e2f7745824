//! Who may deliver, what is refused, and what can be read of it afterwards.

use super::*;

const PUSH: &[(&str, &str)] = &[("x-github-event", "push"), ("content-type", "application/json")];

on_both! {
    async fn unknown_apps_and_hostile_bodies_change_nothing(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let good = fixture("github/push");
        for query in ["?appID=65ec8300a99999999a000001", "?appID=nonsense", "?appID=..", ""] {
            hooked.post(query, PUSH, good.clone()).await.expect(404);
        }
        let query = hooked.to_app();
        for body in ["", "{", "null", "[]", "{}", "payload=", r#"{"ref":"refs/heads/..","after":"x"}"#] {
            hooked.post(&query, PUSH, body).await.expect(400);
            hooked.post(&query, &[], body).await.expect(400);
        }
        let deep = format!("{{\"ref\":{}", "[".repeat(200_000));
        hooked.post(&query, PUSH, deep).await.expect(400);
        hooked.post(&query, PUSH, vec![b'x'; 6 << 20]).await.expect(413);
        // Only POST is a delivery.
        hooked.server.call(Method::GET, "/api/webhook", None, "").await.expect(404);
        hooked.work().await;
        assert_eq!(hooked.get("deliveries").await, json!([]));
        assert_eq!(hooked.builds().await, []);
    }

    async fn a_secret_must_be_known(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let query = hooked.to_app();
        assert_eq!(hooked.get("webhook").await["secret_set"], false);
        hooked.set_secret("s3cret").await;
        let shown = hooked.get("webhook").await;
        assert_eq!(shown["secret_set"], true);
        assert_eq!(shown["url"], format!("http://ci.example.org/api/webhook{query}"));
        assert!(!shown.to_string().contains("s3cret"));
        let body = fixture("github/push");
        let right = format!("sha256={}", sign("s3cret", &body));
        let wrong = format!("sha256={}", sign("secret", &body));
        // Unsigned, wrongly signed, and signed for another body.
        hooked.post(&query, PUSH, body.clone()).await.expect(401);
        let signed = |signature| [PUSH[0], PUSH[1], ("x-hub-signature-256", signature)];
        hooked.post(&query, &signed(&wrong), body.clone()).await.expect(401);
        hooked.post(&query, &signed(&right), fixture("github/push_skip")).await.expect(401);
        // Not even what a hostile body is gets told.
        hooked.post(&query, PUSH, "{").await.expect(401);
        hooked.work().await;
        assert_eq!(hooked.get("deliveries").await, json!([]));
        hooked.post(&query, &signed(&right), body.clone()).await.expect(200);
        hooked.work().await;
        assert_eq!(hooked.verdict().await, "built #1");
        let token = [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", "s3cret")];
        hooked.post(&query, &token, fixture("gitlab/push")).await.expect(200);
        let token = [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", "s3cre")];
        hooked.post(&query, &token, fixture("gitlab/push")).await.expect(401);
        // The signature is over the form, not over the JSON in it.
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", std::str::from_utf8(&body).unwrap())
            .finish();
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let signed_form = |signature| [PUSH[0], form_type, ("x-hub-signature-256", signature)];
        hooked.post(&query, &signed_form(&right), form.clone()).await.expect(401);
        let over_form = format!("sha256={}", sign("s3cret", form.as_bytes()));
        hooked.post(&query, &signed_form(&over_form), form).await.expect(200);
        hooked.call(Method::DELETE, "webhook", "").await.expect(204);
        hooked.post(&query, PUSH, body).await.expect(200);
        for wrong in [r#"{"secret": ""}"#, r#"{"secret": "é"}"#, r#"{"secrets": "x"}"#, "{}"] {
            hooked.call(Method::PUT, "webhook", wrong).await.expect(400);
        }
    }

    async fn without_an_app_every_app_of_the_repository_is_meant(app: TestApp) {
        let hooked = Hooked::set(app, "git@github.com:octo-org/shop.git").await;
        let other = hooked.app.add_app(&hooked.ann, "iOS", "https://TOKEN@github.com/Octo-Org/shop").await;
        hooked.app.add_app(&hooked.ann, "Elsewhere", "https://github.com/octo-org/other").await;
        let answer: Value = hooked.post("", PUSH, fixture("github/push")).await.expect(200).json();
        let mut reached: Vec<_> = answer["deliveries"].as_array().unwrap().iter().map(|d| d["app_id"].as_str().unwrap().to_owned()).collect();
        reached.sort();
        let mut expected = vec![hooked.row.id.to_string(), other.id.to_string()];
        expected.sort();
        assert_eq!(reached, expected);
        hooked.work().await;
        assert_eq!(hooked.verdict().await, "built #1");
        // An app with a secret is left out of an unsigned delivery.
        hooked.set_secret("s3cret").await;
        let body = fixture("github/push_forced");
        let answer: Value = hooked.post("", PUSH, body.clone()).await.expect(200).json();
        assert_eq!(answer["deliveries"].as_array().unwrap().len(), 1);
        assert_eq!(answer["deliveries"][0]["app_id"], other.id.as_str());
        let signature = format!("sha256={}", sign("s3cret", &body));
        let signed = [PUSH[0], PUSH[1], ("x-hub-signature-256", signature.as_str())];
        let answer: Value = hooked.post("", &signed, body).await.expect(200).json();
        assert_eq!(answer["deliveries"].as_array().unwrap().len(), 2);
        // A repository that nobody builds; one whose apps all have secrets.
        hooked.post("", PUSH, fixture("gitlab/push")).await.expect(404);
        hooked.post("", &[("x-gitlab-event", "Push Hook")], fixture("gitlab/push")).await.expect(404);
        hooked.post("", &[], fixture("beanstalk/push")).await.expect(404);
        hooked.post("", &[("x-event-key", "diagnostics:ping")], fixture("bitbucket_server/ping")).await.expect(200);
    }

    async fn repeats_build_once_whoever_handles_them(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        let query = hooked.to_app();
        let named = [PUSH[0], PUSH[1], ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")];
        // The same delivery at once, and the same push under other names.
        let deliver = async |headers: &[(&str, &str)]| {
            hooked.post(&query, headers, fixture("github/push")).await.expect(200).json::<Value>()
        };
        let answers = futures_util::future::join_all((0..8).map(|number| {
            let deliver = &deliver;
            async move {
                match number % 2 {
                    0 => deliver(&named).await,
                    _ => deliver(PUSH).await,
                }
            }
        }))
        .await;
        let repeated = answers.iter().filter(|a| a["deliveries"][0]["repeated"] == true).count();
        assert_eq!(repeated, 3);
        // Two servers on one database work at the same time.
        let second = std::sync::Arc::new(hooked.app.second().await);
        let (one, two) = (hooked.app.app.clone(), second.clone());
        let work = |app: std::sync::Arc<shipmate::app::App>| async move {
            while jobs::run_one(&app).await.expect("a job runs") {}
        };
        tokio::join!(tokio::spawn(work(one.clone())), tokio::spawn(work(two)), tokio::spawn(work(one))).0.unwrap();
        hooked.work().await;
        assert_eq!(hooked.builds().await.len(), 1);
        let deliveries = hooked.get("deliveries").await;
        let verdicts: Vec<_> = deliveries.as_array().unwrap().iter().map(|d| d["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts.len(), 5);
        assert_eq!(verdicts.iter().filter(|v| **v == "built #1").count(), 1, "{verdicts:?}");
        assert_eq!(verdicts.iter().filter(|v| **v == "duplicate of #1").count(), 4, "{verdicts:?}");
        // What was built is not evaluated again, what was not is.
        assert_eq!(deliver(&named).await["deliveries"][0]["repeated"], true);
        hooked.work().await;
        assert_eq!(hooked.builds().await.len(), 1);
    }

    async fn what_was_delivered_can_be_read_and_delivered_again(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        hooked.set_settings(Settings { build_pushes: Some(false), ..Settings::default() }).await;
        let body = fixture("github/push");
        let headers = [PUSH[0], PUSH[1], ("user-agent", "GitHub-Hookshot/1"), ("x-gitlab-token", "not to be kept")];
        hooked.post(&hooked.to_app(), &headers, body.clone()).await.expect(200);
        assert_eq!(hooked.get("deliveries").await[0]["state"], "pending");
        hooked.work().await;
        assert_eq!(hooked.verdict().await, "skipped: pushes are not built");
        let id = hooked.get("deliveries").await[0]["_id"].as_str().unwrap().to_owned();
        let shown = hooked.get(&format!("deliveries/{id}")).await;
        assert_eq!(shown["payload"].as_str().unwrap().as_bytes(), body);
        assert_eq!(shown["headers"], json!([["content-type", "application/json"], ["user-agent", "GitHub-Hookshot/1"], ["x-github-event", "push"]]));
        assert_eq!(shown["events"][0]["event"], "push");
        hooked.set_settings(Settings::default()).await;
        let again = format!("deliveries/{id}/redeliver");
        hooked.call(Method::POST, &again, "").await.expect(202);
        hooked.work().await;
        assert_eq!(hooked.verdict().await, "built #1");
        hooked.call(Method::POST, &again, "").await.expect(202);
        hooked.work().await;
        assert_eq!(hooked.verdict().await, "built #1", "by this delivery, long ago");
        assert_eq!(hooked.get("deliveries").await[0]["built"], true);
        assert_eq!(hooked.builds().await.len(), 1);
        hooked.call(Method::POST, "deliveries/65ec8300a99999999a000001/redeliver", "").await.expect(404);
        hooked.call(Method::GET, "deliveries/65ec8300a99999999a000001", "").await.expect(404);
    }

    async fn deliveries_are_paged_and_only_the_newest_are_kept(app: TestApp) {
        let hooked = Hooked::set(app, NOWHERE).await;
        for _ in 0..205 {
            hooked.post(&hooked.to_app(), &[("x-github-event", "ping")], fixture("github/ping")).await.expect(200);
            hooked.app.advance(1);
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut path = format!("/v1/apps/{}/deliveries?limit=100", hooked.row.id);
        loop {
            let token = Some(hooked.ann.token.expose());
            let answer = hooked.server.call(Method::GET, &path, token, "").await.expect(200);
            for delivery in answer.json::<Value>().as_array().unwrap() {
                assert!(seen.insert(delivery["_id"].as_str().unwrap().to_owned()));
            }
            let Some(link) = answer.headers.get("link") else { break };
            path = link.to_str().unwrap().strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        assert_eq!(seen.len(), 200);
    }
}
