//! Several clusters under one name: ViewFS.

use crate::bench::{Chain, Place, RAW_BYTES};
use futures::TryStreamExt as _;
use logmill_fetcher::store::{self, StoreError};
use logmill_stack::{HdfsAddress, shared};
use std::collections::BTreeSet;

#[test]
fn the_files_of_two_clusters_come_under_the_paths_of_one_view() {
    let own = format!("views-{}", std::process::id());
    let [a, b] = [0, 1].map(shared::hdfs);
    let mut view = HdfsAddress { url: "viewfs://logs".into(), ..a.clone() };
    let links = [
        ("link./whole", format!("{}/", a.url)),
        ("link./deep/part", format!("{}/{own}/deep", b.url)),
        ("linkFallback", format!("{}/{own}-else", b.url)),
    ];
    view.config.extend(links.map(|(key, target)| (format!("fs.viewfs.mounttable.logs.{key}"), target)));
    let whole = format!("/whole/{own}");
    let folders = [whole.as_str(), "/deep/part", "/elsewhere"];
    let clusters = [("view", Place::Folders(&view, &folders)), ("b", Place::Folders(b, &[&*format!("/{own}")]))];
    let mut chain = Chain::new("views", &clusters);
    for (n, folder) in folders.iter().enumerate() {
        chain.put("view", &format!("{folder}/log"), (n + 3) * RAW_BYTES);
        chain.put("view", &format!("{folder}/2026/11 22/größe"), (n + 8) * RAW_BYTES + n);
    }
    // The same file by another cluster's name is another file.
    let of_b = |path: &str| Some(format!("/{own}/deep/{}", path.strip_prefix("/deep/part/")?));
    let also: Vec<_> = chain.files.iter().filter_map(|((_, path), bytes)| Some((of_b(path)?, bytes.clone()))).collect();
    chain.files.extend(also.into_iter().map(|(path, bytes)| (("b".to_owned(), path), bytes)));
    let fetcher = chain.fetcher("s0");
    chain.check();
    assert!(fetcher.terminate().success());

    let io = tokio::runtime::Runtime::new().unwrap();
    let store = store::of("view", &chain.config.clusters["view"], io.handle()).unwrap();
    let listed = |folder: &str| -> BTreeSet<String> {
        let all: Vec<_> = io.block_on(store.list(folder).try_collect()).unwrap();
        all.into_iter().map(|entry| entry.path).collect()
    };
    let elsewhere = BTreeSet::from(["/elsewhere/2026/11 22/größe", "/elsewhere/log"].map(str::to_owned));
    assert_eq!(listed("/"), elsewhere, "a listing shows no mount point: the configuration refuses such a folder");
    assert!(
        io.block_on(store.list("/whole").try_next()).unwrap().is_some_and(|entry| entry.path.starts_with("/whole/"))
    );
    let rename = |from: &str, to: &str| io.block_on(store.rename(from, to));
    assert_eq!(rename("/deep/part/log", "/deep/part/.1.finished"), Ok(true));
    assert_eq!(rename("/deep/part/.1.finished", "/deep/part/done/deep/part/log"), Ok(true));
    let refused = rename("/deep/part/done/deep/part/log", "/elsewhere/log-2");
    assert!(matches!(&refused, Err(StoreError::Failed(why)) if why.contains("across")), "{refused:?}");
    assert_eq!(io.block_on(store.delete("/deep/part/done/deep/part/log")), Ok(()));
    assert!(matches!(io.block_on(store.stat("/deep/part/log")), Err(StoreError::Gone(_))));
}
