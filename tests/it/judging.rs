//! How long documents are judged, on a clock that the test moves: one that
//! ticks whenever somebody looks at it.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use floe::oci::Reference;
use floe::policy::PolicySet;
use floe::source::layout::Layout;
use floe::verdict::{Decision, Status, Subject, Verdict};
use floe::verifier::{Blocking, Limits, Request, Runtime, Task, Verifier};
use jiff::Timestamp;

use crate::support::authority::{Image, Key, KeyKind, RepositoryContents, cosign_legacy};
use crate::verifier::policies;

/// How many signatures by strangers an image has.
const MANY: usize = 60;

#[derive(Debug, Clone)]
struct Ticking {
    start: Instant,
    tick: Duration,
    looks: Arc<AtomicU64>,
}

impl Ticking {
    fn every(tick: Duration) -> Self {
        Self {
            start: Instant::now(),
            tick,
            looks: Arc::default(),
        }
    }

    fn looks(&self) -> u32 {
        u32::try_from(self.looks.load(Ordering::SeqCst)).expect("few")
    }
}

impl Runtime for Ticking {
    fn now(&self) -> Instant {
        let looks = self.looks();
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.start + self.tick * looks
    }

    async fn sleep_until(&self, deadline: Instant) {
        Blocking.sleep_until(deadline).await;
    }

    fn spawn(&self, task: Task) {
        Blocking.spawn(task);
    }
}

/// An image, who is asked about it, and by what clock.
struct Asked {
    image: Image,
    policies: PolicySet,
    clock: Ticking,
    verifier: Verifier<Layout, Ticking>,
    _folder: tempfile::TempDir,
}

impl Asked {
    /// An image with [`MANY`] signatures by a stranger, behind one by the
    /// authority if it is `signed`.
    fn new(signed: bool, tick: Duration) -> Self {
        let (ours, stranger) = (Key::generate(KeyKind::P256), Key::generate(KeyKind::P256));
        let mut contents = RepositoryContents::new();
        let image = contents.image("one");
        if signed {
            contents.attach(&image, &cosign_legacy(&ours, &image));
        }
        for _ in 0..MANY {
            contents.attach(&image, &cosign_legacy(&stranger, &image));
        }
        let folder = tempfile::tempdir().expect("a folder");
        contents.write_layout(folder.path());
        let layout = Layout::open(folder.path()).expect("a layout");
        let clock = Ticking::every(tick);
        Self {
            image,
            policies: policies(&[("ci", &ours)], serde_json::Value::Null),
            verifier: Verifier::new(layout, clock.clone(), Limits::default()),
            clock,
            _folder: folder,
        }
    }

    /// The verdict that has to be there `within` that time from the start of
    /// the clock, and how many times other tasks had a turn.
    fn ask(&self, within: Duration) -> (Verdict, usize) {
        let text = format!("registry.example.com/app@{}", self.image.digest);
        let reference: Reference = text.parse().expect("a reference");
        let subject = Subject::default();
        let mut review = pin!(self.verifier.verify(Request {
            reference: &reference,
            subject: &subject,
            policies: &self.policies,
            at: Timestamp::UNIX_EPOCH,
            deadline: self.clock.start + within,
        }));
        let mut turns = 0;
        loop {
            match review
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(verdict) => return (verdict, turns),
                Poll::Pending => turns += 1,
            }
        }
    }
}

fn has(verdict: &Verdict, code: &str) -> bool {
    verdict
        .all_findings()
        .any(|found| found.code.as_str() == code)
}

#[test]
fn documents_that_are_not_judged_by_the_deadline_leave_the_question_open() {
    let asked = Asked::new(false, Duration::from_secs(1));
    let (verdict, _) = asked.ask(Duration::from_secs(30));
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(verdict.outcomes()[0].status, Some(Status::Inconclusive));
    assert!(has(&verdict, "deadline-exceeded"), "{verdict:?}");
    // Each of the rest costs one look at the clock, and no cryptography.
    assert!(asked.clock.looks() < 30 + 2 * u32::try_from(MANY).expect("few"));
    // With time enough everything is judged, and then it is known.
    let (verdict, _) = asked.ask(Duration::from_secs(3600));
    assert_eq!(verdict.outcomes()[0].status, Some(Status::Violated));
    assert!(!has(&verdict, "deadline-exceeded"), "{verdict:?}");
}

#[test]
fn what_was_judged_by_the_deadline_or_before_counts_after_it() {
    let asked = Asked::new(true, Duration::from_secs(1));
    for within in [30, 0] {
        let (verdict, _) = asked.ask(Duration::from_secs(within));
        assert_eq!(verdict.decision(), Decision::Allow, "{verdict:?}");
    }
}

#[test]
fn other_tasks_get_their_turn_by_the_time_that_judging_takes() {
    let turns = |tick| {
        let asked = Asked::new(false, tick);
        let (verdict, turns) = asked.ask(Duration::from_secs(10));
        assert_eq!(verdict.outcomes()[0].status, Some(Status::Violated));
        turns
    };
    let cheap = turns(Duration::ZERO);
    let costly = turns(Duration::from_millis(2));
    assert_eq!(costly - cheap, MANY);
}
