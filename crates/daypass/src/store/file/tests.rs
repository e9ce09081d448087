//! What only a folder can get wrong.

use super::*;
use crate::store::conformance::{self, Place};
use crate::testing::TestClock;

fn sealer() -> Sealer {
    Sealer::derive(None, b"secret").unwrap()
}

fn place() -> Place {
    let clock = Arc::new(TestClock::new());
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path().join("daypass"), clock.clone(), sealer()).unwrap();
    Place::new(Arc::new(store), clock).keeping(folder)
}

conformance::suite!(place);
