//! `inventory-app [serve|migrate|openapi|dead-letters|import-bikes FILE]`.

use inventory_app::config::Config;

#[tokio::main]
async fn main() {
    platform::config::end_process(run().await)
}

async fn run() -> anyhow::Result<()> {
    inventory_app::run(platform::config::parse::<Config>()?).await
}
