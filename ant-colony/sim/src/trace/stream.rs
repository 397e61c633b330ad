//! A file as a stream of bytes, decompressed if it is a zstd stream, whatever its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::TraceError;

/// What a zstd frame begins with.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What a frame to be skipped begins with, after a byte of its own (RFC 8878, 3.1.2).
const SKIPPED_FRAME: [u8; 3] = [0x2a, 0x4d, 0x18];
const BUFFER: usize = 1 << 16;

/// Bytes of a trace.
pub(super) type Stream = Box<dyn BufRead + Send>;

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<Stream, TraceError> {
    let unreadable = |source| TraceError::unreadable(path, source);
    let mut file = File::open(path)
        .map(|file| BufReader::with_capacity(BUFFER, file))
        .map_err(unreadable)?;
    let start = file.fill_buf().map_err(unreadable)?;
    let is_zstd = start.starts_with(&FRAME)
        || start.get(1..4) == Some(&SKIPPED_FRAME) && start[0] & 0xf0 == 0x50;
    if !is_zstd {
        return Ok(Box::new(file));
    }
    let frames = Frames {
        file,
        decoder: FrameDecoder::new(),
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER, frames)))
}

/// All frames of a zstd stream: parallel compressors write many.
struct Frames {
    file: BufReader<File>,
    decoder: FrameDecoder,
}

impl Frames {
    /// Goes to the next frame; false at the end of the file.
    fn open_next(&mut self) -> io::Result<bool> {
        while !self.file.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.file) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.file).take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if self.decoder.is_finished() {
                if !self.open_next()? {
                    return Ok(0);
                }
            } else {
                let some = BlockDecodingStrategy::UptoBytes(BUFFER);
                let decoded = self.decoder.decode_blocks(&mut self.file, some);
                decoded.map_err(io::Error::other)?;
            }
        }
        self.decoder.read(buffer)
    }
}
