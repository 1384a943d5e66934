//! Fields of an imported record that this program has no fields for, and how a line holds them.
//!
//! They stand in one member of the line, `foreign`, which says whose they are: `{"foreign": {"agent": {…}}}`. So no name
//! is reserved, and none that an import brings along can be taken for a field of ours. Version 0.1.0 kept them beside
//! its own fields, those with a name of its own in an object `orchestrator`. So in a line without the member, every name
//! that 0.1.0 did not know is foreign; what was added since is only looked for beside the member, which is written with it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Extra, Json};

/// The member of a line that holds foreign fields.
pub(crate) const FOREIGN: &str = "foreign";

/// Where 0.1.0 put fields that bear a name of its own.
const ORCHESTRATOR: &str = "orchestrator";

/// Foreign fields in their order, each name once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Foreign(Vec<(String, Json)>);

impl Foreign {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Adds a field; one of its name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: Json) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Keeps the fields of which this is so.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&str, &Json) -> bool) {
        self.0.retain(|(name, value)| is_kept(name, value));
    }

    /// Adds what 0.1.0 kept beside its own fields.
    fn take_in(&mut self, extra: Extra) {
        for (name, value) in extra {
            match value {
                // It is never a field's own name: 0.1.0 put that into the object as well.
                Value::Object(fields) if name == ORCHESTRATOR => {
                    for (name, value) in fields {
                        self.insert_value(name, &value);
                    }
                }
                value => self.insert_value(name, &value),
            }
        }
    }

    pub(crate) fn insert_value(&mut self, name: String, value: &Value) {
        // A value that was read can be written.
        if let Ok(json) = Json::of(value) {
            self.insert(name, json);
        }
    }
}

impl Extend<(String, Json)> for Foreign {
    fn extend<I: IntoIterator<Item = (String, Json)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.insert(name, value);
        }
    }
}

impl IntoIterator for Foreign {
    type Item = (String, Json);
    type IntoIter = std::vec::IntoIter<(String, Json)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Foreign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Foreign {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Foreign;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Foreign, A::Error> {
                // A list and not a tree: their order is kept. What repeats is found at the end, so that a record of many
                // fields costs no more than its length.
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Foreign(last_of_each(fields)))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Of fields with one name the last one, as parsers of JSON commonly have it.
fn last_of_each(mut fields: Vec<(String, Json)>) -> Vec<(String, Json)> {
    let mut seen = std::collections::HashSet::with_capacity(fields.len());
    let mut is_last: Vec<bool> = fields
        .iter()
        .rev()
        .map(|(name, _)| seen.insert(name.as_str()))
        .collect();
    fields.retain(|_| is_last.pop().unwrap_or(true));
    fields
}

/// A record whose own fields are read and written by derived code, and what is foreign to it apart from them.
pub(crate) trait Plain: Sized {
    /// Members that 0.1.0 did not know or took for what they may not be.
    const SET_ASIDE: &'static [&'static str];

    /// The derived reading.
    fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Reads a record without the members that it sets aside, and those.
pub(crate) fn sift<'de, T: Plain, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(T, Foreign), D::Error> {
    struct Record<T>(PhantomData<T>);
    impl<'de, T: Plain> Visitor<'de> for Record<T> {
        type Value = (T, Foreign);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            let mut aside = Foreign::new();
            let sieve = Sieve {
                map,
                names: T::SET_ASIDE,
                aside: &mut aside,
            };
            let record = T::plain(MapAccessDeserializer::new(sieve))?;
            Ok((record, aside))
        }
    }
    deserializer.deserialize_map(Record(PhantomData))
}

/// A map without some of its members.
struct Sieve<'a, A> {
    map: A,
    names: &'static [&'static str],
    aside: &'a mut Foreign,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Sieve<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(Name(name)) = self.map.next_key()? {
            if !self.names.contains(&&*name) {
                return seed.deserialize(CowStrDeserializer::new(name)).map(Some);
            }
            let value = self.map.next_value()?;
            self.aside.insert(name, value);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A name in a line, where it stands if it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The member of this form, if it is there. Another form is not ours: an import by 0.1.0 brought a field of that name.
pub(crate) fn member<T: DeserializeOwned>(aside: &mut Foreign) -> Option<T> {
    let member = aside.get(FOREIGN)?.read().ok()?;
    aside.remove(FOREIGN);
    Some(member)
}

/// The foreign fields of a line of 0.1.0. `own` are names that the line around the record has, and that it did not use.
pub(crate) fn of_version_1(extra: &mut Extra, own: &[&str], aside: Foreign) -> Foreign {
    let mut foreign = Foreign::new();
    let fields = std::mem::take(extra);
    let (lines, fields) = fields
        .into_iter()
        .partition(|(name, _)| own.contains(&name.as_str()));
    *extra = lines;
    foreign.take_in(fields);
    foreign.extend(aside);
    foreign
}
