//! Walks a JSON document and hands out its leaves as texts under their paths,
//! without keeping the document. Knows no field of any report.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Longest path that is handed out; what is below a longer one is skipped, so
/// that a long name above many leaves costs nothing.
const MAX_PATH: usize = 512;

/// Reads any value; `put` gets each leaf with its path, names joined by dots.
/// The elements of an array have the path of the array.
pub(super) struct Leaves<'p> {
    path: String,
    put: &'p mut dyn FnMut(&str, &str),
}

impl<'p> Leaves<'p> {
    pub(super) fn of(put: &'p mut dyn FnMut(&str, &str)) -> Self {
        Self { path: String::new(), put }
    }
}

impl<'de> DeserializeSeed<'de> for Leaves<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaves<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        (self.put)(&self.path, value);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        (self.put)(&self.path, if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        (self.put)(&self.path, &value.to_string());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        (self.put)(&self.path, &value.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        (self.put)(&self.path, &value.to_string());
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if self.path.len() + name.len() >= MAX_PATH {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let path = match self.path.as_str() {
                "" => name.into_owned(),
                outer => format!("{outer}.{name}"),
            };
            map.next_value_seed(Leaves { path, put: self.put })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements
            .next_element_seed(Leaves { path: self.path.clone(), put: self.put })?
            .is_some()
        {}
        Ok(())
    }
}
