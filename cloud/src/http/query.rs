//! What stands behind the `?`: whole numbers with names.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::Problem;

/// The query of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, u64)>);

impl FromRequestParts<App> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    /// Reads `name=number&…`.
    ///
    /// # Errors
    /// `malformed` for anything else, and for a name that comes twice.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut found: Vec<(String, u64)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let number = pair
                .split_once('=')
                .filter(|(_, value)| value.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|(name, value)| Some((name, value.parse().ok()?)));
            match number {
                Some((name, value)) if found.iter().all(|(other, _)| other != name) => {
                    found.push((name.to_owned(), value));
                }
                _ => return Err(Problem::malformed("the query has whole numbers, each name once")),
            }
        }
        Ok(Self(found))
    }

    /// The same, when it has no other names than these.
    ///
    /// # Errors
    /// `malformed`.
    pub fn only(self, names: &[&str]) -> Result<Self, Problem> {
        match self.0.iter().all(|(name, _)| names.contains(&name.as_str())) {
            true => Ok(self),
            false => Err(Problem::malformed(
                "the query has a name that this call doesn't know",
            )),
        }
    }

    /// The number of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_anything_else_is_malformed() {
        let query = Query::parse("after=7&wait=55").unwrap();
        assert_eq!(
            (query.get("after"), query.get("wait"), query.get("x")),
            (Some(7), Some(55), None)
        );
        assert!(query.clone().only(&["after", "wait", "x"]).is_ok());
        assert!(query.only(&["after"]).is_err());
        assert_eq!(Query::parse("").unwrap(), Query::default());
        for bad in [
            "after",
            "after=",
            "after=-1",
            "after=+1",
            "after=1&after=2",
            "after=18446744073709551616",
            "a=%31",
        ] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }
}
