//! Records in storage.
//!
//! Keys are those of cw-storage-plus, so that others find a record by the rules they know. Values are postcard rather than
//! JSON, which is dearer to read and to write, and whose code for each record would make the contract larger than a chain
//! takes. Layouts are fixed by the order of fields: a field is only ever added by a migration, and a test beside each record
//! holds it to its bytes.

use std::marker::PhantomData;

use cosmwasm_std::{Order, StdError, StdResult, Storage};
use cw_storage_plus::{Bound, KeyDeserialize, Map, PrimaryKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One record under a name.
pub struct Record<T> {
    name: &'static str,
    record: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Record<T> {
    /// The record of this name.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            record: PhantomData,
        }
    }

    /// The record, which must be there.
    pub fn load(&self, storage: &dyn Storage) -> StdResult<T> {
        self.may_load(storage)?
            .ok_or_else(|| StdError::not_found(self.name))
    }

    /// The record; `None` where there is none.
    pub fn may_load(&self, storage: &dyn Storage) -> StdResult<Option<T>> {
        decode(self.name, storage.get(self.name.as_bytes()))
    }

    /// Writes the record.
    pub fn save(&self, storage: &mut dyn Storage, record: &T) -> StdResult<()> {
        storage.set(self.name.as_bytes(), &encode(self.name, record)?);
        Ok(())
    }

    /// Forgets the record.
    pub fn remove(&self, storage: &mut dyn Storage) {
        storage.remove(self.name.as_bytes());
    }
}

/// Records by key.
pub(crate) struct Records<K, T> {
    name: &'static str,
    keys: Map<K, ()>,
    record: PhantomData<T>,
}

impl<'a, K: PrimaryKey<'a> + KeyDeserialize, T: Serialize + DeserializeOwned> Records<K, T> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            keys: Map::new(name),
            record: PhantomData,
        }
    }

    /// The record of a key, which must be there.
    pub(crate) fn load(&self, storage: &dyn Storage, key: K) -> StdResult<T> {
        self.may_load(storage, key)?
            .ok_or_else(|| StdError::not_found(self.name))
    }

    /// The record of a key; `None` where there is none.
    pub(crate) fn may_load(&self, storage: &dyn Storage, key: K) -> StdResult<Option<T>> {
        decode(self.name, storage.get(&self.keys.key(key)))
    }

    /// Whether there is a record of a key.
    pub(crate) fn has(&self, storage: &dyn Storage, key: K) -> bool {
        self.keys.has(storage, key)
    }

    pub(crate) fn save(&self, storage: &mut dyn Storage, key: K, record: &T) -> StdResult<()> {
        storage.set(&self.keys.key(key), &encode(self.name, record)?);
        Ok(())
    }

    pub(crate) fn remove(&self, storage: &mut dyn Storage, key: K) {
        self.keys.remove(storage, key);
    }

    /// Up to `limit` keys in ascending order, after one of them.
    pub(crate) fn keys(
        &self,
        storage: &dyn Storage,
        after: Option<K>,
        limit: usize,
    ) -> StdResult<Vec<K::Output>>
    where
        K::Output: 'static,
    {
        self.keys
            .keys(storage, after.map(Bound::exclusive), None, Order::Ascending)
            .take(limit)
            .collect()
    }
}

/// How a large number is stored: as 32 bytes, where JSON has decimal digits.
pub(crate) mod big_endian {
    use cosmwasm_std::Uint256;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        number: &Uint256,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        number.to_be_bytes().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uint256, D::Error> {
        <[u8; 32]>::deserialize(deserializer).map(Uint256::from_be_bytes)
    }
}

fn encode<T: Serialize>(name: &str, record: &T) -> StdResult<Vec<u8>> {
    postcard::to_allocvec(record).map_err(|error| StdError::serialize_err(name, error))
}

fn decode<T: DeserializeOwned>(name: &str, bytes: Option<Vec<u8>>) -> StdResult<Option<T>> {
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    match postcard::take_from_bytes(&bytes) {
        Ok((record, [])) => Ok(Some(record)),
        Ok(_) => Err(StdError::parse_err(name, "bytes are left over")),
        Err(error) => Err(StdError::parse_err(name, error)),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use cosmwasm_std::testing::MockStorage;

    use super::*;

    const NAMES: Records<&[u8], (u64, String)> = Records::new("names");

    #[test]
    fn records_are_listed_in_the_order_of_their_keys_and_read_back() {
        let mut storage = MockStorage::new();
        for (key, number) in [([2], 20), ([1], 10), ([3], 30)] {
            NAMES
                .save(&mut storage, &key, &(number, number.to_string()))
                .unwrap();
        }
        assert_eq!(NAMES.keys(&storage, None, 2).unwrap(), [[1], [2]]);
        assert_eq!(NAMES.keys(&storage, Some(&[2]), 9).unwrap(), [[3]]);
        let record = NAMES.load(&storage, &[2]).unwrap();
        assert_eq!(record, (20, "20".to_owned()));
        NAMES.remove(&mut storage, &[2]);
        assert!(!NAMES.has(&storage, &[2]));
        assert_eq!(NAMES.may_load(&storage, &[2]).unwrap(), None);
    }

    #[test]
    fn a_record_with_too_few_or_too_many_bytes_is_an_error_that_names_it() {
        let mut storage = MockStorage::new();
        let key = Map::<&[u8], ()>::new("names").key(&[1]).to_vec();
        let whole = postcard::to_allocvec(&(7_u64, "seven")).unwrap();
        for bytes in [
            &whole[..whole.len() - 1],
            &[whole.as_slice(), &[0]].concat(),
        ] {
            storage.set(&key, bytes);
            let error = NAMES.load(&storage, &[1]).unwrap_err();
            assert!(error.to_string().contains("names"), "{error}");
        }
    }
}
