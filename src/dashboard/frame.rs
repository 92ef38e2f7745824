//! The head and the tabs around every page of one app. Pure.

use crate::model::app::App as AppRow;

/// The tab that a page stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Builds,
    Trends,
    Testers,
    Feedback,
    Crashes,
    Settings,
}

/// One link of the row of tabs.
#[derive(Debug)]
pub struct Link {
    pub text: &'static str,
    pub path: String,
    pub current: bool,
}

/// What `app.html` shows around a page.
#[derive(Debug)]
pub struct AppFrame {
    pub id: String,
    pub name: String,
    pub tabs: Vec<Link>,
}

impl AppFrame {
    /// `may_manage`: whether the person has full access, and so sees the settings.
    pub fn of(app: &AppRow, tab: Tab, may_manage: bool) -> Self {
        let all = [
            (Tab::Builds, "Builds", ""),
            (Tab::Trends, "Trends", "/trends"),
            (Tab::Testers, "Testers", "/groups"),
            (Tab::Feedback, "Feedback", "/feedback"),
            (Tab::Crashes, "Crashes", "/crashes"),
            (Tab::Settings, "Settings", "/settings"),
        ];
        let tabs = all
            .into_iter()
            .filter(|(of, ..)| *of != Tab::Settings || may_manage)
            .map(|(of, text, end)| Link {
                text,
                path: format!("/apps/{}{end}", app.id),
                current: of == tab,
            })
            .collect();
        Self { id: app.id.to_string(), name: app.name.clone(), tabs }
    }
}
