//! Those who must get nothing: a page in a browser, another user of this machine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::world::{Running, World, curl, script};

const NOBODY: u32 = 65534;

#[test]
fn another_user_is_refused_on_every_port_whatever_credential_it_has() {
    let world = World::new(Duration::from_secs(3600));
    let running = Running::start(&world, &["--open-port-for", "gc", "--metrics-port", "0"]);
    let open = running.ready["open_ports"][0].as_u64().unwrap();
    let metrics = running.ready["metrics"].as_str().unwrap();
    for url in [metrics, &metrics.replace("127.0.0.1", "[::1]")] {
        assert!(curl(&[url]).contains("daypass_"), "{url}");
        let theirs = Command::new("curl")
            .args(["-sS", "--max-time", "20", url])
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .output()
            .unwrap();
        assert!(!theirs.status.success() && theirs.stdout.is_empty(), "{url}: {theirs:?}");
    }
    let urls = [
        format!("{}/api/v2/users", running.url()),
        running.url().replace("127.0.0.1", "[::1]") + "/api/v2/users",
        format!("http://localhost:{open}/api/v2/users"),
    ];
    for url in urls {
        let mine = curl(&["-H", &running.authorization(), &url]);
        assert!(mine.contains("Sandbox User 1"), "{url}: {mine}");
        let theirs = Command::new("curl")
            .args(["-sS", "--max-time", "20", "-H", &running.authorization(), &url])
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .output()
            .unwrap();
        assert!(!theirs.status.success() && theirs.stdout.is_empty(), "{url}: {theirs:?}");
    }
    assert_eq!(world.sandbox.api_calls(), 3);
}

/// Serves one page, from another origin than the gateway's.
fn serve_page() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = std::fs::read_to_string(script("page.html")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _length = stream.read(&mut request);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            write!(stream, "{head}content-length: {}\r\n\r\n{page}", page.len()).ok();
        }
    });
    port
}

#[test]
fn a_page_in_a_real_browser_is_refused() {
    let browser = ["chromium", "google-chrome"].into_iter().find(|name| {
        let found = Command::new("which").arg(name).stdout(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    });
    let browser = browser.expect("a browser is missing: run tests/gateway/install");
    let world = World::new(Duration::from_secs(3600));
    // The port that wants no credential: the page could have nothing better.
    let running = Running::start(&world, &["--open-port-for", "gc"]);
    let open = running.ready["open_ports"][0].as_u64().unwrap();
    let page = serve_page();
    let socket = running.ready["agent"].as_str().unwrap().strip_prefix("unix:").unwrap();
    let profile = world.folder.path().join("browser");
    let output = Command::new("timeout")
        .args(["120", browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("http://127.0.0.1:{page}/#http%3A%2F%2Flocalhost%3A{open}%2Fapi%2Fv2%2Fusers"))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(dom.contains("<title>") && !dom.contains("<title>waiting"), "the page ran: {output:?}");
    assert!(!dom.contains("Sandbox User"), "{dom}");
    assert_eq!(world.sandbox.api_calls(), 0, "nothing reached the API");
    let metrics = curl(&["--unix-socket", socket, "http://agent/metrics"]);
    let line = metrics.lines().find(|line| line.starts_with("daypass_gateway_turned_away_total"));
    let turned_away: u64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(turned_away >= 1, "the browser tried: {dom}{metrics}");
}
