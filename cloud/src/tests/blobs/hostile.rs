//! What nobody should send.

use std::os::unix::fs::PermissionsExt;

use belay_proto::sync::MAX_SEALED_CHUNK;

use super::*;

#[tokio::test]
async fn an_id_that_is_none_names_nothing_and_leads_nowhere() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 10);
    let before = std::fs::read_dir(rig.folder.path().join("data")).unwrap().count();
    let id = chunk.id.to_string();
    let upper = id.to_uppercase();
    for bad in [
        "x",
        "..",
        "%2e%2e",
        "..%2f..%2fserver.key",
        "..%2Fbelay-cloud.sqlite",
        "%2fetc%2fpasswd",
        "server.key%00",
        &id[1..],
        &format!("{id}0"),
        &format!("{id}%2f"),
        &format!("%20{}", &id[1..]),
        &upper,
    ] {
        assert_ne!(bad, id);
        let path = format!("/v1/blobs/{bad}");
        let put = call(&home.client, "PUT", &path, &chunk.headers(0), &chunk.bytes).await;
        put.refuses(404, "not-found");
        home.client.get(&path).await.refuses(404, "not-found");
    }
    assert!(files(&rig).is_empty());
    let after = std::fs::read_dir(rig.folder.path().join("data")).unwrap().count();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_files_name_says_nothing_of_the_chunk_and_nobody_else_on_the_machine_reads_it() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 10);
    bring_all(&home.client, &chunk).await;
    let file = files(&rig).remove(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    let folder = file.parent().unwrap();
    assert!(name.len() == 32 && name.starts_with(folder.file_name().unwrap().to_str().unwrap()));
    assert!(!chunk.id.to_string().contains(name));
    for path in [&*file, folder, folder.parent().unwrap()] {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}

#[tokio::test]
async fn what_announces_no_chunk_is_refused_and_takes_no_room() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 10);
    let long = (MAX_SEALED_CHUNK + 1).to_string();
    for (name, value, status, problem) in [
        (
            "content-type",
            Some("application/json"),
            415,
            "unsupported-media-type",
        ),
        ("content-type", None, 415, "unsupported-media-type"),
        ("upload-length", None, 400, "malformed"),
        ("upload-length", Some("0"), 400, "malformed"),
        ("upload-length", Some("-1"), 400, "malformed"),
        ("upload-length", Some("+10"), 400, "malformed"),
        ("upload-length", Some("10 "), 400, "malformed"),
        ("upload-length", Some(""), 400, "malformed"),
        ("upload-length", Some("99999999999999999999"), 400, "malformed"),
        ("upload-length", Some("9"), 413, "too-large"),
        ("upload-length", Some(&*long), 413, "too-large"),
        ("upload-offset", Some("11"), 400, "malformed"),
        ("upload-offset", Some("x"), 400, "malformed"),
        ("upload-offset", Some("1"), 413, "too-large"),
        ("repr-digest", None, 400, "malformed"),
        ("repr-digest", Some("sha-256=:AAAA:"), 400, "malformed"),
        ("repr-digest", Some("sha-512=:AAAA:"), 400, "malformed"),
    ] {
        let mut more = chunk.headers(0);
        more.remove(name);
        more.extend(value.map(|value| (HeaderName::from_static(name), value.parse().unwrap())));
        let reply = call(&home.client, "PUT", &chunk.path(), &more, &chunk.bytes).await;
        assert_eq!(
            (reply.status.as_u16(), &*reply.problem()),
            (status, problem),
            "{name} {value:?}"
        );
    }
    let mut twice = chunk.headers(0);
    twice.append("upload-length", "10".parse().unwrap());
    let reply = call(&home.client, "PUT", &chunk.path(), &twice, &chunk.bytes).await;
    reply.refuses(400, "malformed");
    assert!(files(&rig).is_empty());
    assert_eq!(used(&home.client).await, 0);
}

#[tokio::test]
async fn what_isnt_a_question_is_refused() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let packed = headers(&[("content-type", MESSAGE_PACK)]);
    for bad in [
        &b""[..],
        b"\xc0",
        b"{}",
        b"\x81\xa6chunks\x91\xc4\x01a",
        b"\x81\xa6chunks\x90\xc0",
    ] {
        call(&home.client, "POST", "/v1/blobs/missing", &packed, bad)
            .await
            .refuses(400, "malformed");
    }
    let json = headers(&[("content-type", "application/json")]);
    call(&home.client, "POST", "/v1/blobs/missing", &json, b"{}")
        .await
        .refuses(415, "unsupported-media-type");
    // The same one twice is answered twice.
    let chunk = Chunk::new(1, 10);
    let answer = missing(&home.client, &[&chunk, &chunk]).await;
    assert_eq!(answer, [chunk.from(0), chunk.from(0)]);
    assert!(missing(&home.client, &[]).await.is_empty());
}

#[tokio::test]
async fn a_call_about_chunks_uses_its_proof_also_where_it_is_refused() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 10);
    // For the nonce.
    home.client.get("/v1/devices").await.is(200);
    let question = MissingRequest {
        chunks: vec![chunk.id; 1001],
    };
    let question = rmp_serde::to_vec_named(&question).unwrap();
    let packed = headers(&[("content-type", MESSAGE_PACK)]);
    let (put, missing) = (chunk.path(), "/v1/blobs/missing");
    for (method, path, more, body, status) in [
        ("PUT", "/v1/blobs/x", chunk.headers(0), &chunk.bytes, 404),
        ("PUT", &put, packed.clone(), &chunk.bytes, 415),
        ("PUT", &put, chunk.headers(0), &chunk.bytes, 204),
        ("POST", missing, packed, &question, 413),
    ] {
        let mut request = home.client.request(method, path, None, None);
        request.headers_mut().extend(more);
        request.body_mut().clone_from(body);
        let again = request.clone();
        assert_eq!(rig.send(request).await.status.as_u16(), status, "{method} {path}");
        rig.send(again).await.refuses(401, "invalid-dpop-proof");
    }
}
