//! `billing-app [serve|migrate|openapi|generate-events|dead-letters]`.

use billing_app::config::Config;

#[tokio::main]
async fn main() {
    platform::config::end_process(run().await)
}

async fn run() -> anyhow::Result<()> {
    billing_app::run(platform::config::parse::<Config>()?).await
}
