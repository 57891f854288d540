//! What a guardian does when it is late.

use super::*;

/// One that has started its first process, which is the other end of `stage`.
fn guardian(until: Boottime) -> (Run, OwnedFd) {
    let (control, worker) = wire::pair().unwrap();
    let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC).unwrap();
    arm(&timer, until).unwrap();
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let run = Run {
        control,
        timer,
        signals: SignalFd::with_flags(&SigSet::empty(), flags).unwrap(),
        launch: Launch {
            until,
            name: String::new(),
            program: "/bin/true".into(),
            arguments: Vec::new(),
            environment: [].into(),
            working_dir: "/".into(),
            account: None,
            limits: launch::Limits::default(),
            cgroup: crate::cgroup::Group::default(),
        },
        until,
        stage: None,
        leader: None,
        is_by_order: false,
        is_lapsed: false,
        ending: None,
        is_empty: false,
    };
    (run, worker)
}

/// What the first process has heard.
fn heard(stage: &OwnedFd) -> Vec<Order> {
    let packets = std::iter::from_fn(|| wire::take(stage, false).ok().flatten());
    packets.map(|packet| Order::decode(&packet).unwrap()).collect()
}

#[test]
fn a_first_process_that_listens_when_the_lease_is_over_is_not_told_to_begin() {
    let (mut run, worker) = guardian(Boottime::now().plus(Duration::from_millis(50)));
    // Who does not look at the lease goes on until this.
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(20));
        drop(worker);
    });
    let (ours, theirs) = wire::pair().unwrap();
    // More than there is room for while it does not listen.
    let launch = vec![7; 16 * 1024 * 1024];
    assert!(!wire::launch(&launch).all(|packet| run.say(&ours, &packet)), "it was told all");
    assert!(run.until <= Boottime::now(), "the guardian gave up before the lease was over");
    assert!(run.ending.is_none(), "it has waited for the end of its worker");
    assert!(!heard(&theirs).is_empty());
    // Nor when it has nothing else to hear any more.
    assert!(!run.say(&ours, &Order::Start.encode()));
    assert_eq!(heard(&theirs), []);
}

#[test]
fn a_first_process_that_takes_its_time_is_told_all_if_the_lease_is_renewed() {
    let (mut run, worker) = guardian(Boottime::now().plus(Duration::from_millis(50)));
    let (ours, theirs) = wire::pair().unwrap();
    let later = Order::Renew(Boottime::now().plus(Duration::from_mins(1)));
    wire::put(&worker, &later.encode(), false).unwrap();
    let stage = std::thread::spawn(move || {
        let mut orders = Vec::new();
        while orders.last() != Some(&Order::Start) {
            orders.push(Order::decode(&wire::take(&theirs, true).unwrap().unwrap()).unwrap());
        }
        orders.len()
    });
    let launch = vec![7; 16 * 1024 * 1024];
    assert!(wire::launch(&launch).all(|packet| run.say(&ours, &packet)));
    assert!(stage.join().unwrap() > 512);
}

#[test]
fn a_first_process_is_not_told_to_begin_when_the_worker_is_gone() {
    let (mut run, worker) = guardian(Boottime::now().plus(Duration::from_mins(1)));
    let (ours, theirs) = wire::pair().unwrap();
    assert!(run.say(&ours, &Order::Launch(vec![1]).encode()));
    drop(worker);
    assert!(!run.say(&ours, &Order::Start.encode()));
    assert_eq!(heard(&theirs), [Order::Launch(vec![1])]);
}
