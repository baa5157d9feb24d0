//! How many requests are worked on at once, of one address and in all.
//!
//! A place is taken before anything of a request is read and kept until the work is done, whether or not somebody still
//! waits for the answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceLimits {
    /// Of one address.
    pub per_address: NonZeroUsize,
    /// Of all together.
    pub overall: NonZeroUsize,
}

/// The places of a service.
#[derive(Debug)]
pub struct Places {
    limits: PlaceLimits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    overall: usize,
    /// Addresses that have any.
    of_address: BTreeMap<IpAddr, usize>,
}

/// One request's place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

/// All places are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Those of the address.
    #[error("{0} requests of this address are being worked on, which is the most; ask again later")]
    Address(NonZeroUsize),
    /// All of them.
    #[error("{0} requests are being worked on, which is the most; ask again later")]
    Overall(NonZeroUsize),
}

impl NoPlace {
    /// The limit's name among the metrics' labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address(_) => "requests-of-address",
            Self::Overall(_) => "requests",
        }
    }
}

impl Places {
    /// Places none of which is taken.
    pub fn new(limits: PlaceLimits) -> Self {
        Self {
            limits,
            taken: Mutex::default(),
        }
    }

    /// Takes a place for a request of `address`.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, NoPlace> {
        let address = address.and_then(counted);
        let mut taken = self.lock();
        if taken.overall >= self.limits.overall.get() {
            return Err(NoPlace::Overall(self.limits.overall));
        }
        if let Some(address) = address {
            let of_address = taken.of_address.entry(address).or_default();
            if *of_address >= self.limits.per_address.get() {
                return Err(NoPlace::Address(self.limits.per_address));
            }
            *of_address += 1;
        }
        taken.overall += 1;
        Ok(Place {
            places: Arc::clone(self),
            address,
        })
    }

    /// Requests that are worked on.
    pub fn taken(&self) -> usize {
        self.lock().overall
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing in between can panic.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.overall = taken.overall.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(of_address) = taken.of_address.get_mut(&address)
        {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                taken.of_address.remove(&address);
            }
        }
    }
}

/// Whom an address stands for: nobody where it is this machine's own, a proxy's then, which has everybody behind it; and
/// a whole network of IPv6 (/64), which is what one customer gets.
fn counted(address: IpAddr) -> Option<IpAddr> {
    const HOST: u128 = (1 << 64) - 1;
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(address.into()),
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & !HOST).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(per_address: usize, overall: usize) -> Arc<Places> {
        Arc::new(Places::new(PlaceLimits {
            per_address: NonZeroUsize::new(per_address).unwrap(),
            overall: NonZeroUsize::new(overall).unwrap(),
        }))
    }

    fn take(places: &Arc<Places>, address: &str) -> Result<Place, NoPlace> {
        places.take(Some(address.parse().unwrap()))
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let places = places(2, 3);
        let first = take(&places, "10.0.0.1").unwrap();
        let _second = take(&places, "::ffff:10.0.0.1").unwrap();
        let refused = take(&places, "10.0.0.1").unwrap_err();
        assert_eq!(refused.name(), "requests-of-address");
        let _other = take(&places, "10.0.0.2").unwrap();
        let refused = take(&places, "10.0.0.3").unwrap_err();
        assert_eq!(refused.name(), "requests");
        drop(first);
        let _again = take(&places, "10.0.0.1").unwrap();
        assert_eq!(places.taken(), 3);
    }

    #[test]
    fn a_network_of_one_customer_is_one_address() {
        let places = places(1, 9);
        let _first = take(&places, "2001:db8::1").unwrap();
        assert!(take(&places, "2001:db8::ffff:1").is_err());
        assert!(take(&places, "2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn a_proxy_on_this_machine_brings_everybody() {
        let places = places(1, 3);
        let taken: Vec<_> = ["127.0.0.1", "127.0.0.1", "::1"]
            .map(|proxy| take(&places, proxy).unwrap())
            .into();
        assert!(take(&places, "::1").is_err());
        drop(taken);
        assert_eq!(places.taken(), 0);
        assert!(places.lock().of_address.is_empty());
    }
}
