//! `billing-app [serve|migrate|openapi|dead-letters]`.

use std::process::ExitCode;

use billing_app::config::Config;

#[tokio::main]
async fn main() -> ExitCode {
    platform::config::exit_on_error(run().await)
}

async fn run() -> anyhow::Result<()> {
    billing_app::run(platform::config::parse::<Config>()?).await
}
