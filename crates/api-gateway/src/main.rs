//! `api-gateway [serve|openapi]`.

use api_gateway::config::Config;

#[tokio::main]
async fn main() {
    platform::config::end_process(run().await)
}

async fn run() -> anyhow::Result<()> {
    api_gateway::run(platform::config::parse::<Config>()?).await
}
