//! `inventory-app [serve|migrate|openapi]`.

use std::process::ExitCode;

use inventory_app::config::Config;

#[tokio::main]
async fn main() -> ExitCode {
    platform::config::exit_on_error(run().await)
}

async fn run() -> anyhow::Result<()> {
    inventory_app::run(platform::config::parse::<Config>()?).await
}
