//! An instance's lists, read page by page.
//!
//! The node that is asked may lie, and one process serves several chains: a list without end would fill its memory and stop
//! them all. So a list ascends, no page is longer than was asked for, and the whole is no longer than a chain can have made it.
//! Who wants a part of a list keeps no more than that part.

use futures::stream::{self, Stream, TryStreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Mesh;
use crate::ChainError;

/// Items of one page: as many as the contract gives.
pub(super) const PAGE: usize = 100;

/// Something that an instance lists, ascending by its place.
pub(super) trait Listed: Sized + Send {
    /// Its place in the list.
    type Place: Ord + Copy + Serialize + Send;
    /// A page as the contract writes it.
    type Answer: DeserializeOwned;
    /// The question, and what it asks for.
    const LIST: &'static str;
    /// More than an instance can have.
    const MOST: usize;

    /// What is on a page.
    fn on(page: Self::Answer) -> Vec<Self>;

    /// Where it is.
    fn place(&self) -> Self::Place;
}

/// Where a list goes on, and how much of it is before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bookmark<Place> {
    /// The last place before; `None` at the beginning.
    pub(super) after: Option<Place>,
    /// Items that were read before.
    pub(super) read: usize,
}

impl<Place: Ord + Copy> Bookmark<Place> {
    /// Behind a place, wherever that is in the list.
    pub(super) fn after(after: Option<Place>) -> Self {
        Self { after, read: 0 }
    }

    /// Where the list goes on after a page that begins here; `None` where it ends.
    ///
    /// # Errors
    ///
    /// Refuses a page that cannot be one of an instance's.
    fn turn<T: Listed<Place = Place>>(
        self,
        page: &[T],
        limit: usize,
    ) -> Result<Option<Self>, ChainError> {
        let invalid = |reason| ChainError::InvalidAnswer {
            query: T::LIST,
            reason,
        };
        let (list, length) = (T::LIST, page.len());
        if length > limit {
            return Err(invalid(format!(
                "a page of {length} {list}, at most {limit} were asked for"
            )));
        }
        let places = self.after.into_iter().chain(page.iter().map(T::place));
        if !places.is_sorted_by(|one, next| one < next) {
            return Err(invalid(format!("the {list} are not ascending")));
        }
        let read = self.read.saturating_add(length);
        if read > T::MOST {
            let most = T::MOST;
            return Err(invalid(format!(
                "more than {most} {list}, which is more than an instance can have"
            )));
        }
        let last = page.last().filter(|_| length == limit).map(T::place);
        Ok(last.map(|last| Self {
            after: Some(last),
            read,
        }))
    }
}

impl Mesh {
    /// One page of a list, and where the list goes on; `None` where it ends.
    pub(super) async fn page_of<T: Listed>(
        &self,
        bookmark: Bookmark<T::Place>,
        limit: usize,
    ) -> Result<(Vec<T>, Option<Bookmark<T::Place>>), ChainError> {
        let page = self.page_after(bookmark.after, limit).await?;
        let next = bookmark.turn(&page, limit)?;
        Ok((page, next))
    }

    /// A whole list, one page of which is in memory.
    pub(super) fn list<T: Listed>(&self) -> impl Stream<Item = Result<T, ChainError>> + Send {
        items(move |after| self.page_after(after, PAGE))
    }

    async fn page_after<T: Listed>(
        &self,
        after: Option<T::Place>,
        limit: usize,
    ) -> Result<Vec<T>, ChainError> {
        let question = json!({ (T::LIST): { "start_after": after, "limit": limit } });
        self.ask(question).await.map(T::on)
    }
}

/// The items of a list, of which `page_after` brings the pages.
fn items<T, Page>(
    page_after: impl Fn(Option<T::Place>) -> Page,
) -> impl Stream<Item = Result<T, ChainError>>
where
    T: Listed,
    Page: Future<Output = Result<Vec<T>, ChainError>>,
{
    let first = Some(Bookmark::<T::Place>::after(None));
    let pages = stream::try_unfold(first, move |bookmark| {
        let asked = bookmark.map(|bookmark| (bookmark, page_after(bookmark.after)));
        async move {
            let Some((bookmark, page)) = asked else {
                return Ok::<_, ChainError>(None);
            };
            let page = page.await?;
            let next = bookmark.turn(&page, PAGE)?;
            let page = page.into_iter().map(Ok::<_, ChainError>);
            Ok(Some((stream::iter(page), next)))
        }
    });
    pages.try_flatten()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Ready, ready};

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Item(usize);

    impl Listed for Item {
        type Place = usize;
        type Answer = Vec<usize>;
        const LIST: &'static str = "items";
        const MOST: usize = 1_000;

        fn on(page: Vec<usize>) -> Vec<Self> {
            page.into_iter().map(Item).collect()
        }

        fn place(&self) -> usize {
            self.0
        }
    }

    type Answer = Ready<Result<Vec<Item>, ChainError>>;

    fn answer(items: impl IntoIterator<Item = usize>) -> Answer {
        ready(Ok(items.into_iter().map(Item).collect()))
    }

    /// What a node of so many items answers.
    fn honest(total: usize) -> impl Fn(Option<usize>) -> Answer {
        move |after| {
            let from = after.map_or(0, |after| after + 1);
            answer(from..total.min(from + PAGE))
        }
    }

    async fn read(node: impl Fn(Option<usize>) -> Answer) -> Result<Vec<Item>, String> {
        let read: Result<Vec<Item>, ChainError> = items(node).try_collect().await;
        read.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_whatever_its_length() {
        for total in [0, 1, 99, 100, 101, 999, 1_000] {
            let expected: Vec<_> = (0..total).map(Item).collect();
            assert_eq!(read(honest(total)).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_list_without_end_is_left_where_no_chain_could_have_made_it() {
        let asked = Cell::new(0);
        let endless = |after| {
            asked.set(asked.get() + 1);
            honest(usize::MAX)(after)
        };
        let error = read(endless).await.unwrap_err();
        assert!(error.contains("more than 1000 items"), "{error}");
        // The page that goes beyond is the last that is asked for.
        assert_eq!(asked.get(), 11);
    }

    #[tokio::test]
    async fn a_page_that_no_instance_gives_is_refused() {
        for (node, named) in [
            // The first page again and again.
            (
                read(|_| answer(0..100)).await,
                "the items are not ascending",
            ),
            (
                read(|_| answer([2, 1])).await,
                "the items are not ascending",
            ),
            (
                read(|_| answer([1, 1])).await,
                "the items are not ascending",
            ),
            (
                read(|_| answer(0..101)).await,
                "a page of 101 items, at most 100 were asked for",
            ),
        ] {
            let error = node.unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_list_that_is_read_over_several_calls_ends_as_well() {
        let page: Vec<_> = (901..1_001).map(Item).collect();
        let bookmark = |read| Bookmark {
            after: Some(900),
            read,
        };
        let next = bookmark(900).turn(&page, PAGE).unwrap();
        assert_eq!(
            next,
            Some(Bookmark {
                after: Some(1_000),
                read: 1_000
            })
        );
        let error = bookmark(901).turn(&page, PAGE).unwrap_err();
        assert!(error.to_string().contains("more than 1000"), "{error}");
    }
}
