//! From a build to a tester's phone, by clicks: a group, a tester, deploying,
//! the link in the mail, the install page.

use shipmate::model::build::Outcome;

use super::Web;
use super::driver::Screen;
use super::full;

/// The install link of the one mail that was sent.
fn link_in_mail(web: &Web) -> String {
    let mails: Vec<_> = std::fs::read_dir(web.app.dir().join("mail"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .filter(|mail| mail.contains("tess@example.org"))
        .collect();
    assert_eq!(mails.len(), 1, "one tester, one mail");
    // Quoted-printable: soft line ends, and `=` as `=3D`.
    let mail = mails[0].replace("=\r\n", "").replace("=3D", "=");
    let start = mail.find("/download/android?").expect("the mail has an install link");
    let end = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>');
    mail[start..].split(end).next().unwrap().to_owned()
}

in_browser! {
    async fn a_group_gets_a_build_on_a_phone(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        let row = web.app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        full::build(&web, &row, Outcome::Success).await;
        web.enter(&ann).await;
        let browser = &web.browser;
        browser.go(&format!("/apps/{}/groups", row.id)).await;
        browser.fill("Name", "Beta testers").await;
        browser.click("Make the group").await;
        browser.sees("Nobody is in this group yet").await;
        browser.fill("Add testers", "tess@example.org, not an address").await;
        browser.click("Add").await;
        browser.find("#testers-problem").await;
        browser.fill("Add testers", "tess@example.org").await;
        browser.click("Add").await;
        browser.sees("Send the newest build now").await;
        browser.click("Send the newest build now").await;
        browser.sees("Got last: #1").await;
        web.app.run_jobs().await;
        let link = link_in_mail(&web);

        browser.screen(Screen::Phone).await;
        browser.go(&link.replace("&amp;", "&")).await;
        browser.sees("Shop").await;
        browser.sees("You install this as tess@example.org").await;
        browser.find("//a[normalize-space()='Download']").await;
        let over = browser.script("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(over.as_i64().unwrap() <= 0, "{over} pixels too wide");
        browser.screen(Screen::Desktop).await;
        browser.go(&format!("/apps/{}/groups", row.id)).await;
        browser.click("Beta testers").await;
        browser.sees("tess@example.org").await;
    }
}
