//! A child process that has been started.
//!
//! A *pidfd* becomes readable when the process has ended. A child that is dropped before leaves its
//! process to a task that collects it, so that it does not stay as a zombie.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::{ExitStatus, Output};
use std::task::Poll;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::Handle;
use crate::io::AsyncReadExt;
use crate::pipe::{Receiver, Sender};
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// A child process.
#[derive(Debug)]
pub struct Child {
    /// Its standard input, if that is a pipe.
    pub stdin: Option<Sender>,
    /// Its standard output, if that is a pipe.
    pub stdout: Option<Receiver>,
    /// Its standard error output, if that is a pipe.
    pub stderr: Option<Receiver>,
    process: Option<Process>,
    kill_on_drop: bool,
    runtime: Handle,
}

#[derive(Debug)]
struct Process {
    child: std::process::Child,
    end: Source<OwnedFd>,
}

impl Process {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let Self { child, end } = self;
        end.io(Direction::Read, |_| {
            child
                .try_wait()?
                .ok_or_else(|| io::ErrorKind::WouldBlock.into())
        })
        .await
    }
}

/// Takes over one end of a pipe to the child.
fn adopt<P: Into<OwnedFd>, T>(
    pipe: Option<P>,
    from_fd: impl Fn(OwnedFd) -> io::Result<T>,
) -> io::Result<Option<T>> {
    pipe.map(|pipe| from_fd(pipe.into())).transpose()
}

impl Child {
    pub(super) fn new(mut child: std::process::Child, kill_on_drop: bool) -> io::Result<Self> {
        let pid = Pid::from_child(&child);
        Ok(Self {
            stdin: adopt(child.stdin.take(), Sender::from_fd)?,
            stdout: adopt(child.stdout.take(), Receiver::from_fd)?,
            stderr: adopt(child.stderr.take(), Receiver::from_fd)?,
            process: Some(Process {
                child,
                end: Source::new(pidfd_open(pid, PidfdFlags::empty())?),
            }),
            kill_on_drop,
            runtime: Handle::current(),
        })
    }

    fn process(&mut self) -> &mut Process {
        match &mut self.process {
            Some(process) => process,
            None => unreachable!("the process is taken only when the child is dropped"),
        }
    }

    /// The number of the process. The system may use it again once the end has been awaited.
    #[must_use]
    pub fn id(&self) -> u32 {
        match &self.process {
            Some(process) => process.child.id(),
            None => unreachable!("the process is taken only when the child is dropped"),
        }
    }

    /// Closes the standard input and waits for the end of the process.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.process().wait().await
    }

    /// How the process has ended, if it has.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process().child.try_wait()
    }

    /// Kills the process, without waiting for its end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn start_kill(&mut self) -> io::Result<()> {
        self.process().child.kill()
    }

    /// Kills the process and waits for its end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// The process is killed even if the future is dropped, once it has been polled.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Closes the standard input, collects what the process writes to pipes, and waits for its end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// What was collected is lost if the future is dropped.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (stdout, stderr) = both(drain(stdout), drain(stderr)).await;
        Ok(Output {
            status: self.wait().await?,
            stdout: stdout?,
            stderr: stderr?,
        })
    }
}

async fn drain(pipe: Option<Receiver>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Waits for two futures at once.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(cx)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(cx)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        if !matches!(process.child.try_wait(), Ok(None)) {
            return;
        }
        if self.kill_on_drop {
            // It may just have ended.
            let _ = process.child.kill();
        }
        let collect = async move { process.wait().await.map(drop) };
        self.runtime.spawn(collect).detach();
    }
}
