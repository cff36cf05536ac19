//! Watching a property through `PropertiesChanged`.

use futures_util::StreamExt;
use zbus::OwnedVariant;
use zbus::fdo::{PropertiesChangedStream, PropertiesProxy};

use super::{App, Object};
use crate::until::within;
use crate::{Outcome, Surprise};

/// The changes of an interface's properties since this was made.
#[derive(Debug)]
pub struct Watch {
    changes: PropertiesChangedStream,
    object: Object,
}

impl App {
    /// Watches the properties of an object from now on.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn watch(&self, object: Object) -> Outcome<Watch> {
        let builder = PropertiesProxy::builder(self.bus())
            .destination(object.service)
            .path(object.path);
        let proxy = builder.build().await?;
        Ok(Watch {
            changes: proxy.receive_properties_changed().await?,
            object,
        })
    }

    /// Waits until the property `name`, a text, reads `wanted`, whichever signal says so.
    ///
    /// # Errors
    /// Where it doesn't come to that.
    pub async fn reads(&self, object: Object, name: &str, wanted: &str) -> Outcome {
        let is_it = |value: &OwnedVariant| <&str>::try_from(&**value).is_ok_and(|text| text == wanted);
        self.comes_to(object, name, &format!("{wanted:?}"), is_it).await
    }

    /// Waits until the property `name` reads a value that `fits`, whichever signal says so; `what` is said of it.
    ///
    /// # Errors
    /// Where it doesn't come to that.
    pub async fn comes_to(
        &self,
        object: Object,
        name: &str,
        what: &str,
        fits: impl Fn(&OwnedVariant) -> bool,
    ) -> Outcome {
        let mut watch = self.watch(object).await?;
        within(&format!("{}.{name} to read {what}", object.interface), async {
            loop {
                let value = self.read(object, name).await?;
                if value.is_ok_and(|value| fits(&value)) {
                    return Ok(());
                }
                watch.changed().await?;
            }
        })
        .await?
    }
}

impl Watch {
    /// Waits until a signal brings the property `name` with the value `wanted`.
    ///
    /// # Errors
    /// Where no such signal comes.
    pub async fn becomes(&mut self, name: &str, wanted: &str) -> Outcome {
        let what = format!("{}.{name} to become {wanted:?}", self.object.interface);
        self.until(&what, name, |value| {
            <&str>::try_from(&**value).is_ok_and(|v| v == wanted)
        })
        .await
    }

    /// Waits until a signal says that some property is another, or can't be read any more.
    ///
    /// # Errors
    /// Where the bus goes away.
    pub async fn changed(&mut self) -> Outcome {
        let change = self.changes.next().await;
        change.map(drop).ok_or_else(|| Surprise::new("the bus went away"))
    }

    /// Waits until a signal brings the property `name` with a value that `fits`.
    ///
    /// # Errors
    /// Where no such signal comes.
    pub async fn until(&mut self, what: &str, name: &str, fits: impl Fn(&OwnedVariant) -> bool) -> Outcome {
        within(what, async {
            while let Some(signal) = self.changes.next().await {
                let args = signal.args()?;
                if *args.interface_name() != self.object.interface {
                    continue;
                }
                if let Some(value) = args.changed_properties().get(name)
                    && fits(&OwnedVariant::try_from(value.try_clone()?)?)
                {
                    return Ok(());
                }
            }
            Err(Surprise::new("the bus went away"))
        })
        .await?
    }
}
