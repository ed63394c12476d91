//! Where the broker is, and who we are to it.

use std::fmt;

use clap::{ArgMatches, Command};
use platform::config::prefixed::{Variables, port, secret, take, text};
use secrecy::SecretString;

/// Where the broker is, and who we are to it. Host, port and virtual host are the same for every service; user and
/// password are each one's own.
#[derive(Clone)]
pub struct Settings {
    /// What the variables of user and password begin with, for messages: `BILLING_AMQP`.
    pub variables: &'static str,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The virtual host, as the broker names it: `/`, not `%2f`.
    pub vhost: String,
    /// User name.
    pub user: String,
    /// Its password.
    pub password: SecretString,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "amqp://{}:[redacted]@{}:{}{}",
            self.user, self.host, self.port, self.vhost
        )
    }
}

impl Variables for Settings {
    fn declare(command: Command, prefix: &'static str, about: &str) -> Command {
        let vhost = "Virtual host, as the broker names it: `/`, not `%2f`";
        command
            .arg(text("AMQP_HOST", "Host of the broker".into()))
            .arg(port("AMQP_PORT", "Port of the broker".into()))
            .arg(text("AMQP_VHOST", vhost.into()))
            .arg(text(
                &format!("{prefix}_USER"),
                format!("{about} at the broker"),
            ))
            .arg(secret(
                &format!("{prefix}_PASSWORD"),
                "Password of that user".into(),
            ))
    }

    fn read(matches: &mut ArgMatches, prefix: &'static str) -> Result<Self, clap::Error> {
        Ok(Self {
            variables: prefix,
            host: take(matches, "AMQP_HOST")?,
            port: take(matches, "AMQP_PORT")?,
            vhost: take(matches, "AMQP_VHOST")?,
            user: take(matches, &format!("{prefix}_USER"))?,
            password: take(matches, &format!("{prefix}_PASSWORD"))?,
        })
    }
}
