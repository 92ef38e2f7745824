//! Every page, looked at in every way.

use super::Web;
use super::check::Checks;

in_browser! {
    async fn every_page_is_sound(web: Web) {
        let mut checks = Checks::new();
        let browser = &web.browser;
        for path in ["/sign-in", "/signup", "/status"] {
            checks.look(browser, path).await;
        }
        let ann = web.app.add_user("ann@example.org").await;
        browser.screen(super::driver::Screen::Desktop).await;
        web.enter(&ann).await;
        for path in ["/apps", "/account", "/account/access-token"] {
            checks.look(browser, path).await;
        }
        checks.finish();
    }
}
