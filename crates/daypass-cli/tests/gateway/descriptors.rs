//! What a gateway does where file descriptors are few.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::world::{Running, World, curl, said};

/// `daypass`, started by a shell that sets a limit (`ulimit` and its flags).
fn limited(world: &World, limit: &str, args: &[&str]) -> Command {
    let plain = world.daypass(args);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit {limit}; exec \"$0\" \"$@\"")).arg(plain.get_program());
    command.args(plain.get_args()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

/// An API that takes its time, and closes after each answer.
fn api(pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut part = [0; 4096];
                while stream.read(&mut part).is_ok_and(|length| length > 0) {
                    if part.windows(4).any(|window| window == b"\r\n\r\n") {
                        std::thread::sleep(pause);
                        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\
                                       content-length: 2\r\n\r\nok";
                        stream.write_all(answer).ok();
                        return;
                    }
                }
            });
        }
    });
    port
}

fn port_of(running: &Running) -> u16 {
    u16::try_from(running.ready["port"].as_u64().unwrap()).unwrap()
}

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port_of(running))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// One request on a connection, and the answer to its last byte.
fn ask(stream: &mut TcpStream, running: &Running, line: &str) -> String {
    let (port, authorization) = (port_of(running), running.authorization());
    let request = format!("{line} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let mut part = [0; 4096];
    loop {
        let length = stream.read(&mut part).unwrap();
        answer.push_str(std::str::from_utf8(&part[..length]).unwrap());
        let Some((fields, body)) = answer.split_once("\r\n\r\n") else {
            assert!(length > 0, "{answer}");
            continue;
        };
        let mut lines = fields.lines();
        let said = lines.find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= said.parse().unwrap() {
            return answer;
        }
        assert!(length > 0, "{answer}");
    }
}

#[test]
fn a_gateway_has_as_many_descriptors_as_it_may_and_its_command_as_before() {
    let world = World::new(Duration::from_secs(3600));
    let sh = "ulimit -Sn; grep 'open files' /proc/$PPID/limits";
    for verb in [&["exec", "--gateway"], &["exec", "--agent"]] {
        let args: Vec<_> = [&verb[..], &["--", "sh", "-c", sh]].concat();
        let text = said(&limited(&world, "-n 900; ulimit -Sn 150", &args).output().unwrap());
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words, ["150", "Max", "open", "files", "900", "900", "files"], "{verb:?}");
    }
}

#[test]
fn half_sent_requests_lock_nobody_out_where_descriptors_are_few() {
    let world = World::new(Duration::from_secs(3600));
    let args = ["gateway", "--json", "--metrics-port", "0"];
    let running = Running::of(limited(&world, "-n 100", &args));
    let half: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(&running);
            stream.write_all(b"GET / HTTP/1.1\r\nx: ").ok();
            stream
        })
        .collect();
    let answer = ask(&mut connect(&running), &running, "GET /api/echo");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let metrics = curl(&[running.ready["metrics"].as_str().unwrap()]);
    assert!(metrics.contains("daypass_gateway"), "{metrics}");
    drop(half);
}

#[test]
fn more_requests_at_once_than_descriptors_wait_for_each_other() {
    let world = World::new(Duration::from_secs(3600));
    world.api_at(api(Duration::from_millis(100)));
    let running = Running::of(limited(&world, "-n 100", &["gateway", "--json"]));
    let running = &running;
    std::thread::scope(|scope| {
        let all =
            (0..90).map(|_| scope.spawn(move || ask(&mut connect(running), running, "GET /")));
        for one in all.collect::<Vec<_>>() {
            let answer = one.join().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    });
}

#[test]
fn without_any_descriptor_the_gateway_says_so_and_idle_connections_make_room() {
    let world = World::new(Duration::from_secs(3600));
    world.api_at(api(Duration::ZERO));
    let mut running = Running::start(&world, &[]);
    let mut first = connect(&running);
    let answer = ask(&mut first, &running, "GET /");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap());
    let none = |before: &Rlimit| Rlimit { current: Some(0), maximum: before.maximum };
    let before = rustix::process::getrlimit(Resource::Nofile);
    let before = prlimit(pid, Resource::Nofile, none(&before)).unwrap();
    let answer = ask(&mut first, &running, "GET /");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("daypass-error: gateway.descriptors\r\n"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");

    let mut second = connect(&running);
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"", "the idle one is closed");
    prlimit(pid, Resource::Nofile, before).unwrap();
    let answer = ask(&mut second, &running, "GET /");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    running.signal();
    running.wait();
    let mut said = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let times = |what: &str| said.matches(what).count();
    assert_eq!(times("is left for a connection to the gateway"), 1, "{said}");
    assert_eq!(times("is left for a connection to the API"), 1, "{said}");
}
