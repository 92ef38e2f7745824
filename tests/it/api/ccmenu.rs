//! cctray.xml for CCMenu.

use super::*;

async fn feed(caller: &Caller, query: &str) -> String {
    let path = format!("/v1/ccmenu?access_token={}{query}", caller.token);
    let answer = caller.server.call(Method::GET, &path, None, "").await.expect(200);
    assert_eq!(answer.headers["content-type"], "application/xml; charset=utf-8");
    String::from_utf8(answer.body).unwrap()
}

on_both! {
    async fn every_app_is_listed_with_its_newest_build(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let odd = app.add_app(&ann, "<Odd> & \"quoted\"", "/nonexistent/a.git").await;
        let twin = app.add_app(&ann, "Twin", "/nonexistent/b.git").await;
        app.advance(1_000);
        let other = app.add_app(&ann, "Twin", "/nonexistent/c.git").await;
        app.add_app(&ann, "Unused", "/nonexistent/d.git").await;
        let stranger = app.add_user("bob@example.org").await;
        app.add_app(&stranger, "Hidden", "/nonexistent/e.git").await;
        let ended = app.trigger(&odd).await;
        app.advance(60_000);
        let path = format!("/v1/builds/{ended}/cancel?cancel_successfully=1");
        caller.post(&path, "", "").await.expect(204);
        let again = app.trigger(&odd).await;
        let running = app.trigger(&twin).await;
        let xml = feed(&caller, "").await;
        let names = [
            (ended.as_str(), "[ended]"), (again.as_str(), "[again]"), (running.as_str(), "[running]"),
            (odd.id.as_str(), "[odd]"), (twin.id.as_str(), "[twin]"), (other.id.as_str(), "[other]"),
        ];
        let shown = names.iter().fold(xml, |xml, (id, name)| xml.replace(id, name));
        let shown: Vec<&str> = shown.lines().filter(|line| !line.contains("\"Unused\"")).collect();
        insta::assert_snapshot!("feed", shown.join("\n"));
        let of_branch = feed(&caller, "&branch=next").await;
        assert_eq!(of_branch.matches("lastBuildStatus=\"Unknown\"").count(), 4, "{of_branch}");
        assert_eq!(feed(&caller, "&branch=main").await.matches("lastBuildStatus=\"Success\"").count(), 1);

        let server = &caller.server;
        server.call(Method::GET, "/v1/ccmenu", None, "").await.expect(401);
        server.call(Method::GET, "/v1/ccmenu?access_token=wrong", None, "").await.expect(401);
        server.call(Method::GET, "/v1/ccmenu", Some(&caller.token), "").await.expect(200);
    }
}
