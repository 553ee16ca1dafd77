//! Clusters with Kerberos: a principal each, in one process.

use crate::bench::{Chain, Place, RAW_BYTES};
use logmill_stack::{ServerId, Stack, Wanted, shared};
use std::time::{Duration, Instant};

/// Half of the time for which the Kerberos library waits for a silent KDC.
const SOON: Duration = Duration::from_secs(12);

#[test]
fn each_identity_reads_what_it_may_and_neither_wrong_keys_nor_a_silent_kdc_harm_another_cluster() {
    let users = ["alice", "bob", "carol"].map(str::to_owned).into();
    let wanted = Wanted { vaults: vec!["vault".into()], users, ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let vault = stack.vault("vault");
    let clusters = [
        ("plain", shared::hdfs(0).into()),
        ("alice", Place::Vault(vault, "alice")),
        ("bob", Place::Vault(vault, "bob")),
        ("carol", Place::Vault(vault, "carol")),
        ("spy", Place::Vault(vault, "alice")),
    ];
    let mut chain = Chain::new("vault", &clusters);
    for cluster in ["plain", "alice", "bob"] {
        for n in 0..5 {
            chain.put(cluster, &format!("log {n}"), 30 * n * RAW_BYTES + 1);
        }
    }
    vault.store().unwrap();

    stack.pause(&ServerId::Kdc).unwrap();
    let (log, begun) = (tempfile::NamedTempFile::new().unwrap(), Instant::now());
    let (krb5_conf, keys_of_bob) = (vault.krb5_conf(), vault.keytab("bob"));
    let settings = [
        ("KRB5_CONFIG", krb5_conf.to_str().unwrap()),
        ("LOGMILL__CLUSTERS__CAROL__KEYTAB", keys_of_bob.to_str().unwrap()),
        ("LOGMILL__CLUSTERS__SPY__FOLDERS", "[\"/bob\"]"),
    ];
    let fetcher = chain.fetcher_into("s0", &settings, log.path());
    chain.until("the files of the other cluster come though the KDC is silent", |chain| chain.closed() == 5);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    stack.resume(&ServerId::Kdc).unwrap();
    chain.check();
    let says = |cluster: &str, why: &str| {
        let is_it = |line: &str| line.contains(&format!("cluster=\"{cluster}\"")) && line.contains(why);
        chain.until(&format!("the log says {why} of {cluster}"), |_| {
            std::fs::read_to_string(log.path()).unwrap().lines().any(is_it)
        });
    };
    says("carol", "Kerberos: ");
    says("spy", "Permission denied: user=alice");
    assert_eq!((chain.tasks("carol").len(), chain.tasks("spy").len()), (0, 0));
    assert!(fetcher.terminate().success());

    let refused = chain.fetcher_into("s1", &[("LOGMILL__CLUSTERS__BOB__KEYTAB", "/nowhere")], log.path());
    assert!(!refused.ended().success());
    let said = std::fs::read_to_string(log.path()).unwrap();
    assert!(said.contains("cluster bob: the keytab /nowhere cannot be read: No such file"), "{said}");
}
