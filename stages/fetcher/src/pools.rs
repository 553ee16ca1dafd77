//! Coroutines go where they are of use: those of a cluster that is down to the healthy one of the greatest weight.
//!
//! Each fetcher decides for itself, by what it sees: another may well reach a cluster that this one does not.

use crate::cluster::Cluster;
use crate::worker::now_ms;
use logmill_protocol::fetch::ClusterNote;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// How often the clusters are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The coroutines that a cluster keeps while it is down, to see when it is up again.
const PROBE: u32 = 1;

/// What decides how many coroutines a cluster has.
#[derive(Clone, Copy, Debug)]
struct Share {
    /// Those that are its own.
    own: u32,
    weight: u32,
    down: bool,
}

/// How many each has: its own; but of those that are down all but a probe go to the healthy one of the greatest weight
/// (the first of several). None is lost, and none is made.
fn allot(shares: &[Share]) -> Vec<u32> {
    let mut sizes: Vec<u32> = shares.iter().map(|share| share.own).collect();
    let healthy = (0..shares.len()).filter(|n| !shares[*n].down);
    if let Some(heir) = healthy.max_by_key(|n| (shares[*n].weight, Reverse(*n))) {
        for (n, share) in shares.iter().enumerate().filter(|(_, share)| share.down) {
            let lent = share.own.saturating_sub(PROBE);
            sizes[n] -= lent;
            sizes[heir] += lent;
        }
    }
    sizes
}

/// Moves coroutines between the clusters of one process for as long as it runs, and tells how it sees them: at each
/// change, and again and again.
pub(crate) async fn balance(clusters: Vec<Arc<Cluster>>, fetcher: String, tell: impl Fn(&ClusterNote)) {
    let mut before = Vec::new();
    let mut told: Vec<Option<ClusterNote>> = vec![None; clusters.len()];
    loop {
        let shares: Vec<Share> =
            clusters.iter().map(|c| Share { own: c.coroutines(), weight: c.weight(), down: c.is_down() }).collect();
        let sizes = allot(&shares);
        for (n, cluster) in clusters.iter().enumerate() {
            if before.get(n) != Some(&sizes[n]) {
                say(cluster, shares[n], sizes[n], before.is_empty());
                cluster.resize(sizes[n]);
            }
        }
        for (n, told) in told.iter_mut().enumerate() {
            let Share { own, weight, down } = shares[n];
            let (cluster, fetcher) = (clusters[n].name.clone(), fetcher.clone());
            let (paused, coroutines) = (clusters[n].is_paused(), sizes[n]);
            let note = ClusterNote { cluster, fetcher, down, paused, coroutines, own, weight, at_ms: now_ms() };
            if told.as_ref().is_none_or(|told| told.is_outdone_by(&note)) {
                tell(&note);
                *told = Some(note);
            }
        }
        before = sizes;
        tokio::time::sleep(LOOK).await;
    }
}

fn say(cluster: &Cluster, share: Share, now: u32, first: bool) {
    let (cluster, Share { own, weight, .. }) = (&cluster.name, share);
    match now.cmp(&own) {
        _ if first => tracing::info!(cluster, weight, "{own} coroutines"),
        std::cmp::Ordering::Less => tracing::warn!(cluster, "it is down: it keeps {now} of its {own} coroutines"),
        std::cmp::Ordering::Equal => tracing::info!(cluster, "it has its own {own} coroutines again"),
        std::cmp::Ordering::Greater => {
            tracing::warn!(
                cluster,
                weight,
                "the healthy cluster of the greatest weight has {now} coroutines, its own are {own}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(own: u32, weight: u32, down: bool) -> Share {
        Share { own, weight, down }
    }

    #[test]
    fn coroutines_of_the_dead_go_to_the_healthy_one_of_the_greatest_weight() {
        for (shares, expected) in [
            (vec![share(4, 1, false), share(4, 9, false)], vec![4, 4]),
            (vec![share(4, 1, false), share(4, 9, true), share(4, 5, false)], vec![4, 1, 7]),
            (vec![share(4, 5, true), share(2, 1, false), share(8, 3, true)], vec![1, 12, 1]),
            (vec![share(4, 2, true), share(1, 2, false), share(1, 2, false)], vec![1, 4, 1]),
            (vec![share(4, 1, true), share(4, 9, true)], vec![4, 4]),
            (vec![], vec![]),
        ] {
            assert_eq!(allot(&shares), expected, "{shares:?}");
        }
    }

    #[test]
    fn none_is_lost_and_none_is_made_and_everyone_keeps_one() {
        for seed in 0_u32..10_000 {
            let bits = |n: u32| seed.wrapping_mul(2_654_435_761).rotate_left(7 * n);
            let shares: Vec<Share> = (0..bits(0) % 6)
                .map(|n| share(1 + bits(n + 1) % 9, 1 + bits(n + 2) % 4, bits(n + 3) % 2 == 0))
                .collect();
            let sizes = allot(&shares);
            assert_eq!(sizes.iter().sum::<u32>(), shares.iter().map(|share| share.own).sum::<u32>());
            assert!(sizes.iter().all(|size| *size >= 1));
            let grown = |n: &usize| sizes[*n] > shares[*n].own;
            assert!((0..shares.len()).filter(grown).count() <= 1);
        }
    }
}
