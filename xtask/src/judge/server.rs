//! The server under judgement: started on a free loopback port, stopped when dropped.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// How long a server may take until it listens.
const START_MAX: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Builds the program and starts it with enough memory for the suite's largest values.
    pub(crate) fn hallows(workspace: &Workspace, debug: bool, folder: &Path) -> Result<Server> {
        let mut build = shell::cargo();
        build
            .current_dir(&workspace.root)
            .args(["build", "--package=hallows"]);
        if !debug {
            build.arg("--release");
        }
        shell::run(&mut build)?;
        let profile = if debug { "debug" } else { "release" };
        let port = free_port()?;
        let mut command = Command::new(workspace.program(profile, "hallows"));
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--memory", "1GiB"]);
        Server::start(command, port, folder)
    }

    /// Debian's redis-server, without persistence.
    pub(crate) fn redis(folder: &Path) -> Result<Server> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(folder);
        Server::start(command, port, folder)
    }

    fn start(mut command: Command, port: u16, folder: &Path) -> Result<Server> {
        let log_path = folder.join("server.log");
        let log = File::create(&log_path)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{command:?} could not be started"))?;
        let mut server = Server { child, port };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                let log = std::fs::read_to_string(&log_path).unwrap_or_default();
                bail!(
                    "the server ended with {status} before it listened:\n{}",
                    log.trim()
                );
            }
            if start.elapsed() > START_MAX {
                bail!("the server did not listen on {address} within {START_MAX:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
