//! Files and directories: by the ring on io_uring, by threads on epoll.

mod common;

use std::io::{ErrorKind, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use beehive::fs::{self, File, OpenOptions};
use beehive::io::{AsyncReadExt, AsyncWriteExt, copy};
use beehive::spawn;
use beehive::time::timeout;
use common::{Folder, on_each_reactor};

#[test]
fn what_is_written_at_an_offset_is_read_there() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            let options = OpenOptions::new().read(true).write(true).create(true);
            let file = Arc::new(options.open(folder.path("file")).await.unwrap());
            let tasks: Vec<_> = (0..16_u64)
                .map(|part| {
                    let file = file.clone();
                    spawn(async move {
                        let bytes = vec![part as u8; 100_000];
                        let (result, bytes) = file.write_all_at(bytes, part * 100_000).await;
                        result.unwrap();
                        assert_eq!(bytes.len(), 100_000);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            file.sync_data().await.unwrap();
            assert_eq!(file.metadata().await.unwrap().len(), 1_600_000);
            for part in 0..16_u64 {
                let mut buffer = Vec::with_capacity(100_000);
                while buffer.len() < 100_000 {
                    let offset = part * 100_000 + buffer.len() as u64;
                    let (result, back) = file.read_at(buffer, offset).await;
                    assert!(result.unwrap() > 0);
                    buffer = back;
                }
                assert!(buffer.iter().all(|&byte| byte == part as u8));
            }
            let (end, kept) = file.read_at(Vec::with_capacity(10), 1_600_000).await;
            assert_eq!((end.unwrap(), kept.len()), (0, 0));
        });
    });
}

#[test]
fn the_cursor_reads_writes_and_seeks() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            let options = OpenOptions::new().read(true).write(true).create_new(true);
            let mut file = options.open(folder.path("file")).await.unwrap();
            file.write_all(b"hello, world").await.unwrap();
            assert_eq!(file.seek(SeekFrom::Current(-5)).await.unwrap(), 7);
            file.write_all(b"beehive").await.unwrap();
            assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap(), 0);
            let mut word = [0; 5];
            file.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"hello");
            // A write comes where the reading ended.
            file.write_all(b"!").await.unwrap();
            let mut rest = String::new();
            file.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, " beehive");
            assert_eq!(file.seek(SeekFrom::End(-3)).await.unwrap(), 11);
            let before = file.seek(SeekFrom::End(-100)).await.unwrap_err();
            assert_eq!(before.kind(), ErrorKind::InvalidInput);
            file.set_len(5).await.unwrap();
            assert_eq!(fs::read(folder.path("file")).await.unwrap(), b"hello");
        });
    });
}

#[test]
fn megabytes_are_copied_from_file_to_file() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            let bytes: Vec<u8> = (0..5_000_000_u32).map(|i| (i / 11) as u8).collect();
            fs::write(folder.path("from"), &bytes).await.unwrap();
            let mut from = File::open(folder.path("from")).await.unwrap();
            let mut to = File::create(folder.path("to")).await.unwrap();
            let copied = copy(&mut from, &mut to).await.unwrap();
            assert_eq!(copied, bytes.len() as u64);
            to.sync_all().await.unwrap();
            assert!(fs::read(folder.path("to")).await.unwrap() == bytes);
        });
    });
}

#[test]
fn a_read_that_is_given_up_serves_the_next_one() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i / 3) as u8).collect();
            fs::write(folder.path("file"), &bytes).await.unwrap();
            let mut file = File::open(folder.path("file")).await.unwrap();
            let mut read = Vec::new();
            let mut buffer = vec![0; 1_000];
            loop {
                match timeout(Duration::from_micros(20), file.read(&mut buffer)).await {
                    Ok(Ok(0)) => break,
                    Ok(count) => read.extend_from_slice(&buffer[..count.unwrap()]),
                    Err(_) => {}
                }
            }
            assert!(read == bytes);
        });
    });
}

#[test]
fn operations_whose_future_is_dropped_do_no_harm() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            let file = Arc::new(File::create(folder.path("file")).await.unwrap());
            for round in 0..200_u64 {
                let write = file.write_at(vec![7; 50_000], round % 10 * 50_000);
                let _ = timeout(Duration::ZERO, write).await;
            }
            let moved = file.clone();
            spawn(async move { moved.sync_all().await.unwrap() })
                .await
                .unwrap();
        });
    });
}

#[test]
fn errors_of_writing_come_with_the_flush() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let mut full = OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .await
                .unwrap();
            full.write_all(b"taken over").await.unwrap();
            let error = full.flush().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            full.flush().await.unwrap();
            let missing = File::open("/nowhere/at/all").await.unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::NotFound);
            let folder = Folder::new();
            let mut unwritable = File::create(folder.path("file")).await.unwrap();
            let error = unwritable.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(9), "{error}");
        });
    });
}

#[test]
fn appended_bytes_come_last() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            fs::write(folder.path("file"), "first").await.unwrap();
            let options = OpenOptions::new().append(true);
            let mut file = options.open(folder.path("file")).await.unwrap();
            file.write_all(b", second").await.unwrap();
            file.write_all(b", third").await.unwrap();
            file.flush().await.unwrap();
            let text = fs::read_to_string(folder.path("file")).await.unwrap();
            assert_eq!(text, "first, second, third");
        });
    });
}

#[test]
fn a_file_goes_to_the_standard_library_with_its_position() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            use std::io::Read;
            let folder = Folder::new();
            fs::write(folder.path("file"), "abcdef").await.unwrap();
            let mut file = File::open(folder.path("file")).await.unwrap();
            file.read_exact(&mut [0; 2]).await.unwrap();
            let mut file = file.into_std().await.unwrap();
            file.read_exact(&mut [0; 2]).unwrap();
            let mut rest = Vec::new();
            File::from_std(file).read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"ef");
        });
    });
}

#[test]
fn directories_are_made_listed_and_removed() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            fs::create_dir_all(folder.path("a/b/c")).await.unwrap();
            for number in 0..150 {
                let name = folder.path(&format!("a/{number}"));
                fs::write(name, number.to_string()).await.unwrap();
            }
            let mut entries = fs::read_dir(folder.path("a")).await.unwrap();
            let (mut files, mut directories) = (0, 0);
            while let Some(entry) = entries.next_entry().await.unwrap() {
                if entry.file_type().await.unwrap().is_dir() {
                    assert_eq!(entry.file_name(), "b");
                    directories += 1;
                } else {
                    let name = entry.file_name();
                    let len = entry.metadata().await.unwrap().len();
                    assert_eq!(len, name.len() as u64);
                    files += 1;
                }
            }
            assert_eq!((files, directories), (150, 1));
            assert!(entries.next_entry().await.unwrap().is_none());
            fs::rename(folder.path("a/1"), folder.path("one"))
                .await
                .unwrap();
            assert_eq!(fs::read_to_string(folder.path("one")).await.unwrap(), "1");
            assert_eq!(
                fs::copy(folder.path("one"), folder.path("two"))
                    .await
                    .unwrap(),
                1
            );
            fs::symlink("two", folder.path("link")).await.unwrap();
            let target = fs::read_link(folder.path("link")).await.unwrap();
            assert_eq!(target.to_str(), Some("two"));
            let link = fs::symlink_metadata(folder.path("link")).await.unwrap();
            assert!(link.is_symlink());
            fs::remove_file(folder.path("two")).await.unwrap();
            assert!(!fs::try_exists(folder.path("link")).await.unwrap());
            fs::remove_dir(folder.path("a/b/c")).await.unwrap();
            let full = fs::remove_dir(folder.path("a")).await.unwrap_err();
            assert_eq!(full.kind(), ErrorKind::DirectoryNotEmpty);
            fs::remove_dir_all(folder.path("a")).await.unwrap();
        });
    });
}

#[test]
fn an_operation_outlives_the_worker_that_began_it() {
    on_each_reactor(2, |runtime| {
        let folder = Folder::new();
        for _ in 0..20 {
            let mut writing = None;
            runtime.block_on(async {
                let file = File::create(folder.path("file")).await.unwrap();
                let write = spawn(async move { file.write_all_at(vec![1; 500_000], 0).await.0 });
                beehive::yield_now().await;
                writing = Some(write);
            });
            let written = runtime.block_on(writing.unwrap());
            written.unwrap().unwrap();
            let len = std::fs::metadata(folder.path("file")).unwrap().len();
            assert_eq!(len, 500_000);
        }
    });
}

#[test]
fn a_runtime_stops_while_files_are_read_and_written() {
    for _ in 0..10 {
        on_each_reactor(2, |runtime| {
            let folder = Folder::new();
            runtime.block_on(async {
                let file = Arc::new(File::create(folder.path("file")).await.unwrap());
                for part in 0..20 {
                    let file = file.clone();
                    spawn(async move { file.write_at(vec![1; 100_000], part * 100_000).await })
                        .detach();
                }
                beehive::yield_now().await;
            });
        });
    }
}
