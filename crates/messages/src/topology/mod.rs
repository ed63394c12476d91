//! Every queue and exchange of the system, in one place: who writes, who reads, in what words.
//!
//! From here, and from nowhere else, come the declarations on each connection, the permissions and policies of RabbitMQ,
//! the dead-letter queues and the table in the README. For scripts and NixOS all of it is in `topology.json`, in the
//! format of RabbitMQ's definitions; a test keeps that file up to date.

mod definitions;

use std::collections::BTreeSet;

use crate::{customers, locations, orders, payments, refunds, shippings};

use Service::{Billing, Gateway, Inventory};
pub use definitions::definitions;

/// Every queue. A queue is durable and of the type `quorum`; what its reader refuses waits in `<name>.dead`.
pub static QUEUES: &[Queue] = &[
    Queue {
        name: payments::QUEUE,
        carries: "payments::Payment",
        fed_by: None,
        writers: &[Gateway, Billing],
        reader: Billing,
    },
    Queue {
        name: orders::QUEUE,
        carries: "orders::OrderCreate",
        fed_by: None,
        writers: &[Billing],
        reader: Billing,
    },
    Queue {
        name: customers::REQUEST_QUEUE,
        carries: "customers::CustomerRequest",
        fed_by: None,
        writers: &[Billing],
        reader: Billing,
    },
    Queue {
        name: customers::DETAIL_QUEUE,
        carries: "customers::CustomerDetail",
        fed_by: None,
        writers: &[Billing],
        reader: Billing,
    },
    Queue {
        name: shippings::QUEUE,
        carries: "shippings::ShippingUpdate",
        fed_by: None,
        writers: &[Billing],
        reader: Billing,
    },
    Queue {
        name: refunds::QUEUE,
        carries: "refunds::Refund",
        fed_by: None,
        writers: &[Billing],
        reader: Billing,
    },
    Queue {
        name: locations::POSITION_QUEUE,
        carries: "locations::Location",
        fed_by: Some(locations::EXCHANGE),
        writers: &[],
        reader: Inventory,
    },
    Queue {
        name: locations::TRACK_QUEUE,
        carries: "locations::Location",
        fed_by: Some(locations::EXCHANGE),
        writers: &[],
        reader: Inventory,
    },
];

/// Every exchange beside the default one; each hands a copy to all queues that it feeds.
pub static EXCHANGES: &[Exchange] = &[Exchange {
    name: locations::EXCHANGE,
    writers: &[Gateway],
}];

/// Who speaks AMQP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// `api-gateway`.
    Gateway,
    /// `billing-app`.
    Billing,
    /// `inventory-app`.
    Inventory,
}

/// Where a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// To one queue.
    Queue(&'static str),
    /// To every queue that this exchange feeds.
    Fanout(&'static str),
}

/// One queue.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// The message that it carries.
    pub carries: &'static str,
    /// The exchange that feeds it; else it is written to directly.
    pub fed_by: Option<&'static str>,
    /// Who writes to it directly.
    pub writers: &'static [Service],
    /// Who consumes it; each of its messages goes to one process of that service.
    pub reader: Service,
}

/// One fan-out exchange.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// Its name.
    pub name: &'static str,
    /// Who writes to it.
    pub writers: &'static [Service],
}

/// What one process declares on each connection. Declaring is idempotent; the writer of an exchange declares the queues
/// behind it, too, so that nothing is lost before their reader has started for the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declarations {
    /// Names of queues.
    pub queues: BTreeSet<String>,
    /// Names of fan-out exchanges.
    pub exchanges: BTreeSet<String>,
    /// Exchange and queue.
    pub bindings: BTreeSet<(String, String)>,
}

impl Service {
    /// Every one.
    pub const ALL: [Self; 3] = [Gateway, Billing, Inventory];

    /// What the variables of its user at the broker begin with.
    #[must_use]
    pub fn variables(self) -> &'static str {
        match self {
            Gateway => "GATEWAY_AMQP",
            Billing => "BILLING_AMQP",
            Inventory => "INVENTORY_AMQP",
        }
    }

    /// The name of its program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Gateway => "api-gateway",
            Billing => "billing-app",
            Inventory => "inventory-app",
        }
    }

    /// The queues that it consumes.
    pub fn reads(self) -> impl Iterator<Item = &'static Queue> {
        QUEUES.iter().filter(move |queue| queue.reader == self)
    }

    /// The queues that it writes to directly.
    pub fn writes(self) -> impl Iterator<Item = &'static Queue> {
        QUEUES
            .iter()
            .filter(move |queue| queue.writers.contains(&self))
    }

    /// The exchanges that it writes to.
    pub fn spreads(self) -> impl Iterator<Item = &'static Exchange> {
        EXCHANGES
            .iter()
            .filter(move |exchange| exchange.writers.contains(&self))
    }

    /// What it declares.
    #[must_use]
    pub fn declarations(self) -> Declarations {
        let mut declarations = Declarations::default();
        for queue in self.reads() {
            declarations.queues.insert(dead_letter_queue(queue.name));
            declarations.queues.insert(queue.name.to_owned());
        }
        for queue in self.writes() {
            declarations.queues.insert(queue.name.to_owned());
        }
        for exchange in self.spreads() {
            declarations.exchanges.insert(exchange.name.to_owned());
            for queue in QUEUES
                .iter()
                .filter(|queue| queue.fed_by == Some(exchange.name))
            {
                declarations.queues.insert(queue.name.to_owned());
                let binding = (exchange.name.to_owned(), queue.name.to_owned());
                declarations.bindings.insert(binding);
            }
        }
        declarations
    }
}

impl Declarations {
    /// These queues and nothing else.
    pub fn queues<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            queues: names.into_iter().map(ToOwned::to_owned).collect(),
            ..Self::default()
        }
    }
}

/// Where the messages of `queue` wait that could not be processed.
#[must_use]
pub fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}.dead")
}
