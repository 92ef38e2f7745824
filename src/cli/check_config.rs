//! `shipmate check-config`: the effective settings and their sources.

use clap::Args;

use super::render::{Cell, Colour, Table};
use super::serve::SettingsArgs;
use super::{Console, Result};

#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &CheckConfigArgs, console: &mut Console) -> Result {
    let effective = super::load(&args.settings.flags(), console)?.effective();
    if args.json {
        let members = effective.into_iter().map(|one| {
            let source = one.source.to_string();
            (one.key.to_owned(), serde_json::json!({ "value": one.value, "source": source }))
        });
        let object = serde_json::Value::Object(members.collect());
        return console.print(&format!("{object:#}\n"));
    }
    let mut table = Table::new(&["SETTING", "VALUE", "FROM"]);
    for one in effective {
        let value = if one.value.is_empty() { "(none)".into() } else { one.value };
        let source = Cell::whole(one.source.to_string()).coloured(Colour::Dim);
        table.add([Cell::new(one.key), Cell::whole(value), source]);
    }
    console.print(&table.render(console.colour))
}
