//! Storage that can be put back and that counts gas as the Cosmos SDK does.

use std::cell::Cell;
use std::collections::BTreeMap;

use cosmwasm_std::{Order, Record, Storage};

#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    gas: Cell<u64>,
}

impl Store {
    /// SDK gas of everything read and written since the beginning.
    pub(crate) fn gas(&self) -> u64 {
        self.gas.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.entries
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    fn pay(&self, flat: usize, each: usize, bytes: usize) {
        self.gas.set(self.gas.get() + (flat + each * bytes) as u64);
    }
}

impl Storage for Store {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let value = self.entries.get(key).cloned();
        self.pay(1000, 3, key.len() + value.as_ref().map_or(0, Vec::len));
        value
    }

    fn range<'a>(
        &'a self,
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Record> + 'a> {
        let start = start.unwrap_or_default().to_vec();
        let end = end.map(<[u8]>::to_vec);
        if end.as_ref().is_some_and(|end| *end <= start) {
            return Box::new(std::iter::empty());
        }
        let entries = self
            .entries
            .range(start..)
            .take_while(move |(key, _)| end.as_ref().is_none_or(|end| *key < end))
            .map(|(key, value)| (key.clone(), value.clone()));
        let entries: Box<dyn Iterator<Item = Record>> = match order {
            Order::Ascending => Box::new(entries),
            Order::Descending => Box::new(entries.collect::<Vec<_>>().into_iter().rev()),
        };
        Box::new(entries.inspect(|(key, value)| self.pay(1030, 3, key.len() + value.len())))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.pay(2000, 30, key.len() + value.len());
        self.entries.insert(key.to_vec(), value.to_vec());
    }

    fn remove(&mut self, key: &[u8]) {
        self.pay(1000, 0, 0);
        self.entries.remove(key);
    }
}

/// A key of storage as cw-storage-plus makes it.
pub(crate) fn storage_key(namespace: &str, prefix: &[u8], rest: &[u8]) -> Vec<u8> {
    let part = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap();
        [&length.to_be_bytes(), bytes].concat()
    };
    let namespace = part(namespace.as_bytes());
    if prefix.is_empty() {
        [&namespace, rest].concat()
    } else {
        [&namespace, &part(prefix), rest].concat()
    }
}
