//! What a page says about a form: that it is done, or what is wrong with which
//! field, beside what was typed.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use crate::dashboard::page::PageFault;
use crate::error::{Error, Result};
use crate::http::params::Params;

/// What stands above a form.
#[derive(Debug, Default)]
pub struct Said {
    /// What was done.
    pub notice: Option<String>,
    problem: Option<Problem>,
}

#[derive(Debug, PartialEq, Eq)]
struct Problem {
    /// Name of the field; empty if it is none's.
    field: String,
    text: String,
    status: StatusCode,
}

impl Said {
    pub fn done(text: &str) -> Self {
        Self { notice: Some(text.to_owned()), problem: None }
    }

    /// What a person can mend. Everything else is no matter of the form.
    ///
    /// # Errors
    /// The error itself, where the form cannot help.
    pub fn problem(error: Error) -> Result<Self, PageFault> {
        let (status, text) = match error {
            Error::Invalid(text) => (StatusCode::BAD_REQUEST, text),
            Error::Conflict(text) => (StatusCode::CONFLICT, text),
            Error::NotFound(text) if text != "Not Found" => (StatusCode::BAD_REQUEST, text),
            other => return Err(other.into()),
        };
        let (field, text) = read(&text);
        Ok(Self { notice: None, problem: Some(Problem { field, text, status }) })
    }

    /// Of the page that shows this.
    pub fn status(&self) -> StatusCode {
        self.problem.as_ref().map_or(StatusCode::OK, |problem| problem.status)
    }

    pub fn problem_text(&self) -> Option<&str> {
        self.problem.as_ref().map(|problem| problem.text.as_str())
    }

    /// Whether the problem is with the field of this name.
    pub fn is_about(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == field)
    }

    /// Attributes of the field with this name, to be written unescaped.
    pub fn at(&self, field: &str) -> &'static str {
        match &self.problem {
            Some(problem) if problem.field == field => {
                " aria-invalid=\"true\" aria-describedby=\"problem\""
            }
            _ => "",
        }
    }
}

/// The field that an error names, and its text as a sentence: the product says
/// `Invalid value for parameter "zone": ..`, `Missing parameter "name"` or
/// `password: must ..`.
fn read(text: &str) -> (String, String) {
    let named = |prefix: &str| text.strip_prefix(prefix)?.split_once('"');
    if let Some((field, rest)) = named("Invalid value for parameter \"") {
        let reason = rest.strip_prefix(": ").filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or("this value cannot be used");
        return (field.to_owned(), format!("{}: {reason}.", label(field)));
    }
    if let Some((field, _)) = named("Missing parameter \"") {
        return (field.to_owned(), format!("{} is missing.", label(field)));
    }
    let is_name = |field: &str| {
        !field.is_empty() && field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    match text.split_once(": ") {
        Some((field, rest)) if is_name(field) => {
            (field.to_owned(), format!("{}: {rest}.", label(field)))
        }
        _ => (String::new(), format!("{}.", text.trim_end_matches('.'))),
    }
}

/// `repo_url` as people know it.
fn label(field: &str) -> String {
    match field {
        "repo_url" => return "Repository URL".into(),
        "app_name" => return "Name".into(),
        _ => {}
    }
    let words = field.replace(['_', '.'], " ");
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}

/// What was typed, for a form that is shown again.
#[derive(Debug, Default)]
pub struct Typed(BTreeMap<String, String>);

impl Typed {
    /// Keeps these fields. Passwords are not among them: they are typed again.
    pub fn of(params: &Params, names: &[&str]) -> Result<Self> {
        let mut kept = BTreeMap::new();
        for name in names {
            if let Ok(Some(text)) = params.opt_text(name, 64 << 10) {
                kept.insert((*name).to_owned(), text.replace("\r\n", "\n"));
            }
        }
        Ok(Self(kept))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.entry(name.to_owned()).or_insert_with(|| value.into());
        self
    }

    /// Empty where nothing was typed.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }
}

/// Text that a form must have; whitespace around it is no part of it.
///
/// # Errors
/// `Invalid`, naming it.
pub fn required(params: &Params, name: &str) -> Result<String> {
    Ok(params.required_str(name)?.trim().to_owned())
}

/// Text of a form, empty if it is not there.
pub fn text(params: &Params, name: &str) -> Result<String> {
    Ok(params.opt_str(name)?.unwrap_or_default().into_owned())
}

/// The lines of a text field that are not empty.
pub fn lines(params: &Params, name: &str) -> Result<Vec<String>> {
    let text = params.opt_text(name, 64 << 10)?.unwrap_or_default();
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_product_name_their_field() {
        for (error, field, shown) in [
            ("Invalid value for parameter \"zone\"", "zone", "Zone: this value cannot be used."),
            ("Invalid value for parameter \"time\": written HH:MM", "time", "Time: written HH:MM."),
            ("Missing parameter \"email\"", "email", "Email is missing."),
            (
                "password: must have at least 10 characters",
                "password",
                "Password: must have at least 10 characters.",
            ),
            (
                "repo_url: the repository URL is empty",
                "repo_url",
                "Repository URL: the repository URL is empty.",
            ),
            ("Branch not found", "", "Branch not found."),
            ("An app: has 200 overrides", "", "An app: has 200 overrides."),
        ] {
            assert_eq!(read(error), (field.to_owned(), shown.to_owned()), "{error}");
        }
    }

    #[test]
    fn what_a_form_cannot_mend_passes_through() {
        assert!(Said::problem(Error::Forbidden("no")).is_err());
        assert!(Said::problem(Error::not_found()).is_err());
        let said = Said::problem(Error::NotFound("Branch not found".into())).unwrap();
        assert_eq!((said.status(), said.at("x")), (StatusCode::BAD_REQUEST, ""));
    }
}
