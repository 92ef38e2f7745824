//! The way in when nothing else works: a link that the real command prints
//! beside the running server.

use std::sync::Arc;

use reqwest::Method;

use super::process::Site;
use crate::harness::database::{Kind, TestDb};
use crate::harness::server::Answer;

on_both! {
    async fn a_printed_link_opens_the_running_server_once(place: Arc<TestDb>) {
        let database = (place.kind() == Kind::Postgres).then(|| place.url().to_owned());
        let site = Site::new(database);
        let _server = site.serve(0).await;
        let printed = site.admin(&["sign-in-link", "--email", "Ann@Example.org"]);
        let url = printed["url"].as_str().unwrap();
        let (_, key) = url.split_once("/sign-in/link?key=").expect("the page of the link");
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let enter = async || {
            let request = client.request(Method::POST, format!("{}/sign-in/link", site.url()));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            Answer::of(request.body(format!("key={key}"))).await
        };
        let entered = enter().await;
        assert_eq!(entered.status, 303);
        let cookie = entered.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        let account = client.get(format!("{}/account", site.url())).header("cookie", cookie);
        let page = Answer::of(account).await;
        let page = String::from_utf8(page.body).unwrap();
        assert!(page.contains("ann@example.org") && page.contains("link of the server"), "{page}");
        assert_eq!(enter().await.status, 404);
    }
}
