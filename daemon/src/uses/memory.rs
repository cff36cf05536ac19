//! What is remembered of bands that are gone: on disk, sealed.

use super::state::Kept;
use crate::store::{Store, StoreError, meta};

const NAME: &str = "uses-absences";

/// Remembers.
#[derive(Clone, Debug)]
pub(super) struct Memory(Store);

impl Memory {
    pub(super) const fn new(store: Store) -> Self {
        Self(store)
    }

    /// What was kept. What can't be read counts as nothing: counting begins anew.
    pub(super) async fn load(&self) -> Kept {
        let sealed = self.0.call(|connection| meta::get(connection, NAME)).await;
        let text = sealed.and_then(|sealed| match sealed {
            Some(sealed) => self.0.sealer().open(NAME, &sealed).map(Some),
            None => Ok(None),
        });
        match text {
            Ok(Some(text)) => serde_json::from_slice(text.expose()).unwrap_or_default(),
            Ok(None) => Kept::default(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what was kept of absent accessories"
                );
                Kept::default()
            }
        }
    }

    /// Keeps it.
    pub(super) async fn keep(&self, kept: &Kept) -> Result<(), StoreError> {
        // Text keys and numbers that JSON has; an empty text reads back as nothing.
        let text = serde_json::to_vec(kept).unwrap_or_default();
        let sealed = self.0.sealer().seal(NAME, &text);
        self.0
            .call(move |connection| meta::set(connection, NAME, &sealed))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SealingKey;

    #[tokio::test]
    async fn what_is_kept_is_read_back_and_at_first_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), SealingKey::new(None)).await.unwrap();
        let memory = Memory::new(store);
        assert_eq!(memory.load().await, Kept::default());
        let text = r#"{"near":["01010101010101010101010101010101"],"gone":{"02020202020202020202020202020202":
            {"counted_ms":90000,"silenced":true,"told":false}}}"#;
        let kept: Kept = serde_json::from_str(text).unwrap();
        memory.keep(&kept).await.unwrap();
        assert_eq!(memory.load().await, kept);
    }
}
