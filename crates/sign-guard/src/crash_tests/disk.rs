//! A disk in memory that forgets what was not synced.

use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

/// What a disk writes at once; a longer write can be torn between two of these.
const SECTOR: usize = 512;

/// Something that was asked of the disk and not synced yet.
#[derive(Debug, Clone)]
enum Pending {
    Write { offset: usize, sector: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Default)]
struct Disk {
    /// What a reader sees.
    live: Vec<u8>,
    /// What is safe.
    durable: Vec<u8>,
    pending: Vec<Pending>,
    syncs: usize,
    /// The sync that the machine does not survive.
    stops_at: Option<usize>,
}

/// A disk that keeps only what was synced, and any part of the rest.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrashingDisk(Arc<Mutex<Disk>>);

impl CrashingDisk {
    pub(crate) fn with(image: &[u8], stops_at: Option<usize>) -> Self {
        let (live, durable) = (image.to_vec(), image.to_vec());
        Self(Arc::new(Mutex::new(Disk {
            live,
            durable,
            stops_at,
            ..Disk::default()
        })))
    }

    pub(crate) fn syncs(&self) -> usize {
        self.0.lock().unwrap().syncs
    }

    /// Has the machine stop at this sync.
    pub(crate) fn stop_at(&self, sync: usize) {
        self.0.lock().unwrap().stops_at = Some(sync);
    }

    /// What the disk holds after the crash: `survives` says of each unsynced piece whether it was written.
    pub(crate) fn image(&self, mut survives: impl FnMut() -> bool) -> Vec<u8> {
        let disk = self.0.lock().unwrap();
        let mut image = disk.durable.clone();
        for pending in &disk.pending {
            if survives() {
                apply(&mut image, pending);
            }
        }
        image
    }
}

impl Disk {
    fn alive(&self) -> io::Result<()> {
        match self.stops_at {
            Some(sync) if self.syncs >= sync => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        }
    }
}

fn apply(image: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Length(length) => image.resize(*length, 0),
        Pending::Write { offset, sector } => {
            let end = offset + sector.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(sector);
        }
    }
}

impl StorageBackend for CrashingDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        disk.alive()?;
        let offset = usize::try_from(offset).unwrap();
        let bytes = disk.live.get(offset..offset + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.alive()?;
        let pending = Pending::Length(usize::try_from(length).unwrap());
        apply(&mut disk.live, &pending);
        disk.pending.push(pending);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.alive()?;
        disk.syncs += 1;
        disk.alive()?;
        disk.durable = disk.live.clone();
        disk.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.alive()?;
        let offset = usize::try_from(offset).unwrap();
        for (number, sector) in data.chunks(SECTOR).enumerate() {
            let offset = offset + number * SECTOR;
            let pending = Pending::Write {
                offset,
                sector: sector.to_vec(),
            };
            apply(&mut disk.live, &pending);
            disk.pending.push(pending);
        }
        Ok(())
    }
}
