//! How often one client may call a route.
//!
//! A client is the address of its connection; no header changes it. For IPv6 it is the network of 64 bits, which one
//! client has as a whole. The memory is fixed when the gateway starts: clients share 65,536 places by a hash that is
//! drawn at the start, so that many addresses push no other out, and rarely two of them share one.
//!
//! The cost: a client with very many networks can spend the places of other clients, which get a 429 for as long as it goes
//! on. A /48 of IPv6 has 65,536 networks, which is nearly two thirds of the places of a limit, and a shorter prefix has
//! all. It needs the whole burst of each place first, and then as many requests a second as these places get back.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
};

use axum::{extract::ConnectInfo, http::Extensions};
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use platform::problem::Problem;

/// Places of one limit, 8 bytes each.
const PLACES: usize = 65_536;

/// What is limited together: the routes of one kind share what a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Makes users.
    Register,
    /// Tries passwords.
    Login,
    /// Says whether there is a user.
    Names,
    /// Checks tokens.
    Tokens,
    /// Ends sessions.
    Logout,
    /// Sends a token that the gateway does not remember, on any route.
    Questions,
}

/// So many requests at once, and so many a second from then on.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// At once.
    pub burst: NonZeroU32,
    /// A second.
    pub per_second: NonZeroU32,
}

/// What one client may do. These are constants of the gateway, not settings.
///
/// A person behind a shared address must not notice them; a program that guesses must. Passwords are guarded by the name
/// that is tried as well, in the billing.
#[derive(Debug, Clone, Copy)]
pub struct Allowances {
    /// [`Rate::Register`].
    pub register: Allowance,
    /// [`Rate::Login`].
    pub login: Allowance,
    /// [`Rate::Names`].
    pub names: Allowance,
    /// [`Rate::Tokens`].
    pub tokens: Allowance,
    /// [`Rate::Logout`].
    pub logout: Allowance,
    /// [`Rate::Questions`].
    pub questions: Allowance,
}

impl Allowance {
    /// `burst` at once, `per_second` a second; nothing is at least one.
    #[must_use]
    pub const fn new(burst: u32, per_second: u32) -> Self {
        const fn at_least_one(number: u32) -> NonZeroU32 {
            match NonZeroU32::new(number) {
                Some(number) => number,
                None => NonZeroU32::MIN,
            }
        }
        Self {
            burst: at_least_one(burst),
            per_second: at_least_one(per_second),
        }
    }

    /// The same for everything.
    #[must_use]
    pub const fn for_all(self) -> Allowances {
        Allowances {
            register: self,
            login: self,
            names: self,
            tokens: self,
            logout: self,
            questions: self,
        }
    }
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            register: Allowance::new(100, 1),
            login: Allowance::new(100, 5),
            names: Allowance::new(100, 5),
            tokens: Allowance::new(200, 20),
            logout: Allowance::new(200, 20),
            questions: Allowance::new(500, 100),
        }
    }
}

/// The client has called too often; it may try again after so many seconds.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("one client called too often; it may try again in {0} s")]
pub struct TooMany(u64);

impl From<TooMany> for Problem {
    fn from(TooMany(seconds): TooMany) -> Self {
        Self::too_many("too many requests of this kind from one client", seconds)
    }
}

/// What clients have done lately.
pub struct Rates {
    register: Limiter,
    login: Limiter,
    names: Limiter,
    tokens: Limiter,
    logout: Limiter,
    questions: Limiter,
}

impl Rates {
    /// Nothing has been done yet.
    #[must_use]
    pub fn new(allowances: &Allowances) -> Self {
        Self {
            register: limiter(allowances.register),
            login: limiter(allowances.login),
            names: limiter(allowances.names),
            tokens: limiter(allowances.tokens),
            logout: limiter(allowances.logout),
            questions: limiter(allowances.questions),
        }
    }

    /// Counts a request with these extensions, which name its client.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn admit(&self, rate: Rate, extensions: &Extensions) -> Result<(), TooMany> {
        let limiter = match rate {
            Rate::Register => &self.register,
            Rate::Login => &self.login,
            Rate::Names => &self.names,
            Rate::Tokens => &self.tokens,
            Rate::Logout => &self.logout,
            Rate::Questions => &self.questions,
        };
        let checked = limiter.check_key(&client(extensions));
        checked.map_err(|not_until| too_many(&not_until, limiter.clock()))
    }
}

type Limiter = RateLimiter<IpAddr, Places, DefaultClock>;

fn limiter(allowance: Allowance) -> Limiter {
    let quota = Quota::per_second(allowance.per_second).allow_burst(allowance.burst);
    RateLimiter::new(quota, Places::new(), DefaultClock::default())
}

fn too_many(
    not_until: &NotUntil<<DefaultClock as Clock>::Instant>,
    clock: &DefaultClock,
) -> TooMany {
    let wait = not_until.wait_time_from(clock.now());
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    TooMany(seconds.max(1))
}

/// The client of a request. One whose address is unknown shares a place with all such.
pub(crate) fn client(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|ConnectInfo(address)| address.ip().to_canonical());
    match address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()) {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// The states of all clients.
struct Places {
    places: Vec<InMemoryState>,
    hash: RandomState,
}

impl Places {
    fn new() -> Self {
        Self {
            places: (0..PLACES).map(|_| InMemoryState::default()).collect(),
            hash: RandomState::new(),
        }
    }

    fn place(&self, client: &IpAddr) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any bits of the hash choose a place"
        )]
        let hash = self.hash.hash_one(client) as usize;
        hash % PLACES
    }
}

impl StateStore for Places {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, client: &IpAddr, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.places[self.place(client)].measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn from(address: impl Into<IpAddr>) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(address.into(), 1)));
        extensions
    }

    /// How many of `count` requests are admitted.
    fn admitted(rates: &Rates, rate: Rate, address: &str, count: usize) -> usize {
        let client = from(address.parse::<IpAddr>().unwrap());
        let admitted = |_: &usize| rates.admit(rate, &client).is_ok();
        (0..count).filter(admitted).count()
    }

    #[test]
    fn each_client_has_its_burst_for_each_rate() {
        let rates = Rates::new(&Allowance::new(3, 1).for_all());
        for address in ["10.0.0.1", "10.0.0.2", "2001:db8::1"] {
            for rate in [
                Rate::Register,
                Rate::Login,
                Rate::Names,
                Rate::Tokens,
                Rate::Logout,
                Rate::Questions,
            ] {
                assert_eq!(admitted(&rates, rate, address, 9), 3, "{address} {rate:?}");
            }
        }
    }

    #[test]
    fn one_network_of_ipv6_is_one_client_and_ipv4_in_ipv6_is_ipv4() {
        let rates = Rates::new(&Allowance::new(2, 1).for_all());
        assert_eq!(admitted(&rates, Rate::Login, "2001:db8::1", 1), 1);
        assert_eq!(admitted(&rates, Rate::Login, "2001:db8::2:0:0:1", 9), 1);
        assert_eq!(admitted(&rates, Rate::Login, "2001:db8:0:1::1", 9), 2);
        assert_eq!(admitted(&rates, Rate::Login, "10.0.0.1", 1), 1);
        assert_eq!(admitted(&rates, Rate::Login, "::ffff:10.0.0.1", 9), 1);
    }

    #[test]
    fn what_is_too_much_is_a_429() {
        let rates = Rates::new(&Allowance::new(1, 1).for_all());
        let client = from([10, 0, 0, 1]);
        assert!(rates.admit(Rate::Login, &client).is_ok());
        let refused: Problem = rates.admit(Rate::Login, &client).unwrap_err().into();
        assert_eq!(refused.status().as_u16(), 429);
    }

    /// A hundred thousand addresses fit into the places; a client is neither forgotten nor let in by them.
    #[test]
    fn many_addresses_do_not_bring_a_client_its_burst_back() {
        let rates = Rates::new(&Allowance::new(2, 1).for_all());
        assert_eq!(admitted(&rates, Rate::Login, "10.0.0.1", 2), 2);
        for number in 0..100_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number);
            let _ = rates.admit(Rate::Login, &from(address));
        }
        assert_eq!(rates.login.into_state_store().places.len(), PLACES);
    }
}
