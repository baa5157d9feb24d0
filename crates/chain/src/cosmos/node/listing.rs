//! Listings that a node gives page by page. They end, whatever the node says: one process serves several chains, and a listing
//! without end would fill its memory.

use proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};

use crate::{ChainError, PageKey};

/// Items of the longest listing that is read; all delegations that Babylon ever had are a few hundred thousand.
const MOST: usize = 1_000_000;

impl PageKey {
    /// Asks for the page that begins here.
    pub(crate) fn request(&self, limit: u64) -> PageRequest {
        PageRequest {
            key: self.start.clone(),
            limit,
            ..PageRequest::default()
        }
    }

    /// Where the page after this one begins, which had so many items; `None` where it was the last.
    ///
    /// # Errors
    ///
    /// Refuses to go on with a listing that no chain can have.
    pub(crate) fn turn(
        &self,
        query: &'static str,
        items: usize,
        pagination: Option<PageResponse>,
    ) -> Result<Option<Self>, ChainError> {
        let Some(page) = pagination.filter(|page| !page.next_key.is_empty()) else {
            return Ok(None);
        };
        // A page without items that says that more follow must not go on for ever either.
        let read = self.read.saturating_add(items.max(1));
        if read > MOST {
            return Err(ChainError::InvalidAnswer {
                query,
                reason: format!("more than {MOST} items, which is more than a chain can have"),
            });
        }
        Ok(Some(Self {
            start: page.next_key,
            read,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn following(key: &[u8]) -> PageResponse {
        PageResponse {
            next_key: key.to_vec(),
            ..PageResponse::default()
        }
    }

    #[test]
    fn a_listing_ends_where_the_node_says_so() {
        let first = PageKey::default();
        assert_eq!(first.request(500).key, Vec::<u8>::new());
        let second = first
            .turn("Things", 500, Some(following(&[7])))
            .unwrap()
            .unwrap();
        assert_eq!(second.request(500).key, [7]);
        assert_eq!(
            second.turn("Things", 3, Some(following(&[]))).unwrap(),
            None
        );
        assert_eq!(second.turn("Things", 3, None).unwrap(), None);
    }

    #[test]
    fn a_listing_without_end_is_left() {
        for items in [0, 1, 500, usize::MAX] {
            let mut page = PageKey::default();
            let left =
                (0..=MOST).find_map(
                    |_| match page.turn("Things", items, Some(following(&[7]))) {
                        Ok(next) => {
                            page = next.unwrap();
                            None
                        }
                        Err(error) => Some(error.to_string()),
                    },
                );
            let error = left.unwrap();
            assert!(error.contains("Things: more than 1000000 items"), "{error}");
        }
    }
}
