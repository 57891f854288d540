//! Output: lines, their batches, and what is cut or escaped.

use std::process::Stdio;

use tokio::process::{Child, Command};

use super::*;

fn start(script: &str, limits: OutputLimits) -> (Child, Output) {
    let mut child = Command::new("/bin/sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap().into_owned_fd().unwrap();
    let err = child.stderr.take().unwrap().into_owned_fd().unwrap();
    let output = Output::new(Pipes { out, err }, limits, 0).unwrap();
    (child, output)
}

/// All lines, taken one batch at a time.
async fn drain(output: &mut Output) -> Vec<Line> {
    let mut lines = Vec::new();
    while !output.is_over() {
        if let Some(batch) = output.take() {
            assert!(batch.len() <= BATCH_LINES_MAX);
            assert!(batch.iter().map(|line| line.text.len()).sum::<usize>() <= BATCH_BYTES_MAX);
            lines.extend(batch);
        } else {
            output.read().await;
        }
    }
    lines
}

fn texts(lines: &[Line], stream: Stream) -> Vec<&str> {
    lines.iter().filter(|line| line.stream == stream).map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn both_streams_are_read_to_their_ends() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; \
                  printf 'no line feed'";
    let (mut process, mut output) = start(script, OutputLimits::default());
    let lines = drain(&mut output).await;
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
    let numbered = |name: &str| (0..3_000).map(|i| format!("{name} {i}")).collect::<Vec<_>>();
    let mut out = numbered("out");
    out.push("no line feed".to_owned());
    assert_eq!(texts(&lines, Stream::Out), out);
    assert_eq!(texts(&lines, Stream::Err), numbered("err"));
}

#[tokio::test]
async fn a_process_that_nobody_reads_is_slowed_by_its_pipe() {
    let (process, mut output) = start("yes", OutputLimits::default());
    while output.has_room() {
        output.read().await;
    }
    let held = output.waiting.len();
    let more = tokio::time::timeout(std::time::Duration::from_millis(50), output.read());
    assert!(more.await.is_err(), "it read on without room");
    assert_eq!(output.waiting.len(), held);
    assert!(output.waiting_bytes <= BATCH_BYTES_MAX + READ_BYTES, "{}", output.waiting_bytes);
    drop(process);
}

#[tokio::test]
async fn what_is_in_the_pipes_at_the_end_is_read_though_somebody_holds_them_open() {
    // The sleeper has left the group and holds both pipes.
    let script = "here=$(mktemp); setsid sh -c \"rm $here; echo \\$\\$ >&2; exec sleep 600\" & \
                  while [ -e $here ]; do :; done; \
                  i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done";
    let (mut process, mut output) = start(script, OutputLimits::default());
    // Nothing is taken while the process writes: what does not fit stays in the pipe.
    let mut lines = Vec::new();
    loop {
        tokio::select! {
            biased;
            ended = process.wait() => {
                ended.unwrap();
                break;
            }
            () = output.read() => {}
        }
        if process.try_wait().unwrap().is_some() {
            break;
        }
        lines.extend(output.take().unwrap_or_default());
    }
    output.close();
    lines.extend(drain(&mut output).await);
    let expected: Vec<_> = (0..2_000).map(|i| format!("line {i}")).collect();
    assert_eq!(texts(&lines, Stream::Out), expected);
    let escaped = texts(&lines, Stream::Err).first().and_then(|pid| pid.parse().ok());
    let escaped = escaped.and_then(rustix::process::Pid::from_raw).expect("its number");
    rustix::process::kill_process(escaped, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn too_much_output_ends_in_one_note_and_does_not_stop_the_process() {
    let few = OutputLimits { lines_max: 5, ..OutputLimits::default() };
    let (mut process, mut output) = start("seq 1 100000; echo end >&2", few);
    let lines = drain(&mut output).await;
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(
        texts(&lines, Stream::Note),
        ["the output has reached its limit of 5 lines; the rest is dropped"]
    );

    let short = OutputLimits { bytes_max: 10, ..OutputLimits::default() };
    let (_process, mut output) = start("echo 12345; echo 678; echo 9", short);
    let lines = drain(&mut output).await;
    assert_eq!(texts(&lines, Stream::Out), ["12345", "678"]);
    assert_eq!(
        texts(&lines, Stream::Note),
        ["the output has reached its limit of 10 bytes; the rest is dropped"]
    );
}
