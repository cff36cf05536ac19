//! A vdir, as khard, khal, todoman and vdirsyncer use it: a file a contact or event in the root or in its folders, the
//! collections. A file's name says nothing and is kept.
//!
//! KPeople's folder on Plasma Mobile is one too: its own contacts lie in `own`, and what KDE Connect brings from other
//! devices, in `kdeconnect-*`, is theirs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use belay_proto::clock::Clock;

use super::card::{Said, of_calendar, of_vcard};
use super::folder::copy;
use super::walk::Walker;
use crate::inotify::Inotify;
use crate::left_out::Why;
use crate::model::{Attributes, Binding, FOLDER, Local, Mark, Root, Scan, folder_of};
use crate::names;
use crate::ports::{Arrival, Source, SourceError, Watch};
use crate::state::Stop;
use crate::tree::Tree;

/// The longest file that is read or written, bytes: it is held in memory, and no contact with its photograph is longer.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What a vdir holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cards {
    /// Contacts; a contact's natural key is its UID.
    Contacts,
    /// KPeople's contacts.
    KPeople,
    /// Calendars; an event's natural key is its calendar, a slash, its UID: calendars share events.
    Calendars,
}

/// A vdir.
pub struct Vdir {
    tree: Tree,
    inotify: Inotify,
    cards: Cards,
    clock: Arc<dyn Clock>,
    /// What unchanged files were found to be.
    read: Mutex<BTreeMap<String, (Mark, Option<String>)>>,
}

impl std::fmt::Debug for Vdir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vdir")
            .field("root", &self.tree.path())
            .finish_non_exhaustive()
    }
}

impl Cards {
    const fn ending(self) -> &'static str {
        match self {
            Self::Contacts | Self::KPeople => "vcf",
            Self::Calendars => "ics",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Contacts | Self::KPeople => "text/vcard",
            Self::Calendars => "text/calendar",
        }
    }

    fn takes(self, place: &str) -> bool {
        names::is_mirrored_path(place)
            && names::ending(place) == self.ending()
            && place.matches('/').count() <= 1
            && !(self == Self::KPeople && place.starts_with("kdeconnect-"))
    }
}

impl Vdir {
    /// The vdir at `root`.
    #[must_use]
    pub fn new(root: PathBuf, cards: Cards, clock: Arc<dyn Clock>) -> Self {
        Self {
            tree: Tree::new(root),
            inotify: Inotify::new(),
            cards,
            clock,
            read: Mutex::default(),
        }
    }

    /// What a file is by nature; nothing where it isn't one contact or event.
    fn natural(&self, tree: &Tree, place: &str) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let (file, _) = tree.open(place)?;
        file.take(LONGEST).read_to_end(&mut bytes)?;
        let said = match self.cards {
            Cards::Contacts | Cards::KPeople => of_vcard(&bytes),
            Cards::Calendars => of_calendar(&bytes),
        };
        let name = match said {
            Said::Uid(uid) => uid,
            Said::Nameless => {
                let name = place.rsplit('/').next().unwrap_or_default();
                name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
            }
            Said::Unusable => {
                tracing::warn!("a file isn't one contact or event, and is left alone");
                return Ok(None);
            }
        };
        Ok(Some(match (self.cards, folder_of(place)) {
            (Cards::Contacts | Cards::KPeople, _) | (Cards::Calendars, "") => name,
            (Cards::Calendars, calendar) => format!("{calendar}/{name}"),
        }))
    }

    fn local(&self, place: String, mark: Mark) -> Local {
        let mut attributes = Attributes::new();
        // KPeople's folders say who made an entry, and mean nothing elsewhere.
        if self.cards != Cards::KPeople && !folder_of(&place).is_empty() {
            attributes.insert(FOLDER.to_owned(), folder_of(&place).to_owned());
        }
        Local {
            kind: self.cards.kind().to_owned(),
            attributes,
            place,
            mark,
        }
    }

    /// Where a record goes that isn't here yet.
    fn new_place(&self, natural: &str, attributes: &Attributes) -> String {
        let uid = match (self.cards, attributes.get(FOLDER)) {
            (Cards::Calendars, Some(folder)) => natural
                .strip_prefix(folder.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .unwrap_or(natural),
            _ => natural,
        };
        let name = names::harmless(uid, self.cards.ending());
        match self.folder(attributes) {
            Some(folder) => format!("{folder}/{name}"),
            None => name,
        }
    }

    fn folder(&self, attributes: &Attributes) -> Option<String> {
        match self.cards {
            Cards::KPeople => Some("own".to_owned()),
            Cards::Contacts | Cards::Calendars => {
                let folder = attributes.get(FOLDER)?;
                names::is_mirrored(folder).then(|| folder.clone())
            }
        }
    }
}

impl Source for Vdir {
    fn shows_siblings(&self) -> bool {
        false
    }

    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop> {
        let tree = self.tree.at_large();
        let walker = Walker {
            tree: &tree,
            inotify: &self.inotify,
            clock: &*self.clock,
            depth: 1,
            except: &[],
            takes: &|place| self.cards.takes(place),
            sweep: first,
        };
        let walked = walker.walk(make);
        self.tree.forget_seen();
        let mut walk = walked?;
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = BTreeMap::new();
        let mut items = Vec::new();
        for (place, mark) in walk
            .files
            .into_iter()
            .filter(|(place, _)| self.cards.takes(place))
        {
            let natural = match known.remove(&place) {
                Some((before, natural)) if before == mark => Ok(natural),
                _ => self.natural(&tree, &place),
            };
            if let Ok(natural) = &natural {
                read.insert(place.clone(), (mark, natural.clone()));
            }
            match natural {
                Ok(Some(natural)) => items.push((natural, self.local(place, mark))),
                // It may be half written: what it was isn't gone.
                Ok(None) => {
                    walk.left.add(&place, Why::NotOne);
                    walk.unseen.push(place);
                }
                Err(error) => {
                    // Gone meanwhile, it is the next scan's.
                    if error.kind() != io::ErrorKind::NotFound {
                        tracing::warn!(%error, "a file can't be read, what is known of it is left alone");
                        walk.left.add(&place, Why::Unreadable);
                    }
                    walk.unseen.push(place);
                }
            }
        }
        *known = read;
        Ok(Scan {
            root: walk.root,
            items,
            unseen: walk.unseen,
            is_watched: walk.unwatched.is_none(),
            left: walk.left,
        })
    }

    fn keep_to(&self, _binding: &Binding, root: &Root) {
        self.tree.keep_to(root);
    }

    fn open(&self, item: &Local) -> Result<File, SourceError> {
        self.tree.open_as(&item.place, item.mark)
    }

    fn is_still(&self, item: &Local) -> bool {
        self.tree.is_still(&item.place, item.mark)
    }

    fn is_gone(&self, natural: &str, place: &str) -> bool {
        // A file whose UID was changed is another item.
        let is_another = || matches!(self.natural(&self.tree, place), Ok(Some(now)) if now != natural);
        self.tree.is_free(place) || is_another()
    }

    fn write(&self, arrival: Arrival<'_>, over: Option<&Local>) -> Result<Local, SourceError> {
        let record = arrival.record;
        let content = arrival.content;
        if record.length > LONGEST {
            return Err(SourceError::Refused("no contact or event is as long"));
        }
        let wanted = self.new_place(arrival.natural, &record.attributes);
        let moves =
            |over: &&Local| self.cards != Cards::KPeople && folder_of(&over.place) != folder_of(&wanted);
        let moved = over.filter(moves);
        let place = match (over, moved) {
            (Some(over), None) => over.place.clone(),
            _ => wanted,
        };
        if moved.is_some_and(|before| !self.is_still(before)) {
            return Err(SourceError::Changed);
        }
        let expected = over.filter(|_| moved.is_none()).map(|over| over.mark);
        let mut bytes = Vec::new();
        content
            .take(record.length.saturating_add(1))
            .read_to_end(&mut bytes)?;
        let write = |place: &str| {
            self.tree.replace(place, expected, |file| {
                copy(&mut bytes.as_slice(), file, record.length)
            })
        };
        let (place, mark) = match write(&place) {
            // Another item has that name, perhaps in another case, or the file system has no letters for it.
            Err(error) if expected.is_none() && is_for_its_name(&error) => {
                let name = format!("{}.{}", names::digest(arrival.natural), self.cards.ending());
                let place = match folder_of(&place) {
                    "" => name,
                    folder => format!("{folder}/{name}"),
                };
                let mark = write(&place)?;
                (place, mark)
            }
            written => (place, written?),
        };
        if let Some(before) = moved {
            // Changed meanwhile, it stays, and is the next scan's.
            match self.tree.remove(&before.place, before.mark) {
                Ok(()) | Err(SourceError::Changed) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.local(place, mark))
    }

    fn remove(&self, item: &Local) -> Result<(), SourceError> {
        self.tree.remove(&item.place, item.mark)
    }

    fn sync(&self) -> io::Result<()> {
        self.tree.sync()
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        self.inotify.watch()
    }
}

/// Whether under another name it might be written.
fn is_for_its_name(error: &SourceError) -> bool {
    match error {
        SourceError::Changed | SourceError::Refused(_) => true,
        SourceError::Io(error) => error.kind() == io::ErrorKind::InvalidInput,
        SourceError::CutOff => false,
    }
}
