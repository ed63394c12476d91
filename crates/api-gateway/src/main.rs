//! `api-gateway [serve|openapi]`.

use std::process::ExitCode;

use api_gateway::config::Config;

#[tokio::main]
async fn main() -> ExitCode {
    platform::config::exit_on_error(run().await)
}

async fn run() -> anyhow::Result<()> {
    api_gateway::run(platform::config::parse::<Config>()?).await
}
