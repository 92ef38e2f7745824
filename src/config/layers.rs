//! Collects what each layer says about each setting, highest precedence
//! first, and hands out the winning values. A value that is overridden must
//! still be right: it would strike when the override goes away.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults, Source};
use super::file::{self, Raw};
use super::parse::Value;
use super::settings::{self, Setting, Shape};
use super::{Config, Flags};

struct Given {
    setting: &'static Setting,
    source: Source,
    raw: Raw,
    /// What a relative path starts from.
    base: PathBuf,
}

pub struct Layers {
    /// Flags, then environment, then file.
    given: Vec<Given>,
    faults: Vec<Fault>,
    pub file: Option<PathBuf>,
}

impl Layers {
    pub fn read(
        flags: &Flags,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        cwd: &Path,
    ) -> Self {
        let mut layers = Self { given: Vec::new(), faults: Vec::new(), file: None };
        layers.add_flags(flags, cwd);
        let variable = layers.add_environment(env, cwd);
        let named = flags.config.clone().or(variable);
        let data_dir = layers.first_path("data_dir").unwrap_or_else(|| cwd.join(file::DATA_DIR));
        if let Some(path) = file::find(named.as_deref(), cwd, &data_dir) {
            layers.add_file(&path);
            layers.file = Some(path);
        }
        layers
    }

    /// The winning value of `key`, if any layer gives one. Every layer's value
    /// is checked.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let mut winner = None;
        for given in self.given.iter().filter(|given| given.setting.key == key) {
            match parse(&Value { raw: &given.raw, base: &given.base }) {
                Ok(value) => winner = winner.or(Some(value)),
                Err(problem) => self.faults.push(fault(given.setting, &given.source, &problem)),
            }
        }
        winner
    }

    /// Which layer won, per setting that any layer gave.
    pub fn sources(&self) -> BTreeMap<&'static str, Source> {
        let mut sources = BTreeMap::new();
        for given in &self.given {
            sources.entry(given.setting.key).or_insert_with(|| given.source.clone());
        }
        sources
    }

    /// The faults come flags first, then variables, then the file by line.
    pub fn into_result(mut self, config: Config) -> Result<Config, Faults> {
        if self.faults.is_empty() {
            return Ok(config);
        }
        self.faults.sort_by_key(|fault| match &fault.source {
            Source::Flag(name) => (0, (*name).to_owned(), 0),
            Source::Env(name) => (1, name.clone(), 0),
            Source::File(_, line) => (2, String::new(), *line),
            Source::Default => (3, String::new(), 0),
        });
        Err(Faults(self.faults))
    }

    fn add_flags(&mut self, flags: &Flags, cwd: &Path) {
        let values = [
            ("listen", "--listen", flags.listen.as_deref()),
            ("data_dir", "--data-dir", flags.data_dir.as_deref()),
            ("public_url", "--public-url", flags.public_url.as_deref()),
            (
                "database_url",
                "--database-url",
                flags.database_url.as_ref().map(|secret| secret.expose()),
            ),
            ("agent.slots", "--agent-slots", flags.agent_slots.as_deref()),
        ];
        for (key, flag, value) in values {
            let setting = settings::by_key(key).expect("every flag names a listed setting");
            if let Some(text) = value {
                self.add_text(setting, Source::Flag(flag), text, cwd);
            }
        }
    }

    /// Returns the file that `SHIPMATE_CONFIG` names.
    fn add_environment(
        &mut self,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        cwd: &Path,
    ) -> Option<PathBuf> {
        let mut config = None;
        let mut variables: Vec<_> = env.into_iter().collect();
        variables.sort();
        for (name, value) in variables {
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with("SHIPMATE_") || value.is_empty() {
                continue;
            }
            if name == "SHIPMATE_CONFIG" {
                config = Some(PathBuf::from(value));
            } else if let Some(setting) =
                settings::SETTINGS.iter().find(|setting| setting.variable() == name)
            {
                match value.to_str() {
                    Some(text) => self.add_text(setting, Source::Env(name), text, cwd),
                    None => {
                        self.faults.push(fault(setting, &Source::Env(name), "not valid UTF-8"));
                    }
                }
            } else if !settings::OTHER_VARIABLES.contains(&name.as_str()) {
                self.faults.push(unknown_variable(name));
            }
        }
        config
    }

    fn add_text(&mut self, setting: &'static Setting, source: Source, text: &str, cwd: &Path) {
        let raw = match setting.shape {
            Shape::Text => Raw::Text(text.to_owned()),
            Shape::Number => match text.trim().parse() {
                Ok(number) => Raw::Number(number),
                Err(_) => {
                    let problem = format!("\"{text}\" is not a number");
                    return self.faults.push(fault(setting, &source, &problem));
                }
            },
            Shape::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Raw::List(items.map(str::to_owned).collect())
            }
        };
        self.given.push(Given { setting, source, raw, base: cwd.to_owned() });
    }

    fn add_file(&mut self, path: &Path) {
        let text = match file::read(path) {
            Ok(text) => text,
            Err(fault) => return self.faults.push(fault),
        };
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        let (entries, mut faults) = file::flatten(&text, path);
        self.faults.append(&mut faults);
        for entry in entries {
            let source = Source::File(path.to_owned(), entry.line);
            match (settings::by_key(&entry.key), entry.value) {
                (None, _) => self.faults.push(unknown_key(source, &entry.key)),
                (Some(setting), Ok(raw)) => {
                    self.given.push(Given { setting, source, raw, base: base.clone() });
                }
                (Some(setting), Err(problem)) => {
                    self.faults.push(fault(setting, &source, &problem));
                }
            }
        }
    }

    fn first_path(&self, key: &str) -> Option<PathBuf> {
        let given = self.given.iter().find(|given| given.setting.key == key)?;
        super::parse::path(&Value { raw: &given.raw, base: &given.base }).ok()
    }
}

fn fault(setting: &'static Setting, source: &Source, problem: &str) -> Fault {
    let problem = if setting.secret { "the value cannot be used" } else { problem };
    Fault {
        source: source.clone(),
        key: Some(setting.key),
        problem: format!("{problem}; expected {}", setting.expected),
    }
}

fn unknown_key(source: Source, key: &str) -> Fault {
    let known = settings::SETTINGS.iter().map(|setting| setting.key);
    // A key in the wrong section is as likely as a misspelt one.
    let last = key.rsplit('.').next().unwrap_or(key);
    let hint = known
        .clone()
        .find(|candidate| candidate.rsplit('.').next() == Some(last))
        .or_else(|| settings::nearest(key, known));
    let hint = match hint {
        Some(near) => format!("did you mean {near}?"),
        None => "config.example.toml lists every setting".into(),
    };
    Fault { source, key: None, problem: format!("unknown setting {key}; {hint}") }
}

fn unknown_variable(name: String) -> Fault {
    let variables: Vec<String> = settings::SETTINGS.iter().map(Setting::variable).collect();
    let known =
        variables.iter().map(String::as_str).chain(settings::OTHER_VARIABLES.iter().copied());
    let hint = match settings::nearest(&name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => "names that start with SHIPMATE_ are reserved for settings".into(),
    };
    Fault { source: Source::Env(name), key: None, problem: format!("unknown variable; {hint}") }
}
