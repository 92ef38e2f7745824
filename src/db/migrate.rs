//! One append-only stream of migrations for both databases.

use std::borrow::Cow;

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! migrations {
    ($($version:literal $name:literal),+ $(,)?) => {
        [$(($version, $name, include_str!(concat!("../../migrations/", $name, ".sql")))),+]
    };
}

const ALL: &[(i64, &str, &str)] = &migrations![
    1 "0001_accounts",
    2 "0002_apps",
    3 "0003_builds",
    4 "0004_results",
    5 "0005_jobs",
    6 "0006_build_origins",
    7 "0007_audit",
    9 "0009_feedback",
    10 "0010_packages",
    11 "0011_manage",
    15 "0015_statuses",
    16 "0016_sign_in",
    8 "0008_distribution",
    14 "0014_secrets",
    22 "0022_idempotency",
    13 "0013_settings",
    24 "0024_queue",
    12 "0012_webhooks",
    32 "0032_incidents",
    33 "0033_devices",
    28 "0028_people",
    26 "0026_purge",
    30 "0030_log_outlines",
    31 "0031_test_history",
    34 "0034_identity",
    42 "0042_agent_findings",
    39 "0039_sources",
    40 "0040_crash_symbols",
    36 "0036_provider_connections",
    37 "0037_pinned_branches",
    38 "0038_deleted_groups",
];

pub(super) fn migrator() -> Migrator {
    let migrations = ALL
        .iter()
        .map(|(version, name, text)| {
            Migration::new(
                *version,
                Cow::Borrowed(*name),
                MigrationType::Simple,
                SqlStr::from_static(text),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations)
}
