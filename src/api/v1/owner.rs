//! Apps and organisations, where both own the same kind of things: variables
//! and secure files.

use crate::accounts::audit::Change;
use crate::accounts::{authorize_app, authorize_org};
use crate::db::Tx;
use crate::error::Result;
use crate::model::account::{Access, Actor, Role};
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, OrgId};

/// Whose things a call is about.
#[derive(Debug)]
pub enum Owner {
    App(AppId),
    Organisation(OrgId),
}

/// An owner whose things the caller may change.
#[derive(Debug)]
pub enum Owned {
    App(Box<AppRow>),
    Organisation(OrgId),
}

impl Owner {
    pub fn id(&self) -> &str {
        match self {
            Self::App(id) => id.as_str(),
            Self::Organisation(id) => id.as_str(),
        }
    }

    /// Lets pass who may change what it owns.
    ///
    /// # Errors
    /// As `authorize_app` and `authorize_org`.
    pub async fn authorize(&self, tx: &mut Tx, actor: &Actor) -> Result<Owned> {
        Ok(match self {
            Self::App(id) => {
                Owned::App(Box::new(authorize_app(tx, actor, Access::Full, id).await?))
            }
            Self::Organisation(id) => {
                authorize_org(tx, actor, Role::Owner, id).await?;
                Owned::Organisation(id.clone())
            }
        })
    }
}

impl Owned {
    /// A line of the activity log about something it owns.
    pub fn change<'a>(&'a self, action: &'a str, subject: &'a str) -> Change<'a> {
        match self {
            Self::App(row) => Change::of_app(row, action, subject),
            Self::Organisation(id) => Change::of_org(id, action, subject),
        }
    }
}
