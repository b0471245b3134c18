//! A socket of pyzmq, whose libzmq has CURVE, in a process of its own.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The frames of a message.
type Parts = Vec<Vec<u8>>;

/// What one of them says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Endpoint(String),
    /// The request that its ZAP handler was sent.
    Zap(Parts),
    /// One of its monitor's events, and what belongs to it.
    Event(u32, u32),
    Message(Parts),
}

/// One socket.
pub struct PyZmq {
    child: Child,
    said: Receiver<Said>,
    /// What it has said and nobody has asked for.
    aside: Vec<Said>,
    endpoint: String,
}

/// The interpreter that has pyzmq: one that is set in `PYZMQ`, or of an environment below `target`, which
/// is made if there is none. `None`: there is no Python, or pyzmq cannot be had.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        if let Some(set) = std::env::var_os("PYZMQ") {
            return Some(set.into());
        }
        // Of a test that is <target>/<profile>/deps/<name>.
        let target = std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned();
        let home = target.join("pyzmq");
        let python = home.join("bin/python");
        let has_it = || {
            let mut look = Command::new(&python);
            look.args(["-c", "import zmq; assert zmq.has('curve')"]);
            look.stderr(Stdio::null())
                .status()
                .is_ok_and(|it| it.success())
        };
        if !has_it() {
            let run = |program: &Path, args: &[&str]| {
                let status = Command::new(program)
                    .args(args)
                    .stdout(Stdio::null())
                    .status();
                status.is_ok_and(|status| status.success())
            };
            run(
                Path::new("python3"),
                &["-m", "venv", &home.to_string_lossy()],
            );
            run(&python, &["-m", "pip", "install", "-q", "pyzmq"]);
        }
        has_it().then_some(python)
    });
    found.as_deref()
}

/// Whether there is one. If not, that is said; and where `PYZMQ_REQUIRED` is set, as in the gate, it is a
/// failure.
pub fn is_here() -> bool {
    let is_here = python().is_some();
    if !is_here {
        assert!(
            std::env::var_os("PYZMQ_REQUIRED").is_none(),
            "there is no pyzmq, and none can be installed"
        );
        eprintln!("SKIPPED: there is no pyzmq, and none can be installed");
    }
    is_here
}

impl PyZmq {
    /// A socket of this type that binds to or connects to this endpoint, with these options.
    ///
    /// # Panics
    ///
    /// It does not come up; [`is_here`] was to be asked before.
    pub fn start(kind: &str, way: &str, endpoint: &str, options: &[String]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pyzmq.py");
        let python = python().expect("somebody has asked whether there is one");
        let mut child = Command::new(python)
            .arg(script)
            .args([kind, way, endpoint])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let output = child.stdout.take().expect("it is a pipe");
        let (tell, said) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(parse(&line)).is_err() {
                    break;
                }
            }
        });
        let mut this = Self {
            child,
            said,
            aside: Vec::new(),
            endpoint: String::new(),
        };
        this.endpoint = this.next(|said| match said {
            Said::Endpoint(endpoint) => Some(endpoint.clone()),
            _ => None,
        });
        this
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Has it send a message.
    pub fn send<P: AsRef<[u8]>>(&mut self, parts: &[P]) {
        let words: Vec<String> = parts.iter().map(|part| to_hex(part.as_ref())).collect();
        self.command(&format!("send {}", words.join(" ")));
    }

    /// Has it receive one.
    pub fn recv(&mut self) -> Parts {
        self.begin_recv();
        self.received()
    }

    /// Has it wait for one. (A libzmq tells of its subscriptions in a call only.)
    pub fn begin_recv(&mut self) {
        self.command("recv");
    }

    /// What it has received.
    pub fn received(&mut self) -> Parts {
        self.next(|said| match said {
            Said::Message(parts) => Some(parts.clone()),
            _ => None,
        })
    }

    /// Has it send so many messages back.
    pub fn echo(&mut self, count: usize) {
        self.command(&format!("echo {count}"));
    }

    /// What its ZAP handler is asked next.
    pub fn zap(&mut self) -> Parts {
        self.next(|said| match said {
            Said::Zap(parts) => Some(parts.clone()),
            _ => None,
        })
    }

    /// What comes with its next event of this kind.
    pub fn event(&mut self, kind: u32) -> u32 {
        self.next(|said| match said {
            Said::Event(event, value) if *event == kind => Some(*value),
            _ => None,
        })
    }

    fn command(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is a pipe");
        writeln!(input, "{line}").expect("it listens");
        input.flush().expect("it listens");
    }

    /// The next of what is looked for; all else is kept.
    fn next<T>(&mut self, look: impl Fn(&Said) -> Option<T>) -> T {
        if let Some(place) = self.aside.iter().position(|said| look(said).is_some()) {
            let said = self.aside.remove(place);
            return look(&said).expect("it was found just now");
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let said = self.said.recv_timeout(left);
            let said =
                said.unwrap_or_else(|_| panic!("not said in time; said was {:?}", self.aside));
            match look(&said) {
                Some(found) => return found,
                None => self.aside.push(said),
            }
        }
    }
}

impl Drop for PyZmq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for PyZmq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PyZmq({})", self.endpoint)
    }
}

fn parse(line: &str) -> Said {
    let mut words = line.split(' ');
    let kind = words.next().unwrap_or_default();
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
    match kind {
        "endpoint" => Said::Endpoint(words.collect()),
        "zap" => Said::Zap(words.map(from_hex).collect()),
        "event" => Said::Event(number(words.next()), number(words.next())),
        "message" => Said::Message(words.map(from_hex).collect()),
        _ => panic!("it says {line:?}"),
    }
}

/// Bytes for an argument, behind a colon where an option takes them.
pub fn to_hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .filter_map(|n| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok())
        .collect()
}
