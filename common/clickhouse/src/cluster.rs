//! The cluster variant: rows lie on shards, each file on one; everything else lies on the front, which sees the rows of all.
//!
//! **Invariant:** what comes of a file goes to one shard, and is looked up there alone. Which one follows from the file's id and the
//! number of shards, so that number changes only while nothing is on its way; and each shard knows its place, by which an INSERT
//! that means another is refused.

use crate::client::Database;
use crate::error::Error;
use clickhouse::Client;
use logmill_core::FileId;
use serde::Deserialize;
use std::slice::from_ref;

/// The shards of a front.
pub(crate) struct Cluster {
    /// As the front's server knows it.
    pub name: String,
    pub replicated: bool,
    pub shards: Vec<Database>,
}

impl Cluster {
    /// Queries on the front as they have to be: a set that is made of the front's own tables is sent to the shards, which do not
    /// have them; and without one of the shards there is no answer, for it would be a wrong one.
    pub(crate) fn asks(client: Client) -> Client {
        [("prefer_global_in_and_join", "1"), ("distributed_product_mode", "global"), ("skip_unavailable_shards", "0")]
            .into_iter()
            .fold(client, |client, (name, value)| client.with_setting(name, value))
    }
}

/// Which shard a database is, and of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// From 0.
    pub number: usize,
    pub shards: usize,
}

impl Place {
    /// The shard of a file: the low 64 bits of its id, which is a hash, modulo the number of shards.
    #[must_use]
    pub fn of(file: FileId, shards: usize) -> Self {
        Self { number: (file.0 as u64 % shards as u64) as usize, shards }
    }
}

impl Database {
    /// The databases that hold rows: the shards in their order, or this one where there are none.
    #[must_use]
    pub fn holders(&self) -> &[Database] {
        self.cluster.as_ref().map_or(from_ref(self), |cluster| &cluster.shards)
    }

    /// The shards in their order; none where the rows lie here.
    #[must_use]
    pub fn shards(&self) -> &[Database] {
        self.cluster.as_ref().map_or(&[], |cluster| &cluster.shards)
    }

    /// How a query through the view `logs` compares with a set that is made of a query: over shards it is made once, here. In a query
    /// on `rows` the settings of [`Cluster::asks`] do that; behind a view they do not.
    #[must_use]
    pub fn set(&self) -> &'static str {
        if self.cluster.is_some() { "GLOBAL IN" } else { "IN" }
    }

    /// Every database of the table: shards, then this one.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Database> {
        self.shards().iter().chain([self])
    }

    /// The shards with the place of each.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Place, &Database)> {
        let shards = self.shards();
        shards.iter().enumerate().map(|(number, shard)| (Place { number, shards: shards.len() }, shard))
    }

    /// Which shard this is, as far as it was told: the last word is that of the most shards, as they only become more.
    pub(crate) async fn place(&self) -> Result<Option<Place>, Error> {
        let sql =
            "SELECT toUInt64(number) AS number, toUInt64(shards) AS shards FROM place ORDER BY shards DESC LIMIT 1";
        match self.select::<Place>(sql).await {
            Err(error) if error.is_not_there() => Ok(None),
            other => other.map(|rows| rows.into_iter().next()),
        }
    }

    /// Whether further shards are to be added to those that are there: files have another place from then on, so nothing may be on
    /// its way.
    ///
    /// # Errors
    /// [`Error::Places`] when the shards that are there are not the first ones, in their order; else as the servers say.
    pub async fn grows(&self) -> Result<bool, Error> {
        let mut there = Vec::new();
        for shard in self.shards() {
            there.push(shard.place().await?);
        }
        grows(&there).map_err(|(number, why)| Error::Places { url: self.shards()[number].url.clone(), why })
    }

    /// Tells each shard its place, and gives it the fence of all files that were erased: it may be a new one.
    pub(crate) async fn settle_shards(&self) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Row {
            id: FileId,
        }
        const FORGOTTEN: &str = "SELECT DISTINCT lower(hex(file_id)) AS id FROM forgotten";
        let forgotten: Vec<Row> = if self.shards().is_empty() { Vec::new() } else { self.select(FORGOTTEN).await? };
        for (place, shard) in self.places() {
            let there: Vec<Row> = shard.select(FORGOTTEN).await?;
            let there: std::collections::HashSet<FileId> = there.into_iter().map(|row| row.id).collect();
            let missing = forgotten.iter().map(|row| row.id).filter(|id| !there.contains(id));
            shard.fence(&missing.collect::<Vec<_>>()).await?;
            if shard.place().await? != Some(place) {
                let Place { number, shards } = place;
                let values = format!("VALUES ({number},{shards})");
                shard.execute(&format!("INSERT INTO place (number,shards) {ALWAYS} {values}")).await?;
            }
        }
        Ok(())
    }

    /// Lets nothing of these files into this shard any more.
    pub(crate) async fn fence(&self, files: &[FileId]) -> Result<(), Error> {
        for some in files.chunks(1_000) {
            let values: Vec<String> = some.iter().map(|id| format!("(x'{id}')")).collect();
            self.execute(&format!("INSERT INTO forgotten (file_id) {ALWAYS} VALUES {}", values.join(","))).await?;
        }
        Ok(())
    }

    /// The places of the shards as the front sees them through its server's cluster: what it does not see, no query counts.
    ///
    /// # Errors
    /// [`Error::Unseen`] when they are not those of the configuration, each once; else as the server says.
    pub async fn sees_its_shards(&self) -> Result<(), Error> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let seen: Vec<Place> = self
            .select(&format!(
                "SELECT toUInt64(p.1) AS number, toUInt64(p.2) AS shards FROM (\
                 SELECT argMax((number, shards), shards) AS p FROM cluster('{}', '{}', 'place') GROUP BY _shard_num) ORDER BY number",
                cluster.name, cluster.shards[0].name
            ))
            .await?;
        let wanted: Vec<Place> = self.places().map(|(place, _)| place).collect();
        if seen == wanted {
            return Ok(());
        }
        let seen = seen.iter().map(|place| format!("{} of {}", place.number + 1, place.shards)).collect::<Vec<_>>();
        Err(Error::Unseen { cluster: cluster.name.clone(), wanted: wanted.len(), seen: seen.join(", ") })
    }
}

/// The answer is that the rows are in; nothing is left out because it was there before.
const ALWAYS: &str = "SETTINGS async_insert=0, deduplicate_insert='disable'";

/// Whether shards are added to those that say where they stand; or which one is not where it has to be, and why.
fn grows(there: &[Option<Place>]) -> Result<bool, (usize, String)> {
    let mut grows = false;
    for (number, place) in there.iter().enumerate() {
        let Some(place) = place else { continue };
        let now = format!("shard {} of {}", number + 1, there.len());
        let was = format!("shard {} of {}", place.number + 1, place.shards);
        if place.number != number {
            return Err((
                number,
                format!("it is {was}, and would be {now}: shards keep their places, new ones come last"),
            ));
        }
        if place.shards > there.len() {
            return Err((number, format!("it is {was}, and would be {now}: nobody would see the rows of the others")));
        }
        grows |= place.shards < there.len();
    }
    Ok(grows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: usize, shards: usize) -> Option<Place> {
        Some(Place { number, shards })
    }

    #[test]
    fn shards_keep_their_places_and_only_become_more() {
        assert_eq!(grows(&[None, None]), Ok(false));
        assert_eq!(grows(&[at(0, 2), None]), Ok(false), "broken off when they were made");
        assert_eq!(grows(&[at(0, 2), at(1, 2)]), Ok(false));
        assert_eq!(grows(&[at(0, 2), at(1, 2), None]), Ok(true));
        assert_eq!(grows(&[at(0, 3), at(1, 2), None]), Ok(true), "broken off when it grew");
        assert!(grows(&[at(1, 2), at(0, 2)]).is_err_and(|(number, _)| number == 0));
        assert!(grows(&[at(0, 2)]).is_err(), "the second one is gone");
    }

    #[test]
    fn a_file_has_one_shard_and_each_shard_its_share() {
        let mut files = [0_u32; 3];
        for n in 0..3_000_u128 {
            let file = FileId::of("a", format!("/logs/{n}").as_bytes(), 1, 1);
            assert_eq!(Place::of(file, 3), Place::of(file, 3));
            files[Place::of(file, 3).number] += 1;
        }
        assert!(files.iter().all(|count| (900..1_100).contains(count)), "{files:?}");
    }
}
