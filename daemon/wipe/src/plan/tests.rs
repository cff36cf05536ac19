use super::*;

const HEAD: &str =
    "[journal]\npath = \"/boot/belay\"\n[intent]\npath = \"/var/lib/belay-warden/wipe-intent\"\n";

fn plan(data: &str, steps: &[&str]) -> Result<Plan, PlanError> {
    let steps: String = steps.iter().map(|step| format!("[[step]]\n{step}\n")).collect();
    Plan::parse(&format!("{HEAD}[data]\nplaces = [{data}]\n{steps}"))
}

fn class(data: &str, steps: &[&str]) -> Class {
    plan(data, steps).unwrap().class()
}

fn complaint(steps: &[&str]) -> String {
    plan("", steps).unwrap_err().to_string()
}

const KEYS: &str = "kind = \"luks-keyslots\"\ndevice = \"/dev/root\"";
const DISCARD: &str = "kind = \"discard\"\ndevice = \"/dev/root\"";
const REMOVE: &str = "kind = \"remove\"\npaths = [\"/home\"]";
const OFF: &str = "kind = \"power-off\"";

#[test]
fn the_class_is_the_best_that_is_done_to_the_data() {
    assert_eq!(class("\"/dev/root\"", &[KEYS, DISCARD, OFF]), Class::Crypto);
    assert_eq!(class("\"/dev/root\"", &[DISCARD, OFF]), Class::Discard);
    assert_eq!(class("\"/home/ada\"", &[REMOVE, OFF]), Class::Files);
    let overwrite = "kind = \"overwrite\"\npath = \"/home\"";
    assert_eq!(class("\"/home\"", &[REMOVE, overwrite]), Class::Overwrite);
    assert_eq!(class("\"/home\"", &["kind = \"factory-reset\""]), Class::Files);
}

#[test]
fn the_place_that_fares_worst_decides() {
    assert_eq!(class("\"/dev/root\", \"/home\"", &[KEYS, REMOVE]), Class::Files);
    assert_eq!(class("\"/dev/root\", \"/srv\"", &[KEYS, REMOVE]), Class::None);
}

#[test]
fn a_plan_that_does_not_say_where_the_data_lies_promises_nothing() {
    assert_eq!(class("", &[KEYS, OFF]), Class::None);
}

#[test]
fn what_happens_only_on_request_promises_nothing() {
    let external = format!("{KEYS}\nexternal = true");
    assert_eq!(class("\"/dev/root\"", &[&external]), Class::None);
}

#[test]
fn keys_go_first_and_the_power_last() {
    assert!(complaint(&[DISCARD, KEYS]).contains("keys go first"));
    assert!(complaint(&[OFF, REMOVE]).contains("after the power-off"));
    assert!(plan("", &[KEYS, KEYS, DISCARD, OFF]).is_ok());
}

#[test]
fn a_field_of_another_kind_is_named_with_its_step() {
    let complaint = complaint(&[KEYS, &format!("{DISCARD}\npasses = 2")]);
    assert_eq!(complaint, "step 2 (discard): `passes` doesn't belong here");
}

#[test]
fn a_key_nobody_knows_is_refused() {
    assert!(complaint(&["kind = \"remove\"\npaths = [\"/home\"]\nforce = true"]).contains("force"));
    assert!(complaint(&["kind = \"shred\""]).contains("no such kind"));
}

#[test]
fn only_absolute_paths_to_something_are_taken() {
    for path in ["/", "home", "/home/../etc", "."] {
        let step = format!("kind = \"remove\"\npaths = [\"{path}\"]");
        assert!(complaint(&[&step]).contains("absolute"), "{path}");
    }
    assert!(complaint(&["kind = \"exec\"\ncommand = [\"mmc\"]"]).contains("absolute"));
}

#[test]
fn a_plan_without_a_step_is_none() {
    assert!(complaint(&[]).contains("there is none"));
}

#[test]
fn a_power_off_is_never_left_out() {
    assert!(complaint(&[&format!("{OFF}\nexternal = true")]).contains("never left out"));
}
