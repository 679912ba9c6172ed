//! No space left, wherever it runs out: one clear error, a sound file, and the same command goes on (F06).

use super::{TABLES, workshop};
use crate::support::binary::{Folder, Ran, in_own_mounts};
use crate::support::judge::{self, Stand};

/// Runs the job onto a drive of that many KiB, then again after the drive was made larger.
///
/// `drive` is gone with its namespace, so the sink is copied out of it: as it was left (`left.db`) and at the end.
fn on_a_small_drive(folder: &Folder, kib: u32) -> (Ran, Ran) {
    let script = format!(
        "mkdir -p drive
         mount -t tmpfs -o size={kib}k tmpfs drive || exit 99
         \"$SYNCLINE\" run >first.out 2>first.err; echo $? >first.code
         rm -f left.db*
         for f in drive/sink.db*; do if [ -e \"$f\" ]; then cp \"$f\" \"left${{f#drive/sink}}\"; fi; done
         mount -o remount,size=64m drive || exit 99
         \"$SYNCLINE\" run >second.out 2>second.err; echo $? >second.code
         cp drive/sink.db sink.db"
    );
    let ran = in_own_mounts(folder, &script);
    assert_eq!(ran.code, Some(0), "the drive could not be made: {}", ran.err);
    let account = |run: &str| {
        let read = |ending: &str| std::fs::read_to_string(folder.path(&format!("{run}.{ending}"))).unwrap();
        Ran { code: read("code").trim().parse().ok(), signal: None, out: read("out"), err: read("err") }
    };
    (account("first"), account("second"))
}

#[test]
fn a_full_drive_stops_a_copy_cleanly() {
    let folder = workshop(3000, "upsert");
    let config = std::fs::read_to_string(folder.path("syncline.yaml")).unwrap();
    folder.write("syncline.yaml", &config.replace("sqlite:sink.db", "sqlite:drive/sink.db"));
    let mut full = 0;
    for kib in [4, 8, 40, 160, 280, 400, 520, 700] {
        let _ = std::fs::remove_file(folder.path("sink.db"));
        let (first, second) = on_a_small_drive(&folder, kib);
        let what = format!("{kib} KiB");
        if first.code != Some(0) {
            full += 1;
            assert!(matches!(first.code, Some(1 | 4)), "{what}: {first:?}");
            assert_eq!(first.err.matches("error:").count(), 1, "{what}: {}", first.err);
            let advice = "make room; the same command continues where this one stopped";
            assert!(first.err.contains("database or disk is full") && first.err.contains(advice), "{what}: {first:?}");
            if folder.path("left.db").exists() {
                let left = judge::set_aside(&folder.path("left.db"), &folder.path("left"));
                let torn = judge::stands(&left, &folder.path("new.db"));
                assert!(!torn.values().any(|s| *s == Stand::Different), "{what}: {torn:?}");
                let done = torn.values().filter(|s| **s == Stand::Same).count();
                assert!(done < TABLES, "{what}: nothing was left to do");
                assert_eq!(first.code, Some(if done > 0 { 4 } else { 1 }), "{what}: {done} tables are done");
            }
        }
        assert_eq!(second.code, Some(0), "{what}, then with room: {second:?}");
        judge::same(&folder.path("sink.db"), &folder.path("new.db"));
        judge::no_trace(&folder.path("sink.db"));
    }
    assert!(full >= 4, "the drive was full only {full} times");
}

#[test]
fn a_file_size_limit_is_survived() {
    let folder = workshop(3000, "upsert");
    // A process that writes past the limit is killed by the system; nothing asks it before.
    for blocks in [1, 40, 200, 400] {
        super::remove_sink(&folder);
        let script = format!("ulimit -f {blocks}; exec \"$SYNCLINE\" run");
        let ran = in_own_mounts(&folder, &script);
        assert_ne!(ran.code, Some(0), "the limit of {blocks} blocks was not felt");
        super::whole(&folder, "file size limit");
        super::ends_well(&folder, "file size limit");
    }
}
