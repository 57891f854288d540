//! What would be seen, and what keys do, without a cluster and without a terminal.

use std::time::{Duration, UNIX_EPOCH};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use stint_client::Timestamp;
use stint_client::v0::{
    Attempt, CapacityMap, Cron, Disk, GetClusterStatusResponse, LogLine, Member, Queue, Worker,
};

use super::*;
use crate::command::Key;
use crate::picture::{Detail, Seen, Topic};
use crate::{draw, once};

const NOW_S: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds: NOW_S + seconds, nanos: 0 }
}

fn app(may_change: bool) -> App {
    let wall = UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW_S).expect("after 1970"));
    let mut app = App::new("ann".into(), may_change, true, Now { wall, steady: Instant::now() });
    app.told(News::Jobs(
        vec![job("aaaaaaa1", "waiting"), job("aaaaaaa2", "running"), job("aaaaaaa3", "error")],
        true,
    ));
    app.told(News::Cluster(Box::new(seen("000000000001", "000000000002"))));
    app.told(News::Queues(vec![queue("scan", true), queue("sleep", false)], None));
    app
}

fn job(end: &str, status: &str) -> Job {
    let id = format!("0199aaaa-bbbb-7ccc-8ddd-eeee{end}");
    let mut job = Job {
        retry_from_id: id.clone(),
        id,
        status: status.into(),
        action: "scan".into(),
        scheduled_at: Some(at(-75)),
        priority: 50,
        line_count: 3,
        ..Default::default()
    };
    match status {
        "waiting" => job.wait_reason = "the capacity scan: 1 is in use".into(),
        "running" => job.worker_id = "000000000003".into(),
        "error" => {
            job.attempts = vec![Attempt {
                number: 1,
                worker_id: "000000000001".into(),
                started_at: Some(at(-70)),
                ended_at: Some(at(-8)),
                end: "exited".into(),
                exit_code: Some(7),
                reason: "it exited with code 7".into(),
                ..Default::default()
            }];
        }
        _ => {}
    }
    job
}

fn queue(action: &str, is_paused: bool) -> Queue {
    Queue {
        action: action.into(),
        due: 4,
        running: 2,
        scheduled: 1,
        oldest_due: Some(at(-90)),
        paused: is_paused,
        paused_at: Some(at(-3_600)),
        paused_by: "bob".into(),
        pause_reason: "the disk is full".into(),
    }
}

fn seen(asked: &str, leader: &str) -> Seen {
    let member = |n: u64| Member {
        id: format!("00000000000{n}"),
        is_voter: true,
        is_leader: format!("00000000000{n}") == leader,
        lag: Some(n - 1),
        client_address: format!("127.0.0.{n}:7400"),
        version: Some("0.1.0".into()),
        ..Default::default()
    };
    let gone = "it has not been heard of lately".to_owned();
    let health = [
        ("000000000001", "OK".to_owned()),
        ("000000000002", "OK".to_owned()),
        ("000000000003", gone),
    ];
    let status = GetClusterStatusResponse {
        replica: leader.into(),
        leader: leader.into(),
        term: 5,
        members: (1..=3).map(member).collect(),
        replica_health: health.into_iter().map(|(id, text)| (id.to_owned(), text)).collect(),
        ..Default::default()
    };
    let disk = Some(Disk { free_bytes: 5 << 30, total_bytes: 100 << 30, ..Default::default() });
    let one = GetClusterStatusResponse {
        disk,
        replica_health: status.replica_health.clone(),
        ..Default::default()
    };
    Seen { status, asked: asked.into(), own: [("000000000001".to_owned(), one)].into() }
}

/// The lines of a terminal of this size.
fn shown(app: &mut App, columns: u16, rows: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
    let frame = terminal.draw(|frame| draw::draw(app, frame.buffer_mut())).expect("a frame");
    once::lines(frame.buffer)
}

fn row<'a>(lines: &'a [String], text: &str) -> &'a str {
    lines
        .iter()
        .find(|line| line.contains(text))
        .unwrap_or_else(|| panic!("no {text} in\n{}", lines.join("\n")))
}

fn press(app: &mut App, keys: &str) {
    keys.chars().for_each(|c| app.press(if c == '\n' { Key::Enter } else { Key::Char(c) }));
}

#[test]
fn jobs_say_why_they_wait_and_how_they_ended_in_80_columns() {
    let lines = shown(&mut app(true), 80, 24);
    assert!(
        lines[0].contains("000000000002 leads 3") && lines[0].contains("asks 000000000001"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("running 4   due 8 (oldest 1m30s)   for later 2   1 queue paused"),
        "{lines:?}"
    );
    assert!(
        row(&lines, "aaaaaaa1")
            .contains("scan         waiting        -            1m15s    the capacity scan: 1")
    );
    assert!(row(&lines, "aaaaaaa2").contains("running        000000000003"));
    assert!(row(&lines, "aaaaaaa3").contains("it exited with code"));
    assert!(
        lines[23].contains("q quit")
            && lines[23].contains("c cancel")
            && lines[23].contains("s sort"),
        "{}",
        lines[23]
    );
    let wide = shown(&mut app(true), 140, 24);
    assert!(row(&wide, "aaaaaaa3").ends_with("it exited with code 7"));
    assert!(row(&wide, "ACTION").contains("TRY") && !row(&lines, "ACTION").contains("TRY"));
}

#[test]
fn workers_say_what_is_in_use_and_how_long_their_lease_lasts() {
    let mut app = app(true);
    press(&mut app, "2");
    let map = |n| Some(CapacityMap { entries: [("scan".to_owned(), n)].into() });
    let worker = |id: &str, status: &str| Worker {
        id: id.into(),
        status: status.into(),
        capacity_map: map(2),
        capacity_in_use: map(1),
        heartbeat_expiration: Some(at(9)),
        running: 1,
        actions: vec!["scan".into(), "sleep".into()],
        ..Default::default()
    };
    let draining = Worker { draining: true, ..worker("000000000002", "running") };
    app.told(News::Workers(vec![
        worker("000000000001", "running"),
        draining,
        worker("000000000003", "dead"),
    ]));
    let lines = shown(&mut app, 80, 24);
    let line = row(&lines, "running    1");
    assert!(
        line.starts_with("000000000001")
            && line.contains("9s")
            && line.contains("scan 1/2")
            && line.contains("scan sleep"),
        "{line}"
    );
    assert!(row(&lines, "draining").starts_with("000000000002"));
    assert!(row(&lines, "dead").contains("-       scan 1/2"));
    // `p` resumes the one that drains, and drains the other.
    press(&mut app, "jp");
    assert!(row(&shown(&mut app, 80, 24), "resume worker").contains("000000000002"));
    press(&mut app, "y");
    assert_eq!(app.orders(), [Deed::ResumeWorker("000000000002".into())]);
}

#[test]
fn queues_say_why_their_jobs_wait() {
    let mut app = app(true);
    press(&mut app, "3");
    let reasons = [("sleep".to_owned(), "no worker offers it".to_owned())].into();
    app.told(News::Queues(vec![queue("scan", true), queue("sleep", false)], Some(reasons)));
    let lines = shown(&mut app, 80, 24);
    assert!(
        row(&lines, "scan ")
            .contains("4      1m30s     2       1      paused by bob 1h00m ago: th"),
        "{lines:?}"
    );
    assert!(row(&lines, "sleep ").contains("no worker offers it"));
    press(&mut app, "pn");
    assert!(app.orders().is_empty(), "no is no");
    press(&mut app, "py");
    assert_eq!(app.orders(), [Deed::ResumeQueue("scan".into())]);
    press(&mut app, "jpy");
    assert_eq!(app.orders(), [Deed::PauseQueue("sleep".into())]);
}

#[test]
fn crons_say_when_they_come_and_what_they_skipped() {
    let mut app = app(true);
    press(&mut app, "4");
    let cron = Cron {
        action: "scan".into(),
        schedule: "0 30 3 * * *".into(),
        next_run: Some(at(600)),
        last_tick: Some(at(-60)),
        fired: 12,
        skipped: [("missed".to_owned(), 3)].into(),
        is_paused: true,
        ..Default::default()
    };
    app.told(News::Crons(vec![cron]));
    let lines = shown(&mut app, 100, 24);
    assert!(
        row(&lines, "0 30 3").contains("in 10m00s  1m00s     12      3      paused"),
        "{lines:?}"
    );
}

#[test]
fn the_cluster_says_who_leads_who_is_behind_and_what_is_wrong() {
    let mut app = app(true);
    press(&mut app, "5");
    let lines = shown(&mut app, 80, 24);
    assert!(
        row(&lines, "leader ").starts_with("000000000002")
            && row(&lines, "leader ").contains("OK        1")
    );
    assert!(
        row(&lines, "5.0 GiB (5%)").starts_with("000000000001"),
        "of itself a replica knows best"
    );
    assert!(row(&lines, "see below").starts_with("000000000003"));
    assert!(row(&lines, "000000000003: ").ends_with("it has not been heard of lately"));
    assert!(row(&lines, "term 5").contains("feature level"));
}

#[test]
fn details_have_runs_and_children_and_can_be_scrolled() {
    let mut app = app(true);
    press(&mut app, "jj\n");
    assert_eq!(app.wanted().job.as_deref(), Some("0199aaaa-bbbb-7ccc-8ddd-eeeeaaaaaaa3"));
    assert!(row(&shown(&mut app, 80, 24), "asking").contains("aaaaaaa3"));
    let mut parent = job("aaaaaaa3", "error");
    (parent.children_left, parent.children_failed) = (Some(1), Some(0));
    app.told(News::Job(Box::new(Detail {
        job: parent,
        children: vec![job("bbbbbbb1", "running")],
    })));
    let lines = shown(&mut app, 80, 30);
    assert!(row(&lines, "RUN ").contains("WORKER"));
    assert!(row(&lines, "exited 7").contains("1m10s    1m02s"), "{lines:?}");
    assert!(row(&lines, "CHILDREN").contains("1 not over, 0 failed"));
    assert!(row(&lines, "bbbbbbb1").contains("running"));
    app.press(Key::End);
    assert!(shown(&mut app, 80, 10).iter().any(|line| line.contains("bbbbbbb1")));
    app.press(Key::Escape);
    assert_eq!(
        (app.wanted().job, app.chosen()),
        (None, Some("0199aaaa-bbbb-7ccc-8ddd-eeeeaaaaaaa3".into()))
    );
}

#[test]
fn output_is_followed_searched_and_told_apart() {
    let mut app = app(true);
    press(&mut app, "jl");
    let id = app.wanted().output.expect("a job");
    let line = |n: u64, source: &str| LogLine {
        data: format!("\u{1b}[31mword {n}"),
        line_num: n,
        source: source.into(),
    };
    app.told(News::Lines("another".into(), vec![line(7_777, "stdout")]));
    app.told(News::Lines(id.clone(), (0..50).map(|n| line(n, "stdout")).collect()));
    app.told(News::Lines(id.clone(), vec![line(50, "stderr"), line(51, "stint")]));
    let lines = shown(&mut app, 80, 24);
    assert!(
        row(&lines, "50 E word 50").ends_with("word 50")
            && row(&lines, "51 S word 51").ends_with("51")
    );
    assert!(!lines.iter().any(|line| line.contains("7777")), "of another job");
    press(&mut app, "/word 17\n");
    assert!(row(&shown(&mut app, 80, 24), "17   word 17").contains("17"));
    app.press(Key::End);
    app.told(News::OutputEnded(id));
    assert!(row(&shown(&mut app, 80, 24), "52 lines; it has ended").contains("output of"));
    app.press(Key::Escape);
    assert_eq!(app.wanted().output, None);
}

#[test]
fn changes_are_asked_about_first_and_each_is_ordered_once() {
    let mut app = app(true);
    press(&mut app, "c");
    assert!(row(&shown(&mut app, 80, 24), "cancel job").contains("eeeeaaaaaaa1"));
    press(&mut app, "xj");
    assert_eq!((app.orders(), app.dialog.is_some()), (vec![], true), "only y is a yes");
    press(&mut app, "y");
    let id = |n| format!("0199aaaa-bbbb-7ccc-8ddd-eeeeaaaaaaa{n}");
    assert_eq!(app.orders(), [Deed::Cancel(id(1))]);
    assert_eq!(app.orders(), []);
    app.told(News::Done(Err("user ann: this takes the role operator".into())));
    assert!(shown(&mut app, 80, 24)[22].contains("not done: user ann"));
    // What is over can be retried, and not canceled.
    press(&mut app, "jjcy");
    assert_eq!(app.orders(), []);
    press(&mut app, "ry");
    assert!(matches!(app.orders().as_slice(), [Deed::Retry { id: of, .. }] if *of == id(3)));
}

#[test]
fn a_viewer_is_not_offered_what_would_be_refused() {
    let mut app = app(false);
    let lines = shown(&mut app, 80, 24);
    assert!(lines[0].contains("may look only"));
    assert!(
        !lines[23].contains("cancel")
            && !lines[23].contains("delete")
            && lines[23].contains("l output"),
        "{}",
        lines[23]
    );
    for keys in ["c", "d", "jjr", "3p", "2p", "4p"] {
        press(&mut app, keys);
        assert_eq!(app.dialog, None, "{keys}");
        app.press(Key::Char('1'));
    }
    press(&mut app, "?");
    let help = shown(&mut app, 80, 40);
    assert!(
        !help.iter().any(|line| line.contains("cancel the job"))
            && row(&help, "follow the output of").contains('l')
    );
}

#[test]
fn the_help_has_room_in_80_columns_and_24_rows() {
    let mut app = app(true);
    press(&mut app, "?");
    let lines = shown(&mut app, 80, 24);
    for (key, help) in [
        ("q", "quit"),
        ("/", "only rows with these words; of jobs action=A status=S too"),
        ("end", "to the end, where more is loaded, and output followed"),
    ] {
        let line = row(&lines, help);
        assert!(line.contains(&format!("| {key:<10} {help}")), "{line}");
    }
    press(&mut app, "c");
    assert_eq!(app.dialog, None, "any key closes it, and does nothing else");
}

#[test]
fn filters_sorts_and_lists_are_chosen_by_keys() {
    let mut app = app(true);
    press(&mut app, "/status=waiting exi");
    assert!(row(&shown(&mut app, 80, 24), "1 jobs").contains("/ status=waiting exi_"));
    app.press(Key::Backspace);
    assert_eq!(app.wanted().filter, Filter::default(), "not before it is typed");
    app.press(Key::Enter);
    assert_eq!(app.wanted().filter.request(1).status, "waiting");
    assert_eq!(app.rows().len(), 1, "and in the rows the word");
    app.press(Key::Escape);
    assert!(app.wanted().filter.is_empty());
    press(&mut app, "sss");
    let lines = shown(&mut app, 80, 24);
    assert!(row(&lines, "STATUS^").contains("ACTION"));
    assert!(lines[4].contains("error") && lines[6].contains("waiting"), "{lines:?}");
    press(&mut app, "S");
    assert!(shown(&mut app, 80, 24)[4].contains("waiting"));
    app.press(Key::BackTab);
    assert_eq!(app.tab, Tab::Cluster);
    app.press(Key::Tab);
    press(&mut app, "3\n");
    assert_eq!(
        (app.tab, app.wanted().filter.text.as_str()),
        (Tab::Jobs, "action=scan"),
        "the jobs of a queue"
    );
}

#[test]
fn at_the_end_of_the_list_more_is_asked_for_up_to_a_bound() {
    let mut app = app(true);
    assert_eq!(app.wanted().limit, limits::JOBS_STEP);
    for _ in 0..20 {
        app.press(Key::End);
    }
    assert_eq!(app.wanted().limit, limits::JOBS_MAX);
    app.told(News::Jobs(vec![job("aaaaaaa1", "done")], false));
    press(&mut app, "/x\n");
    app.press(Key::End);
    assert_eq!(app.wanted().limit, limits::JOBS_STEP, "there is no more");
}

#[test]
fn a_lost_replica_a_new_leader_and_silence_are_said() {
    let mut app = app(true);
    app.told(News::Cluster(Box::new(seen("000000000003", "000000000002"))));
    assert!(
        shown(&mut app, 80, 24)[22].contains("000000000001 does not answer, 000000000003 is asked")
    );
    app.told(News::Cluster(Box::new(seen("000000000003", ""))));
    let lines = shown(&mut app, 80, 24);
    assert!(lines[0].contains("no leader") && lines[22].contains("leads no more"), "{lines:?}");
    app.told(News::Cluster(Box::new(seen("000000000003", "000000000001"))));
    assert!(shown(&mut app, 80, 24)[22].contains("000000000001 leads now"));
    let mut warned = seen("000000000003", "000000000001");
    warned.status.cluster_warnings =
        vec!["one more loss stops all writes".into(), "another".into()];
    app.told(News::Cluster(Box::new(warned)));
    app.note = None;
    let lines = shown(&mut app, 80, 24);
    assert!(lines[22].contains("(and 1 more: 5) one more loss") && lines[1].contains("running 4"));
    app.told(News::Cluster(Box::new(seen("000000000003", "000000000001"))));
    app.told(News::Trouble(Topic::Jobs, "no replica answered".into()));
    assert!(shown(&mut app, 80, 24)[1].contains("not current: no replica answered"));
    let later = Now { steady: app.now.steady + Duration::from_secs(9), ..app.now };
    app.tick(later);
    let lines = shown(&mut app, 80, 24);
    assert!(lines[1].contains("NOTHING HEARD FOR 9s") && lines[22].is_empty(), "{lines:?}");
    app.told(News::Jobs(Vec::new(), false));
    assert!(shown(&mut app, 80, 24)[1].contains("running 4"), "it recovers by itself");
}

#[test]
fn without_colours_there_are_none() {
    for has_colours in [true, false] {
        let mut app = app(true);
        app.has_colours = has_colours;
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        let frame =
            terminal.draw(|frame| draw::draw(&mut app, frame.buffer_mut())).expect("a frame");
        let is_coloured = frame
            .buffer
            .content
            .iter()
            .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(is_coloured, has_colours);
    }
}

#[test]
fn any_size_of_terminal_is_drawn_on() {
    let mut app = app(true);
    for (columns, rows) in [(1, 1), (10, 3), (40, 8), (41, 9), (80, 24), (300, 100)] {
        for keys in ["1", "2", "3", "4", "5", "?", " ", "1\n", "l", "/abc"] {
            press(&mut app, keys);
            assert_eq!(shown(&mut app, columns, rows).len(), usize::from(rows));
        }
        app.press(Key::Escape);
        app.press(Key::Escape);
    }
}

#[test]
fn names_cannot_command_the_terminal() {
    let mut app = app(true);
    let evil = Job { action: "a\u{1b}[2J\nb".into(), ..job("ccccccc1", "waiting") };
    app.told(News::Jobs(vec![evil], false));
    let lines = shown(&mut app, 80, 24);
    assert!(row(&lines, "ccccccc1").contains("a\u{fffd}[2J\u{fffd}b"), "{lines:?}");
}
