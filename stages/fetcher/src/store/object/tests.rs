use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An answer: its status, headers and body.
struct Said(&'static str, &'static [&'static str], &'static str);

const NO_HEADERS: &[&str] = &[];
const DATED: &str = "last-modified: Sat, 28 Nov 2026 09:02:55 GMT";

/// A server that gives these answers, one a connection, and tells the requests that it got.
async fn server(answers: Vec<Said>) -> (BucketStore, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for Said(status, headers, body) in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(connection.read_u8().await.unwrap());
            }
            let mut answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
            headers.iter().for_each(|header| answer.push_str(&format!("{header}\r\n")));
            if !headers.iter().any(|header| header.starts_with("content-length")) {
                answer.push_str(&format!("content-length: {}\r\n", body.len()));
            }
            connection.write_all(format!("{answer}\r\n{body}").as_bytes()).await.unwrap();
            requests.push(String::from_utf8(request).unwrap());
        }
        requests
    });
    (bucket(&[("endpoint", &endpoint), ("allow_http", "true")]).unwrap(), served)
}

fn bucket(more: &[(&str, &str)]) -> Result<BucketStore, SetUpError> {
    let all = [&[("access_key_id", "me"), ("secret_access_key", "secret")], more].concat();
    let store = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    BucketStore::new("a", BucketSettings { url: "s3://logs".into(), store })
}

const LISTED: &str = "<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated>\
    <Contents><Key>logs/a b%2Fü</Key><LastModified>2026-11-28T09:02:55.789Z</LastModified><Size>6</Size></Contents>\
    <Contents><Key>logs/folder/</Key><LastModified>2026-11-28T09:02:55Z</LastModified><Size>0</Size></Contents>\
    <Contents><Key>logs/none</Key><LastModified>2026-11-28T09:02:55Z</LastModified><Size>0</Size></Contents>\
    </ListBucketResult>";

#[tokio::test]
async fn a_listing_gives_files_as_their_headers_show_them_and_no_folders() {
    let there = Said("200 OK", &[DATED, "content-length: 0"], "");
    let (store, served) =
        server(vec![Said("200 OK", NO_HEADERS, LISTED), Said("404 Not Found", NO_HEADERS, ""), there]).await;
    let listed: Vec<_> = store.list("/logs").collect().await;
    let modified_ms = 1_795_856_575_000;
    let entry = |path: &str, length| Entry { path: path.into(), length, modified_ms };
    let paths: Vec<_> = listed.into_iter().map(Result::unwrap).collect();
    assert_eq!(paths[0], entry("/logs/a b%2Fü", 6));
    assert_eq!(paths.len(), 2, "one of the two empty ones is there: {paths:?}");
    assert_eq!((paths[1].length, paths[1].modified_ms), (0, modified_ms));
    let requests = served.await.unwrap();
    assert!(requests[0].starts_with("GET /logs?list-type=2&prefix=logs%2F "), "{}", requests[0]);
}

#[tokio::test]
async fn a_path_becomes_its_key() {
    let there = Said("200 OK", &[DATED, "content-length: 6", "etag: \"x\""], "");
    let (store, served) = server(vec![there]).await;
    let entry = store.stat("/logs/a b%2F+ü").await.unwrap();
    assert_eq!(entry, Entry { path: "/logs/a b%2F+ü".into(), length: 6, modified_ms: 1_795_856_575_000 });
    let request = &served.await.unwrap()[0];
    assert!(request.starts_with("HEAD /logs/logs/a%20b%252F%2B%C3%BC "), "{request}");
}

#[tokio::test]
async fn answers_mean_what_they_say() {
    const DENIED: &str = "<?xml version='1.0'?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.\n\
         </Message><CanonicalRequest>GET\n/</CanonicalRequest></Error>";
    for (status, expected) in [
        ("401 Unauthorized", StoreError::Refused(String::new())),
        ("403 Forbidden", StoreError::Refused(String::new())),
        ("404 Not Found", StoreError::Gone(String::new())),
        ("400 Bad Request", StoreError::Failed(String::new())),
    ] {
        let (store, _served) = server(vec![Said(status, NO_HEADERS, ""), Said(status, NO_HEADERS, DENIED)]).await;
        let kind = std::mem::discriminant(&expected);
        let said = store.stat("/logs/x").await.unwrap_err();
        assert_eq!(std::mem::discriminant(&said), kind, "{status}: {said}");
        let said = store.list("/logs").next().await.unwrap().unwrap_err();
        // A bucket that is not there is an address that is wrong, and no folder that has gone.
        let kind = if status.starts_with("404") { StoreError::Failed(String::new()) } else { expected };
        assert_eq!(std::mem::discriminant(&said), std::mem::discriminant(&kind), "{status}: {said}");
        assert!(said.to_string().ends_with(&format!("{status}: SignatureDoesNotMatch: Check your key.")), "{said}");
    }
}

#[tokio::test]
async fn an_object_that_is_replaced_gives_no_more_bytes() {
    let seen = || Said("200 OK", &[DATED, "content-length: 6", "etag: \"old\""], "");
    let other = Said("206 Partial Content", &[DATED, "content-range: bytes 2-5/6", "etag: \"new\""], "3456");
    for answer in [Said("412 Precondition Failed", NO_HEADERS, ""), other] {
        let (store, served) = server(vec![seen(), answer]).await;
        let snapshot = store.open("/x").await.unwrap();
        assert_eq!(snapshot.length(), 6);
        let read = snapshot.read_from(2).try_collect::<Vec<_>>().await;
        assert!(matches!(read, Err(StoreError::Gone(_))), "{read:?}");
        let request = served.await.unwrap().remove(1);
        assert!(request.contains("if-match: \"old\"\r\n") && request.contains("range: bytes=2-5\r\n"), "{request}");
    }
}

#[tokio::test]
async fn bytes_come_from_where_they_are_asked_for_and_an_answer_that_ends_early_is_an_error() {
    let seen = || Said("200 OK", &[DATED, "content-length: 6", "etag: \"x\""], "");
    const PART: &[&str] = &[DATED, "content-range: bytes 2-5/6", "etag: \"x\""];
    let (store, _served) = server(vec![seen(), Said("206 Partial Content", PART, "3456")]).await;
    let read: Vec<Bytes> = store.open("/x").await.unwrap().read_from(2).try_collect().await.unwrap();
    assert_eq!(read.concat(), b"3456");
    let (store, _served) = server(vec![seen()]).await;
    let read: Vec<Bytes> = store.open("/x").await.unwrap().read_from(6).try_collect().await.unwrap();
    assert!(read.is_empty());
    const CHUNKED: &[&str] =
        &[DATED, "content-range: bytes 2-5/6", "etag: \"x\"", "content-length: 4", "transfer-encoding: chunked"];
    let (store, _served) = server(vec![seen(), Said("206 Partial Content", CHUNKED, "2\r\n34\r\n0\r\n\r\n")]).await;
    let read = store.open("/x").await.unwrap().read_from(2).try_collect::<Vec<_>>().await;
    assert!(matches!(read, Err(StoreError::Failed(_))), "{read:?}");
}

#[test]
fn settings_are_known_by_their_names_and_may_stand_in_files() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    assert!(bucket(&[("region", "eu-central-1"), ("session_token_file", file.path().to_str().unwrap())]).is_ok());
    let refused = |more: &[(&str, &str)]| bucket(more).err().expect("refused").to_string();
    let unknown = refused(&[("regoin", "x")]);
    assert!(unknown.starts_with("cluster a: store has no setting \"regoin\""), "{unknown}");
    let absent = refused(&[("session_token_file", "/none")]);
    assert!(absent.starts_with("cluster a: session_token_file \"/none\" cannot be read: "), "{absent}");
    let wrong = refused(&[("allow_http", "perhaps")]);
    assert!(wrong.contains("\"perhaps\" as boolean"), "{wrong}");
}

#[test]
fn all_three_kinds_make_a_client() {
    for (url, store) in [
        ("s3://logs", &[("region", "eu-central-1")][..]),
        ("gs://logs", &[("skip_signature", "true")]),
        ("az://logs", &[("account_name", "me"), ("account_key", "c2VjcmV0")]),
    ] {
        let store = store.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let settings = BucketSettings { url: url.into(), store };
        assert_eq!(unknown(&settings), None);
        BucketStore::new("a", settings).unwrap_or_else(|error| panic!("{error}"));
    }
}
