# Daily habits. `just` lists them.

default:
    @just --list

# Format, lints and tests on SQLite alone
check:
    ./test --sqlite-only

# The same with PostgreSQL
check-pg:
    ./test

fmt:
    cargo fmt --all

demo:
    cargo run --release -- serve --demo

serve:
    cargo run -- serve

# Licences, sources and duplicates (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

bench:
    cargo bench --bench main_loop -- --write

screenshots:
    dev/screenshots
