//! What each pattern finds in the examples of its format's documentation, and why it lets others be. What it finds in real logs:
//! tests/real.

mod shown;

use logmill_patterns::{Anchor, BuiltIn, PatternSpec, Patterns, Zone};
use shown::{MODIFIED_MS, shown};

/// Each record, and what the patterns find in it; where none matches, why each lost.
fn table(specs: &[PatternSpec], header: Option<&str>, records: &[&str]) -> String {
    let patterns = Patterns::compile(specs).expect("valid patterns");
    let anchor = Anchor { modified_ms: MODIFIED_MS, zone: Zone::UTC, header: header.map(str::as_bytes) };
    let mut reader = patterns.reader(&anchor);
    records.iter().map(|record| format!("{record}\n{}\n", shown(&mut reader, record.as_bytes()))).collect()
}

/// What was found is what stands in snapshots/.
fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn built_in(pattern: BuiltIn, records: &[&str]) -> String {
    table(&[PatternSpec::built_in(pattern)], None, records)
}

#[test]
fn nginx() {
    golden(
        "nginx",
        &built_in(
            BuiltIn::Nginx,
            &[
                r#"127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /index.html?a=b%20c HTTP/1.1" 200 615 "-" "curl/8.5.0""#,
                r#"2001:db8::7 - jane doe [22/Nov/2026:11:00:00 +0100] "POST /a HTTP/2.0" 499 0 "https://a.example/?q=\x22x\x22" "Mozilla/5.0 (X11; Linux x86_64)" "10.0.0.1, 10.0.0.2""#,
                r#"10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "\x16\x03\x01" 400 157 "-" "-""#,
                r#"10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "" 408 0 "-" "-" 0.005 upstream=10.0.0.9:80"#,
                r#"2026/11/22 10:00:00 [error] 17#18: *5 open() "/usr/share/nginx/html/x" failed (2: No such file or directory), client: 127.0.0.1, server: localhost, request: "GET /x HTTP/1.1", host: "127.0.0.1:8080""#,
                r#"2026/11/22 10:00:00 [notice] 17#17: using the "epoll" event method"#,
                r#"2026/11/22 10:00:00 [crit] 17#17: *9 SSL_do_handshake() failed while SSL handshaking, client: ::1, server: 0.0.0.0:443"#,
                r#"2026/11/22 10:00:00 [warn] 17#17: *9 a, client: 10.0.0.1, server: _, request: "GET /"a"b, c: d HTTP/1.1", upstream: "http://10.0.0.9:80/", host: "h", referrer: "r""#,
                r#"127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 615"#,
                r#"127.0.0.1 - - [22/Nov/2026:25:00:00 +0000] "GET / HTTP/1.1" 200 615 "-" "-""#,
                r#"127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1 200 615"#,
                r#"127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 2000 615 "-" "-""#,
                r#"2026/11/22 10:00:00 [loud] 17#17: x"#,
                "2026-11-22 10:00:00 [error] 17#17: x",
                "",
            ],
        ),
    );
}

#[test]
fn apache() {
    golden(
        "apache",
        &built_in(
            BuiltIn::Apache,
            &[
                // of <https://httpd.apache.org/docs/2.4/logs.html>
                r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#,
                r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)""#,
                "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] File does not exist: /usr/local/apache2/htdocs/favicon.ico",
                // in the form of its defaults
                r#"a.example:443 10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 304 - "-" "a \"quoted\" agent""#,
                "[Sun Nov 22 10:00:00.000001 2026] [mpm_event:notice] [pid 7:tid 140] AH00489: Apache/2.4.62 (Debian) configured -- resuming normal operations",
                "[Sun Nov 22 10:00:00.000001 2026] [cgid:error] [pid 7:tid 140] (2)No such file or directory: [client ::1:51234] AH01241: error spawning CGI child, referer: http://a/",
                "[Sun Nov 22 10:00:00.000001 2026] [http:trace4] [pid 7] http_request.c(436): [client 10.0.0.1:51234] Headers received from client:",
                "[Sun Nov 22 10:00:00 2026] [error] [client 10.0.0.1] File does not exist: /x", // 2.2
                "[Sun Nov 22 10:00:00 2026] [error] no client",
                "[2026-11-22 10:00:00] [core:error] x",
                "[Sun Nov 22 10:00:00 2026] [core:loud] x",
                r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 referer"#,
            ],
        ),
    );
}

#[test]
fn syslog() {
    golden(
        "syslog",
        &built_in(
            BuiltIn::Syslog,
            &[
                // of RFC 3164, 5.4
                "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
                "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
                // of RFC 5424, 6.5
                "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
                "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
                r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] An application event log entry..."#,
                r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]"#,
                // as they stand in files
                "Nov 22 10:00:00 host sshd[1234]: Accepted publickey for jane from 10.0.0.1 port 51234 ssh2",
                "Nov 22 10:00:00 host kernel: [    0.000000] Linux version 6.1.0",
                "Nov 22 10:00:00 host systemd[1]: ",
                "2026-11-22T10:00:00.123456+00:00 host rsyslogd: [origin software=\"rsyslogd\"] start",
                r#"<14>1 - - - - - [a b="q\"q\\\]\x" c=""] m"#,
                "<192>Oct 11 22:14:15 host a: b",
                "<34>2 2003-10-11T22:14:15.003Z a b c d - e",
                "<34>1 2003-10-11T22:14:15.003Z a b c d [e f=1] g",
                "2026-11-22T10:00:00.123456+00:00 host orders the last one",
                "2026-11-22T10:00:00.123Z nothing like a program",
                "2026-11-22 10:00:00 host program: x",
                "Nov 32 10:00:00 host program: x",
            ],
        ),
    );
}

#[test]
fn log4j() {
    golden(
        "log4j",
        &built_in(
            BuiltIn::Log4j,
            &[
                // of log4j 1.2's documentation of TTCCLayout
                "467 [main] INFO org.apache.log4j.examples.Sort - Exiting main method.",
                // of Spring Boot's documentation
                "2026-11-22T10:00:00.222Z  INFO 110893 --- [myapp] [           main] o.s.b.d.f.logexample.MyApplication       : Starting MyApplication using Java 17",
                "2026-11-22 10:00:00.222  INFO 110893 --- [           main] o.s.b.d.f.logexample.MyApplication       : Starting MyApplication",
                // the layouts that are usual
                "2026-11-22 10:00:00,123 [main] INFO  com.example.Billing - charged 3 invoices: done",
                "2026-11-22 10:00:00,123 INFO  [pool-[2] of 3] com.example.Billing: charged",
                "2026-11-22 10:00:00,123 INFO  [pool-[2 of 3] com.example.Billing: charged",
                "2026-11-22 10:00:00,123 WARN  Billing:117 - charged",
                "2026-11-22 10:00:00,123 WARN  Billing (Billing.java:charge(117)) - charged",
                "10:00:00.123 [main] ERROR com.example.Billing - boom\njava.lang.IllegalStateException: boom\n\tat com.example.Billing.main(Billing.java:3)",
                "10:00:00.123 [main] INFO com.example.Billing -- since logback 1.4",
                r#"10:00:00.123 [main] INFO com.example.Billing -invoice="7" customer="a \"b\""- charged"#,
                "[2026-11-22 10:00:00,123] [main] DEBUG com.example.Billing - charged",
                "2026-11-22 10:00:00,123 +0800 INFO [main] com.example.Billing - charged",
                "[2026-11-22 10:00:00.123 -05:00] [main] INFO com.example.Billing - charged",
                "2026-11-22 10:00:00.123 Z INFO [main] com.example.Billing - charged",
                "2026-11-22 10:00:00.123 CET INFO [main] com.example.Billing - charged",
                "2026-11-22 10:00:00,123 [SEVERE] com.example.Billing - boom",
                // ZooKeeper's, since 3.5 and before
                "2026-11-22 10:00:00,123 [myid:1] - INFO  [QuorumPeer[myid=1](plain=0.0.0.0:2181)(secure=disabled):o.a.z.s.q.Leader@637] - LEADING",
                "2026-11-22 10:00:00,123 [myid:] - WARN  [ProcessThread(sid:0 cport:2181)::PrepRequestProcessor@138] - ",
                "2026-11-22 10:00:00,123 - ERROR [main:ZooKeeperServer@472] - boom\njava.io.IOException: boom",
                "2026-11-22 10:00:00,123 [myid:1] - INFO  [main] - no place",
                "2026-11-22 10:00:00,123 - INFO  [main:@7] - no class",
                "2026-11-22 10:00:00,123 INFO nothing but a message",
                "2026-11-22 10:00:00,123 [main] INFO com.example.Billing - ",
                "2026-11-22 10:00:00,123 [main] INFO com.example.Billing -",
                "10:00:00.123 INFO no logger",
                "2026-11-22 10:00:00,123 [main] [other] x",
                "2026-11-22 10:00:00,123 com.example.Billing - no level",
                "2026-11-22 10:00:00,123",
                "17 apples",
            ],
        ),
    );
}

#[test]
fn hadoop() {
    golden(
        "hadoop",
        &built_in(
            BuiltIn::Hadoop,
            &[
                "2026-11-22 10:00:00,123 INFO org.apache.hadoop.hdfs.server.namenode.NameNode: createNameNode []",
                "26/11/22 10:00:00 WARN util.NativeCodeLoader: Unable to load native-hadoop library for your platform",
                "2026-11-22 10:00:00,123 INFO  [main] namenode.NameNode (NameNode.java:main(1702)) - createNameNode []",
                "2026-11-22 10:00:00,123 INFO FSNamesystem.audit: allowed=true\tugi=root (auth:SIMPLE)\tip=/127.0.0.1\tcmd=listStatus\tsrc=/a b\tdst=null\tperm=null\tproto=rpc",
                "2026-11-22 10:00:00,123 INFO resourcemanager.RMAuditLogger: USER=root\tIP=10.0.0.1\tOPERATION=Submit Application Request\tTARGET=ClientRMService\tRESULT=SUCCESS",
                "2026-11-22 10:00:00,123 ERROR org.apache.hadoop.hdfs.server.namenode.NameNode: RECEIVED SIGNAL 15: SIGTERM",
                "[2026-11-22T10:00:00.123+0000][0.456s][info][gc,start    ] GC(0) Pause Young (Allocation Failure)",
                "[0.456s][info][gc] GC(0) Pause Young (Allocation Failure) 24M->4M(256M) 3.456ms",
                "[2026-11-22T10:00:00.123+0000][17][warning][safepoint] x",
                "2026-11-22 10:00:00,123 INFO a message without a logger",
                "2026-11-22 10:00:00,123 [main] INFO a.B - x",
                "[0.456s] x",
                "[INFO] x",
            ],
        ),
    );
}

#[test]
fn kafka() {
    golden(
        "kafka",
        &built_in(
            BuiltIn::Kafka,
            &[
                "[2026-11-22 10:00:00,123] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)",
                "[2026-11-22 10:00:00,123] WARN No meta.properties file under dir /tmp/a (b) (kafka.server.BrokerMetadataCheckpoint)",
                "[2026-11-22 10:00:00,123] INFO KafkaConfig values: \n\tadvertised.listeners = null\n\tbroker.id = 1\n (kafka.server.KafkaConfig)",
                "[2026-11-22 10:00:00,123] ERROR Exiting (kafka.Kafka$)\njava.lang.Error: x (y)\n\tat kafka.Kafka.main(Kafka.scala)",
                "[2026-11-22 10:00:00,123] INFO no logger",
                "[2026-11-22 10:00:00,123] INFO no logger (but more than one word)",
                "2026-11-22 10:00:00,123 INFO x (a.B)",
                "[2026-11-22 10:00:00,123] LOUD x (a.B)",
            ],
        ),
    );
}

#[test]
fn clickhouse() {
    golden(
        "clickhouse",
        &built_in(
            BuiltIn::Clickhouse,
            &[
                "2026.11.22 10:00:00.123456 [ 1234 ] {} <Information> Application: Ready for connections.",
                "2026.11.22 10:00:00.000001 [ 7 ] {a {query}} <Error> executeQuery: Code: 47. DB::Exception: x: y\n\n0. ? @ 0x1",
                "2026.11.22 10:00:00.123456 [ 7 ] {} <Fatal> BaseDaemon: ",
                "2026.11.22 10:00:00.123456 [ 7 ] {} <Test> : no logger",
                "2026.11.22 10:00:00.123456 [ 7 ] {} <Trace> no colon",
                "2026.11.22 10:00:00.123456 [ 7 ] {} <Loud> a: b",
                "2026.11.22 10:00:00.123456 [ 7 ] {} Trace a: b",
                "2026.11.22 10:00:00.123456 [7] {} <Trace> a: b",
                "2026.11.22 10:00:00.123456 {} <Trace> a: b",
                "2026.11.22 10:00:00.12345  [ 7 ] {} <Trace> a: b",
                "2026.13.22 10:00:00.123456 [ 7 ] {} <Trace> a: b",
                "2026-11-22 10:00:00.123456 [ 7 ] {} <Trace> a: b",
            ],
        ),
    );
}

#[test]
fn json() {
    golden(
        "json",
        &built_in(
            BuiltIn::Json,
            &[
                r#"{"@timestamp":"2026-11-22T10:00:00.123Z","log.level":"INFO","message":"a \"quoted\" \u00e9\n\ud83d\ude00 \ud83d","process":{"pid":7,"thread":{"name":"main"}},"tags":["a",{"b":"}"}],"none":null,"ok":true,"ratio":-1.5e3}"#,
                r#"{"level":30,"time":1795341600123,"pid":7,"hostname":"h","msg":"pino"}"#,
                r#"{ "ts" : 1795341600.5 , "level" : "notice" , "caller" : "a.go:7" , "msg" : "zap" }"#,
                r#"{"instant":{"epochSecond":1795341600,"nanoOfSecond":5},"thread":"main","level":"WARN","loggerName":"a.B","message":"log4j 2"}"#,
                r#"{"version":"1.1","host":"h","short_message":"GELF","timestamp":1795341600.25,"level":3,"_user":"x"}"#,
                r#"{"log":"a line\n","stream":"stdout","time":"2026-11-22T10:00:00.123456789Z"}"#,
                r#"{"time":"2026-11-22 10:00:00 +0800","msg":"x"}"#,
                r#"{"time":"Sun, 22 Nov 2026 10:00:00 GMT","msg":"x"}"#,
                r#"{"time":"2026-11-22T10:00:00.123+01:00[Europe/Berlin]","msg":"x"}"#,
                r#"{"time":"yesterday","level":"loud","a":{},"b":[]}"#,
                r#"{"level":"","severity":"error","message":"","msg":"m","a":{"b":"","c":1}}"#,
                "{\n  \"message\": \"over lines\",\n  \"a\": 1\n}",
                r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":{"k":{"l":{"m":{"n":{"o":{"p":{"q":1}}}}}}}}}}}}}}}}}"#,
                " \t{\"a\":1} ",
                "\n{\"a\":1}\n",
                "{}",
                " a",
                r#"{"a":1"#,
                r#"{"a":1} x"#,
                r#"{"a" 1}"#,
                r#"{"a":"\q"}"#,
                r#"{"a":tru}"#,
                r#"{"a":-}"#,
                r#"{"a":[1,2}"#,
                "[1]",
            ],
        ),
    );
    let mut spec = PatternSpec::built_in(BuiltIn::Json);
    spec.time = Some("when".into());
    spec.time_format = Some("%d.%m.%Y %H:%M:%S".into());
    spec.level = Some("how.bad".into());
    spec.types = [("size".to_owned(), logmill_patterns::FieldType::Size)].into();
    golden(
        "json_with_options",
        &table(
            &[spec],
            None,
            &[
                r#"{"when":"22.11.2026 10:00:00","time":"2020-01-01T00:00:00Z","how":{"bad":"ERR"},"level":"info","size":"3 MB"}"#,
                r#"{"when":"2026-11-22T10:00:00Z"}"#,
            ],
        ),
    );
}

#[test]
fn logfmt() {
    golden(
        "logfmt",
        &built_in(
            BuiltIn::Logfmt,
            &[
                r#"time=2026-11-22T10:00:00.123Z level=info msg="listening on \"port\" 80" port=80 took=1.5 ok=true url=http://a/?b=c"#,
                r#"ts=2026-11-22T10:00:00Z caller=main.go:7 level=warn err="a\nb" empty= debug"#,
                r#"a="it\'s \x1b\u001b\u{1b} \u{e9}" b="\xff\ud83d\u12\u{}\u{110000}\u{0000001b}\q""#,
                "a=1 b=2",
                "中=文 größe=2 हिन्दी=x",
                "日志：=1 b=2",
                "日志 a=1 b=2",
                "a=1",
                "a b=2",
                "a=\"1 b=2",
                "a=1, b=2",
                "words that are none",
            ],
        ),
    );
}

#[test]
fn w3c() {
    let spec = [PatternSpec::built_in(BuiltIn::W3c)];
    // of <https://learn.microsoft.com/windows/win32/http/w3c-logging>
    let iis = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-substatus sc-win32-status time-taken";
    golden(
        "w3c",
        &table(
            &spec,
            Some(iis),
            &[
                "2026-11-22 10:00:00 10.0.0.9 GET /iisstart.htm - 80 - 10.0.0.1 Mozilla/5.0+(X11) 200 0 0 15",
                "2026-11-22 10:00:00 10.0.0.9 GET /iisstart.htm a=b+c 443 CORP\\jane ::1 - 404 0 2 1500",
                "#Software: Microsoft Internet Information Services 10.0",
                "2026-11-22 10:00:00 10.0.0.9 GET /",
                "2026-11-22 10:00:00 10.0.0.9 GET /iisstart.htm - 80 - 10.0.0.1 Mozilla/5.0+(X11) 200 0 0 15 16",
                "2026-11-22 25:00:00 10.0.0.9 GET /iisstart.htm - 80 - 10.0.0.1 Mozilla/5.0+(X11) 200 0 0 15",
                "2026-13-22 10:00:00 10.0.0.9 GET /iisstart.htm - 80 - 10.0.0.1 Mozilla/5.0+(X11) 200 0 0 15",
            ],
        ),
    );
    // of <https://www.w3.org/TR/WD-logfile>: the date is in a directive of its own, so these times are fields
    golden(
        "w3c_draft",
        &table(
            &spec,
            Some("#Fields: time cs-method cs-uri"),
            &["00:34:23 GET /foo/bar.html", "00:34:23 \"GET a\" /foo/bar.html"],
        ),
    );
    let alone = table(&spec, Some("#Fields: date c-ip"), &["2026-11-22 10.0.0.1", "- 10.0.0.1"]);
    let quoted = ["10:00:00 \"2026-11-22\"", "10:00:00 \"2026-11-2\"\"\""];
    golden("w3c_dates", &(alone + &table(&spec, Some("#Fields: time date"), &quoted)));
    golden("w3c_without_directive", &table(&spec, None, &["00:34:23 GET /foo/bar.html"]));
}

/// IIS writes its directives anew when its columns change.
#[test]
fn a_header_that_comes_again() {
    let patterns = Patterns::compile(&[PatternSpec::built_in(BuiltIn::W3c)]).expect("valid patterns");
    let mut reader = patterns.reader(&Anchor { header: Some(b"#Fields: time cs-method"), ..Anchor::default() });
    let before = shown(&mut reader, b"00:34:23 GET");
    reader.set_header(b"#Fields: cs-method sc-status");
    let after = shown(&mut reader, b"GET 200");
    assert_eq!(
        (&*before, &*after),
        (
            "    w3c \n    time = \"00:34:23\"\n    cs-method = \"GET\"\n",
            "    w3c \n    cs-method = \"GET\"\n    sc-status: int = \"200\"\n"
        )
    );
}

#[test]
fn windows() {
    golden(
        "windows",
        &built_in(
            BuiltIn::Windows,
            &[
                // shaped by the schema and by the example of event 4624 in Microsoft's documentation of its audit events
                r#"<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Microsoft-Windows-Security-Auditing" Guid="{54849625-5478-4994-A5BA-3E3B0328C30D}" /><EventID>4624</EventID><Version>2</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime="2015-11-12T00:24:35.079785200Z" /><EventRecordID>211</EventRecordID><Correlation ActivityID="{00D66690-1CDF-0000-AC66-D600DF1CD101}" /><Execution ProcessID="716" ThreadID="760" /><Channel>Security</Channel><Computer>WIN-GG82ULGC9GO</Computer><Security /></System><EventData><Data Name="SubjectUserSid">S-1-5-18</Data><Data Name="TargetUserName">Administrator</Data><Data Name="IpAddress">127.0.0.1</Data><Data Name="Empty"></Data></EventData></Event>"#,
                "<Event xmlns='x'>\r\n  <System>\r\n    <Provider Name='Application Error'/>\r\n    <EventID Qualifiers='0'>1000</EventID>\r\n    <Level>2</Level>\r\n    <TimeCreated SystemTime='2026-11-22T10:00:00.000Z'/>\r\n    <Channel>Application</Channel>\r\n    <Security UserID='S-1-5-21'/>\r\n  </System>\r\n  <EventData>\r\n    <Data>a &lt;b&gt; &amp; &#x43;</Data>\r\n    <Data>two <![CDATA[<parts>]]></Data>\r\n    <Binary>00FF</Binary>\r\n  </EventData>\r\n  <RenderingInfo Culture='en-US'><Message>Faulting &quot;x&quot;</Message><Level>Error</Level></RenderingInfo>\r\n</Event>\r\n",
                "<Event><System><Level>3</Level></System><UserData><Own xmlns='y'><Id>7</Id><!-- a > b --><Name>n</Name></Own></UserData></Event>",
                "<Event><EventData><Data>a</Data><Data/><Data Name=''>&lt;</Data><Data Name='x'>c</Data><Other>d</Other><Data Name='y'/><Data>e</Data></EventData></Event>",
                "<Event><UserData>\n <Own a='1'>\n  <Id>7</Id>\n  <Mixed>x<b/>y</Mixed>\n </Own>\n</UserData></Event>",
                "<Events><Event></Event></Events>",
                "<Event><System></Event>",
                "<Event><System>",
                "<Event/>",
                "<Event></Event> x",
                "<Event></Event><Event></Event>",
                "<Event a=b></Event>",
            ],
        ),
    );
}

#[test]
fn csv() {
    let mut spec = PatternSpec::built_in(BuiltIn::Csv);
    let header = "time,level,\"a \"\"b\"\"\",sum";
    golden(
        "csv",
        &table(
            &[spec.clone()],
            Some(header),
            &[
                "2026-11-22 10:00:00,info,x,1",
                "2026-11-22 10:00:00,ERR,\"a, \"\"quoted\"\"\nvalue\",",
                "2026-11-22 10:00:00,info,\"plain\",\"\"\r\n",
                header,
                "2026-11-22 10:00:00,info,x",
                "2026-11-22 10:00:00,info,x,1,2",
                "2026-11-22 10:00:00,info,\"x\"y,1",
                "2026-11-22 10:00:00,info,x\"y,1",
                "value\",b,c,1", // the second line of a record
                "2026-11-22 10:00:00,info,\"x,1",
            ],
        ),
    );
    golden("csv_without_header", &table(&[spec.clone()], None, &["1,2"]));
    golden("csv_unfit_header", &table(&[spec.clone()], Some("a,b,c\""), &["1,2"]));
    let twice = "time, a ,a_2,a,time,a";
    golden(
        "csv_names_twice",
        &table(&[spec.clone()], Some(twice), &["2026-11-22 10:00:00,1,2,3,2026-11-23 10:00:00,4", twice]),
    );
    spec.name = "sales".into();
    spec.like = Some(BuiltIn::Csv);
    spec.separator = Some('\t');
    spec.time = Some("day".into());
    spec.time_format = Some("%d.%m.%Y".into());
    spec.types = [("sum".to_owned(), logmill_patterns::FieldType::Float)].into();
    golden(
        "csv_with_options",
        &table(&[spec], Some("day\tsum\n"), &["22.11.2026\t1.5", "soon\tmuch", "soon\t7\" more"]),
    );
}

#[test]
fn own() {
    let mut spec = PatternSpec::own(
        "orders",
        r"(?<time>\S+ \S+) \[(?<level>\w+)\] order (?<order>\d+)(?: of (?<who>\w+))?: (?<message>.*)",
    );
    spec.time_format = Some("%d.%m.%Y %H:%M:%S".into());
    spec.types = [("order".to_owned(), logmill_patterns::FieldType::Int)].into();
    golden(
        "own",
        &table(
            &[spec],
            None,
            &[
                "22.11.2026 10:00:00 [info] order 17 of jane: shipped\n  and more",
                "22.11.2026 10:00:00 [notice] order 18: shipped",
                "soon enough [info] order 19: shipped",
                "22.11.2026 10:00:00 [info] ordre 17 of jane: shipped",
                "22.11.2026 10:00:00 [info] order x",
                " 22.11.2026 10:00:00 [info] order 1: x",
            ],
        ),
    );
}

#[test]
fn own_without_a_form_of_times() {
    let spec = PatternSpec::own("dated", r"(?<time>[^|]+)\|(?<message>.*)");
    golden(
        "own_without_a_form_of_times",
        &table(
            &[spec],
            None,
            &[
                "2026-11-22 10:00:00.123 -0500|x",
                "2026-11-22 10:00:00 GMT+08:00|x",
                "Sun, 22 Nov 2026 10:00:00 +0800|x",
                "2026-11-22T10:00:00.123+01:00[Europe/Berlin]|x",
                "2026-11-22 10:00:00 CET|x",
            ],
        ),
    );
}

/// What people read who configured something that cannot be.
#[test]
fn errors() {
    let own = |regex: &str| PatternSpec::own("mine", regex);
    let with = |mut spec: PatternSpec, change: fn(&mut PatternSpec)| {
        change(&mut spec);
        spec
    };
    let specs = [
        PatternSpec { name: "ngnix".into(), ..PatternSpec::default() },
        PatternSpec::own("nginx", "(?<a>.)"),
        with(own("(?<a>.)"), |spec| spec.like = Some(BuiltIn::Csv)),
        own("no group"),
        own(r"(?<a>.*"),
        own(r"é (?<a>\d+)) x"),
        own(r"(?<a>(?-u:\xff))"),
        own(r"(?<a>\w{1000}){1000}"),
        with(own("(?<a>.)"), |spec| spec.time = Some("b".into())),
        with(own("(?<a>.)"), |spec| spec.types = [("c".to_owned(), logmill_patterns::FieldType::Int)].into()),
        with(own("(?<a>.)"), |spec| spec.time_format = Some("%Y-%Q".into())),
        with(PatternSpec::built_in(BuiltIn::Nginx), |spec| spec.time = Some("x".into())),
        with(PatternSpec::built_in(BuiltIn::Json), |spec| spec.separator = Some(';')),
        with(PatternSpec::built_in(BuiltIn::Csv), |spec| spec.separator = Some('é')),
    ];
    let errors = specs.map(|spec| Patterns::compile(&[spec]).expect_err("not valid").to_string() + "\n");
    let many: Vec<PatternSpec> = (0..65).map(|i| PatternSpec::own(format!("p{i}"), "(?<a>.)")).collect();
    let many = Patterns::compile(&many).expect_err("too many").to_string();
    golden("errors", &(errors.concat() + &many));
    assert!(Patterns::compile(&[own("(?x) (?<a>.) # a comment")]).is_ok());
}
