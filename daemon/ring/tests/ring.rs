//! The program as it is shipped, with tools in its `PATH` that write down what they get: a card's mixer is a file, what
//! is played another.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use belay_ring::tone::{FRAME, NOTE, RATE};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const QUIET: &str = "Master 20% mute\n";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what tells nothing by itself.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const PLAYS: &str = "exec /bin/cat >\"$F/played\"";
const ALSACTL: &str = r#"
while :; do case "$1" in
    --file) file=$2; shift ;;
    store) exec /bin/cp "$F/mixer" "$file" ;;
    restore) exec /bin/cp "$file" "$F/mixer" ;;
esac; shift; done"#;
const AMIXER: &str = r#"
case "$3" in
    scontrols) echo "Simple mixer control 'Master',0"; echo "Simple mixer control 'Mic1',0" ;;
    *) echo "$*" >>"$F/mixer" ;;
esac"#;
const WPCTL: &str = r#"
case "$1" in
    get-volume) echo "Volume: 0.30 [MUTED]" ;;
    *) echo "$*" >>"$F/mixer" ;;
esac"#;

/// A phone: its tools, its cards, what they got.
struct Phone {
    folder: TempDir,
    notified: UnixDatagram,
}

impl Phone {
    /// With these cards and alsa-utils, of which aplay does what `aplay` says.
    fn new(cards: &[&str], aplay: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let notified = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        let phone = Self { folder, notified };
        for name in ["tools", "run", "sound"] {
            fs::create_dir(phone.at(name)).unwrap();
        }
        for (number, id) in cards.iter().enumerate() {
            let card = phone.at(&format!("sound/card{number}"));
            fs::create_dir(&card).unwrap();
            fs::write(card.join("id"), id).unwrap();
            fs::write(phone.at(&format!("sound/pcmC{number}D0p")), "").unwrap();
        }
        fs::write(phone.at("mixer"), QUIET).unwrap();
        phone.tool("aplay", aplay);
        phone.tool("alsactl", ALSACTL);
        phone.tool("amixer", AMIXER);
        phone.tool("alsaucm", "echo \"$*\" >>\"$F/mixer\"");
        phone
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tool(&self, name: &str, script: &str) {
        let (draft, file) = (self.at("draft"), self.at("tools").join(name));
        let text = format!("#!/bin/sh\necho \"${{0##*/}} $*\" >>\"$F/calls\"\n{script}\n");
        fs::write(&draft, text).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        // Another process writes it: what this one had open for writing, a ring that another test starts meanwhile would have too
        // until it runs its own program, and the kernel runs no file that is.
        let copied = Command::new("/bin/cp").args([&draft, &file]).status();
        assert!(copied.unwrap().success());
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    fn start(&self, args: &[&str]) -> Ring<'_> {
        let child = Command::new(env!("CARGO_BIN_EXE_belay-ring"))
            .args(["--sound".as_ref(), self.at("sound").as_os_str()])
            .args(args)
            .env_clear()
            .env("PATH", self.at("tools"))
            .env("F", self.folder.path())
            .env("RUNTIME_DIRECTORY", self.at("run"))
            .env("NOTIFY_SOCKET", self.at("notify"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Ring { phone: self, child }
    }

    /// How strong each of the two tones is in the `number`th note that was played, of full scale.
    fn tones(&self, number: usize) -> [f64; 2] {
        let played = fs::read(self.at("played")).unwrap();
        let note: Vec<f64> = played
            .chunks_exact(FRAME)
            .skip(number * NOTE as usize)
            .take(NOTE as usize)
            .map(|frame| f64::from(i16::from_le_bytes([frame[0], frame[1]])) / f64::from(i16::MAX))
            .collect();
        assert_eq!(note.len(), NOTE as usize, "as much was played");
        [2_000, 2_600].map(|hz| {
            let turn = |n: usize| std::f64::consts::TAU * f64::from(hz) * n as f64 / f64::from(RATE);
            let (mut sine, mut cosine) = (0.0, 0.0);
            for (n, sample) in note.iter().enumerate() {
                sine += sample * turn(n).sin();
                cosine += sample * turn(n).cos();
            }
            2.0 * sine.hypot(cosine) / note.len() as f64
        })
    }
}

/// The program while it runs.
struct Ring<'a> {
    phone: &'a Phone,
    child: Child,
}

impl Drop for Ring<'_> {
    /// A test that failed leaves none that rings on.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ring<'_> {
    /// Waits until it says that it is heard.
    fn is_heard(&self) {
        let mut said = [0; 64];
        // With a time limit on the socket this call alone isn't begun again after SIGCONT (signal(7)), as when
        // the machine was suspended.
        let length = loop {
            match self.phone.notified.recv(&mut said) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.unwrap(),
            }
        };
        assert_eq!(String::from_utf8_lossy(&said[..length]).trim(), "READY=1");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until its player has written so many notes down.
    fn has_played(&self, notes: usize) {
        let length = notes * NOTE as usize * FRAME;
        let found = looks(PATIENCE, || {
            let played = fs::read(self.phone.at("played")).unwrap_or_default();
            (played.len() >= length).then_some(())
        });
        assert!(found.is_some(), "as much was played");
    }

    /// Stops it; within a second it is silent and all is as before.
    fn stops(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let status = looks(Duration::from_secs(1), || self.child.try_wait().unwrap());
        assert!(status.is_some(), "it isn't silent within a second");
        status.unwrap()
    }

    fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// Looks for so long by the number of looks: while a busy machine leaves this process no processor, no time passes.
fn looks<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let mut passed = Duration::ZERO;
    loop {
        let found = look();
        if found.is_some() || passed >= within {
            return found;
        }
        // What another process writes, or whether it has ended, tells this thread nothing by itself.
        std::thread::park_timeout(LOOK_EVERY);
        passed += LOOK_EVERY;
    }
}

#[test]
fn it_plays_both_tones_aloud_until_it_is_told_to_stop_and_puts_the_mixer_back() {
    let phone = Phone::new(&["PinePhone"], PLAYS);
    let ring = phone.start(&["--level", "90"]);
    ring.is_heard();
    let raised = phone.read("mixer");
    let expected =
        "-c hw:0 set _verb HiFi set _enadev Speaker\n-q -c 0 sset 'Master',0 playback 90% unmute\n";
    assert_eq!(raised, format!("{QUIET}{expected}"));
    assert!(ring.stops().success());
    let [low, high] = [phone.tones(0), phone.tones(1)];
    assert!(low[0] > 0.9 && low[1] < 0.1, "{low:?}");
    assert!(high[1] > 0.9 && high[0] < 0.1, "{high:?}");
    assert!(
        phone
            .read("calls")
            .contains("-f S16_LE -r 48000 -c 2 -D plughw:0,0")
    );
    assert_eq!(phone.read("mixer"), QUIET);
    assert_eq!(fs::read_dir(phone.at("run")).unwrap().count(), 0);
}

#[test]
fn where_a_card_is_busy_the_next_one_plays_and_both_mixers_are_put_back() {
    let busy = format!("case \"$*\" in *plughw:0,0*) echo busy >&2; exit 1 ;; esac\n{PLAYS}");
    let phone = Phone::new(&["PinePhone", "Dock"], &busy);
    let ring = phone.start(&[]);
    ring.is_heard();
    assert!(ring.stops().success());
    assert!(phone.tones(0)[0] > 0.9);
    assert_eq!(phone.read("mixer"), QUIET);
}

#[test]
fn where_nothing_plays_it_says_so_and_leaves_nothing_louder() {
    for aplay in ["exit 1", "exec /bin/sleep 60"] {
        let phone = Phone::new(&["PinePhone"], aplay);
        assert_eq!(phone.start(&[]).ends(), Some(69), "{aplay}");
        assert_eq!(phone.read("mixer"), QUIET, "{aplay}");
    }
    let phone = Phone::new(&[], PLAYS);
    assert_eq!(phone.start(&[]).ends(), Some(69));
    assert_eq!(phone.start(&["--card", "Dock"]).ends(), Some(69));
    assert_eq!(phone.read("played"), "");
}

#[test]
fn the_mixer_of_a_ring_that_was_killed_is_put_back_by_what_comes_after_it() {
    let phone = Phone::new(&["PinePhone"], PLAYS);
    for after in [&["--restore"][..], &["--card", "none"]] {
        let ring = phone.start(&[]);
        ring.is_heard();
        ring.signal(Signal::KILL);
        assert_eq!(ring.ends(), None);
        assert_ne!(phone.read("mixer"), QUIET);
        phone.start(after).ends();
        assert_eq!(phone.read("mixer"), QUIET, "{after:?}");
    }
}

#[test]
fn a_volume_that_can_t_be_put_back_at_once_is_put_back_by_what_systemd_runs_after_it() {
    let once = r#"fails() { [ ! -e "$F/failed" ] && : >"$F/failed"; }"#;
    let phone = Phone::new(&["PinePhone"], PLAYS);
    let busy = format!("{once}\ncase \"$*\" in *restore*) fails && exit 1 ;; esac\n{ALSACTL}");
    phone.tool("alsactl", &busy);
    let ring = phone.start(&[]);
    ring.is_heard();
    assert!(ring.stops().success());
    assert_ne!(phone.read("mixer"), QUIET);
    assert_eq!(phone.start(&["--restore"]).ends(), Some(0));
    assert_eq!(phone.read("mixer"), QUIET);
    assert_eq!(fs::read_dir(phone.at("run")).unwrap().count(), 0);

    let phone = Phone::new(&[], "exit 1");
    let gone = format!("{once}\ncase \"$*\" in *0.30*) fails && exit 1 ;; esac\n{WPCTL}");
    phone.tool("wpctl", &gone);
    phone.tool("pacat", PLAYS);
    let ring = phone.start(&["--session"]);
    ring.is_heard();
    assert!(ring.stops().success());
    assert_eq!(phone.start(&["--session", "--restore"]).ends(), Some(0));
    let last = phone.read("mixer");
    assert!(last.contains("set-volume @DEFAULT_AUDIO_SINK@ 0.30"), "{last}");
}

#[test]
fn in_a_session_its_player_plays_and_the_volume_of_its_output_is_put_back() {
    let phone = Phone::new(&[], "exit 1");
    phone.tool("wpctl", WPCTL);
    // An older one, which doesn't know the option.
    phone.tool(
        "pw-cat",
        &format!("case \"$*\" in *--raw*) exit 1 ;; esac\n{PLAYS}"),
    );
    let ring = phone.start(&["--session"]);
    ring.is_heard();
    let raised = "set-volume @DEFAULT_AUDIO_SINK@ 1.00\nset-mute @DEFAULT_AUDIO_SINK@ 0\n";
    assert_eq!(phone.read("mixer"), format!("{QUIET}{raised}"));
    assert!(ring.stops().success());
    assert!(phone.tones(0)[0] > 0.9);
    let back = "set-volume @DEFAULT_AUDIO_SINK@ 0.30\nset-mute @DEFAULT_AUDIO_SINK@ 1\n";
    assert_eq!(phone.read("mixer"), format!("{QUIET}{raised}{back}"));
}

#[test]
fn a_mixer_that_can_t_be_kept_is_raised_all_the_same() {
    let phone = Phone::new(&["PinePhone"], PLAYS);
    phone.tool("alsactl", "exit 1");
    let ring = phone.start(&[]);
    ring.is_heard();
    assert!(phone.read("mixer").contains("100% unmute"));
    assert!(ring.stops().success());
}

/// A card of ALSA's own that writes what it plays to a file.
const ALSA: &str = r#"
pcm.plughw {
    @args [ CARD DEV ]
    @args.CARD { type string }
    @args.DEV { type integer }
    type file
    file "FOLDER/played"
    format "raw"
    slave.pcm { type null }
}
"#;

#[test]
fn the_aplay_of_this_machine_takes_the_tone_as_it_is_given() {
    let aplay = "/usr/bin/aplay";
    if !Path::new(aplay).exists() {
        // Not through the macros: the test runner keeps what those print to itself.
        let _nobody_reads = writeln!(
            std::io::stderr(),
            "SKIPPED: {aplay} isn't installed: ALSA not tried"
        );
        return;
    }
    let script = format!("ALSA_CONFIG_PATH=\"$F/alsa.conf\" exec {aplay} \"$@\"");
    let phone = Phone::new(&["PinePhone"], &script);
    let config = ALSA.replace("FOLDER", &phone.folder.path().display().to_string());
    fs::write(phone.at("alsa.conf"), config).unwrap();
    let ring = phone.start(&[]);
    ring.is_heard();
    // ALSA keeps half a second to itself, which is lost with a player that has to be killed.
    ring.has_played(2);
    assert!(ring.stops().success());
    let [low, high] = [phone.tones(0), phone.tones(1)];
    assert!(low[0] > 0.9 && high[1] > 0.9, "{low:?} {high:?}");
}

#[test]
fn a_player_that_doesn_t_want_to_end_is_silent_within_a_second_all_the_same() {
    let stubborn = "trap '' TERM\n/bin/cat >\"$F/played\"\nexec /bin/sleep 60";
    let phone = Phone::new(&["PinePhone"], stubborn);
    let ring = phone.start(&[]);
    ring.is_heard();
    assert!(ring.stops().success());
    assert_eq!(phone.read("mixer"), QUIET);
}
