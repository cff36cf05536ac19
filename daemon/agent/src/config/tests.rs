use super::*;

fn folders(home: &Path) -> Folders {
    Folders::new(
        home.to_owned(),
        home.join(".config"),
        home.join(".local/state"),
        home.join(".local/share"),
    )
}

fn read(home: &Path, text: &str) -> Result<Config, ConfigError> {
    let file = home.join("config.toml");
    fs::write(&file, text).unwrap();
    Config::load(Some(&file), &folders(home))
}

#[test]
fn without_a_file_the_usual_folders_are_meant() {
    let home = tempfile::tempdir().unwrap();
    let config = Config::load(None, &folders(home.path())).unwrap();
    let paths: Vec<(&str, PathBuf)> = config
        .sources
        .iter()
        .map(|(name, it)| (name.as_str(), it.path.clone()))
        .collect();
    let at = |name: &str| home.path().join(name);
    let expected = [
        ("calendars", at(".calendars")),
        ("contacts", at(".contacts")),
        ("documents", at("Documents")),
        ("notes", at("Notes")),
        ("pictures", at("Pictures")),
        ("videos", at("Videos")),
    ];
    assert_eq!(paths, expected);
}

#[test]
fn the_users_own_folders_are_taken_from_xdg() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".config")).unwrap();
    fs::create_dir_all(home.path().join(".local/share/kpeoplevcard")).unwrap();
    let text = "# comment\nXDG_PICTURES_DIR=\"$HOME/Bilder\"\nXDG_VIDEOS_DIR=\"/sd/v/\"\nXDG_DOCUMENTS_DIR=\"$HOME/\"\n";
    fs::write(home.path().join(".config/user-dirs.dirs"), text).unwrap();
    let config = Config::load(None, &folders(home.path())).unwrap();
    assert_eq!(config.sources["pictures"].path, home.path().join("Bilder"));
    assert_eq!(config.sources["videos"].path, Path::new("/sd/v"));
    assert_eq!(config.sources["contacts"].kind, Keeping::Kpeople);
    assert!(
        !config.sources.contains_key("documents"),
        "the home folder is no folder of documents"
    );
}

#[test]
fn what_is_printed_reads_as_the_same() {
    let home = tempfile::tempdir().unwrap();
    let text = "settle = 0\nbus = \"session\"\n[sources.videos]\noff = true\n[sources.calendars]\noff = true\n[sources.work]\n\
                collection = \"calendars\"\nkind = \"vdir\"\npath = \"~/a \\\"b\\\"\"\n[sources.notes]\npath = \"~/Documents/Notes\"\n";
    let config = read(home.path(), text).unwrap();
    assert_eq!(config.sources["work"].path, home.path().join("a \"b\""));
    assert!(!config.sources.contains_key("videos"));
    assert_eq!(config.below("documents"), ["Notes"]);
    assert_eq!(config.below("notes"), Vec::<String>::new());
    let again = read(
        home.path(),
        &format!(
            "{}\n[sources.videos]\noff = true\n[sources.calendars]\noff = true\n",
            config.to_toml()
        ),
    )
    .unwrap();
    assert_eq!(again, config);
}

#[test]
fn mistakes_are_named() {
    let home = tempfile::tempdir().unwrap();
    for (text, complaint) in [
        ("colour = 1", "colour"),
        ("[sources.notes]\ncolour = 1", "line 2"),
        ("settle = 100000", "settle"),
        ("[sources.x]\ncollection = \"notes\"", "source x: kind is missing"),
        (
            "[sources.x]\ncollection = \"notes\"\nkind = \"notes\"",
            "source x: path is missing",
        ),
        (
            "[sources.notes]\nkind = \"vdir\"",
            "source notes: \"notes\" can't be kept so",
        ),
        (
            "[sources.notes]\ncollection = \"tunes\"",
            "source notes: there is no collection \"tunes\"",
        ),
        ("[sources.notes]\npath = \"Notes\"", "source notes: its path"),
        (
            "[sources.notes]\npath = \"~/Documents\"",
            "source notes: source documents has the same path",
        ),
        (
            "[sources.work]\ncollection = \"calendars\"\nkind = \"vdir\"\npath = \"~/work\"",
            "source work: source calendars has the same collection: one of them needs `off = true`",
        ),
        (
            "[sources.documents]\npath = \"~/.local\"",
            "source documents: the state folder",
        ),
        (
            "[sources.\"A/b\"]\ncollection = \"notes\"\nkind = \"notes\"\npath = \"/n\"",
            "a name is",
        ),
    ] {
        let said = read(home.path(), text).unwrap_err().to_string();
        assert!(said.contains(complaint), "{text}: {said}");
    }
    assert!(matches!(
        Config::load(Some(&home.path().join("none")), &folders(home.path())),
        Err(ConfigError::Read { .. })
    ));
}
