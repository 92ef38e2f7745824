//! Stories in a real browser: what only scripts, focus, sizes and colours can
//! show. What HTML alone shows is told in `dashboard`. SQLite alone: the pages'
//! queries are told on both databases there.

use std::sync::Arc;

use crate::harness::app::{Person, TestApp};
use crate::harness::database::{Stage, TestDb};
use crate::harness::server::TestServer;

use driver::Browser;

/// Makes each story a test that starts with an application, its server and a
/// browser on it.
macro_rules! in_browser {
    ($($(#[$meta:meta])* async fn $name:ident($web:ident: Web) $body:block)+) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            async fn story($web: Web) $body
            let name = concat!(module_path!(), "::", stringify!($name));
            let kind = $crate::harness::database::Kind::Sqlite;
            $crate::harness::database::tell(name, kind, |db| async move {
                story(<Web as $crate::harness::database::Stage>::set(&db).await).await;
            });
        }
    )+};
}

mod check;
mod connect;
mod distribution;
mod driver;
mod first_run;
mod full;
mod log;
mod operations;
mod pages;
mod pictures;
mod settings;
mod sign_in;
mod wire;

/// What a story starts with.
pub struct Web {
    pub browser: Browser,
    pub server: TestServer,
    pub app: TestApp,
}

impl Stage for Web {
    async fn set(db: &Arc<TestDb>) -> Self {
        let app = TestApp::set(db).await;
        let server = TestServer::start(&app.app).await;
        let browser = Browser::open(&server.url).await;
        Self { browser, server, app }
    }
}

impl Web {
    /// Signs in as somebody on their first day would.
    pub async fn enter(&self, person: &Person) {
        self.browser.go("/sign-in").await;
        self.browser.click("Sign in with an access token").await;
        self.browser.fill("Access token", person.token.expose()).await;
        self.browser.click("Sign in with the token").await;
        self.browser.sees("Sign out").await;
    }
}
