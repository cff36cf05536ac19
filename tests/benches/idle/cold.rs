//! belayd and the warden together from nothing, as after boot: belayd is started, and the bus starts the warden.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use zbus::fdo::{DBusProxy, NameOwnerChangedStream};

use crate::bus::Bus;
use crate::daemon::{Daemon, Running};
use crate::measure::connect;

const WARDEN: &str = "org.belay1.Warden";
/// How long anything may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(20);

/// The times from `exec` of belayd to both names being owned: belayd's, the warden's. Neither runs before each start.
pub async fn measure(belayd: &Daemon, folder: &Path, starts: usize) -> (Vec<Duration>, Vec<Duration>) {
    let folder = folder.join("cold");
    std::fs::create_dir_all(&folder).unwrap();
    let bus = Bus::start(&folder).with_polkit();
    let watcher = connect(&bus).await;
    let proxy = DBusProxy::new(&watcher).await.unwrap();
    // The first start makes the database; the measured ones find it.
    let (running, _) = both(belayd, &bus, &proxy, &folder).await;
    end_both(running, &proxy, belayd.name).await;
    let (mut names, mut wardens) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let (running, (name, warden)) = both(belayd, &bus, &proxy, &folder).await;
        names.push(name);
        wardens.push(warden);
        end_both(running, &proxy, belayd.name).await;
    }
    names.sort();
    wardens.sort();
    (names, wardens)
}

/// Starts belayd; the times until its name and the warden's have an owner.
async fn both(
    belayd: &Daemon,
    bus: &Bus,
    proxy: &DBusProxy<'_>,
    folder: &Path,
) -> (Running, (Duration, Duration)) {
    let mut own = changes(proxy, belayd.name).await;
    let mut wardens = changes(proxy, WARDEN).await;
    let begin = Instant::now();
    let running = belayd.start(&bus.address, folder);
    let times = tokio::join!(owned(&mut own, true, begin), owned(&mut wardens, true, begin));
    (running, times)
}

/// Ends both, and waits until their names are free.
async fn end_both(running: Running, proxy: &DBusProxy<'_>, name: &str) {
    let (mut own, mut wardens) = (changes(proxy, name).await, changes(proxy, WARDEN).await);
    running.stop();
    owned(&mut own, false, Instant::now()).await;
    // belayd started it; it leaves by itself only after a while.
    let warden = proxy
        .get_connection_unix_process_id(WARDEN.try_into().unwrap())
        .await;
    if let Ok(pid) = warden {
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        owned(&mut wardens, false, Instant::now()).await;
    }
}

async fn changes(proxy: &DBusProxy<'_>, name: &str) -> NameOwnerChangedStream {
    proxy
        .receive_name_owner_changed_with_args(&[(0, name)])
        .await
        .unwrap()
}

/// Waits until the name has an owner, or none; the time since `begin`.
async fn owned(changes: &mut NameOwnerChangedStream, wanted: bool, begin: Instant) -> Duration {
    loop {
        let change = tokio::time::timeout(PATIENCE, changes.next())
            .await
            .expect("a name that changes its owner")
            .unwrap();
        if change.args().unwrap().new_owner().is_some() == wanted {
            return begin.elapsed();
        }
    }
}
