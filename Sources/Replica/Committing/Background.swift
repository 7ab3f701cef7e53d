package import Bytes
package import Files
package import Keys
internal import Records
internal import SegmentedLog
internal import Views

/// Work that lasts, for the background thread with its own store.
package struct BackgroundWork: Sendable {
    enum Kind: Sendable {
        case snapshot(SnapshotWork)
        case closing([ClosingWork])
        case scrub(ScrubWork)
    }

    let kind: Kind

    /// The result of not doing it, for whoever stops soon: the next life finds it due again. Nil for a snapshot.
    package var postponed: BackgroundResult? {
        switch kind {
        case .snapshot: nil
        case .closing: BackgroundResult(kind: .closed([]))
        case .scrub(let work): BackgroundResult(kind: .scrubbed(work, faults: []))
        }
    }

    /// Does it. A failure is part of the result: the log alone rebuilds what this makes.
    package func carryOut(on store: some FileStore, crypto: Crypto, dice: inout some Dice) -> BackgroundResult {
        switch kind {
        case .scrub(let work):
            BackgroundResult(
                kind: .scrubbed(
                    work, faults: (try? work.carryOut(on: store, crypto: crypto, leaves: EntryLeaves())) ?? []))
        case .snapshot(let work): BackgroundResult(kind: work.carryOut(on: store, crypto: crypto, dice: &dice))
        case .closing(let works):
            BackgroundResult(
                kind: .closed(
                    works.compactMap { work in
                        guard let outcome = try? work.carryOut(on: store, crypto: crypto, leaves: EntryLeaves()) else {
                            return nil
                        }
                        return (work.segment, outcome)
                    }))
        }
    }
}

/// What came of it.
package struct BackgroundResult: Sendable {
    enum Kind: Sendable {
        case snapshot(position: UInt64, record: UInt64, runs: [IdentityRun])
        case snapshotFailed
        case closed([(UInt64, ClosingWork.Outcome)])
        case scrubbed(ScrubWork, faults: [Fault])
    }

    let kind: Kind
}

/// A snapshot to be written: a copy of the book and what goes with it, at one place of the log.
struct SnapshotWork: Sendable {
    let place: ViewPlace
    let stand: SnapshotStand
    let book: Book
    let identities: IdentityWork
    let extra: [UInt8]

    func carryOut(on store: some FileStore, crypto: Crypto, dice: inout some Dice) -> BackgroundResult.Kind {
        do {
            let runs = try identities.carryOut(on: store, crypto: crypto, dice: &dice)
            let snapshot = Snapshot(stand: stand, book: book, runs: runs, extra: extra)
            try SnapshotStore(store: store, place: place, crypto: crypto).write(snapshot, dice: &dice)
            return .snapshot(position: stand.position, record: stand.record, runs: runs)
        } catch {
            return .snapshotFailed
        }
    }
}

/// What is under way in the background, and when the next is due.
struct BackgroundState {
    /// Events and records folded at the last snapshot.
    var snapshotCount: UInt64 = 0
    var isSnapshotting = false
    var isClosing = false
    var hasFailed = false

    var isBusy: Bool { isSnapshotting || isClosing }
}

extension Replica {
    /// Orders a snapshot or the closing of segments when one is due.
    func considerBackground(into effects: inout [ReplicaEffect]) {
        takeSnapshot(after: max(configuration.snapshotEvery, background.snapshotCount / 16), into: &effects)
        guard !background.isClosing else { return }
        let through = min(foldedIndex, log.durableIndex)
        guard let works = try? log.closable(committedThrough: through), !works.isEmpty else { return }
        background.isClosing = true
        effects.append(.background(BackgroundWork(kind: .closing(works))))
    }

    /// Orders a snapshot, unless one is being written, or fewer events and records than `least` came since the last one.
    func takeSnapshot(after least: UInt64 = 1, into effects: inout [ReplicaEffect]) {
        let count = book.position + book.record
        // A snapshot is never ahead of the disk.
        guard !background.isSnapshotting, count >= background.snapshotCount + max(1, least),
            foldedIndex <= log.durableIndex
        else { return }
        background.isSnapshotting = true
        background.snapshotCount = count
        var extra = ByteWriter(reserving: 1024)
        extra.u8(Folded.extraVersion)
        subjectKeys.encode(onto: &extra)
        idempotency.encode(onto: &extra)
        extra.varint(configurations[0].index)
        configurations[0].entry.write(onto: &extra)
        let work = SnapshotWork(
            place: viewPlace,
            stand: SnapshotStand(
                index: foldedIndex, position: book.position, record: book.record, stamp: book.lastStamp),
            book: book, identities: identities.freeze(), extra: extra.bytes)
        effects.append(.background(BackgroundWork(kind: .snapshot(work))))
    }

    func finished(_ result: BackgroundResult, into effects: inout [ReplicaEffect]) {
        switch result.kind {
        case .snapshot(_, _, let runs):
            background.isSnapshotting = false
            background.hasFailed = (try? identities.adopt(runs)) == nil
        case .snapshotFailed:
            background.isSnapshotting = false
            background.hasFailed = true
        case .closed(let works):
            background.isClosing = false
            for (segment, outcome) in works { log.closed(segment, outcome) }
            if log.wanted != nil { foundFault(into: &effects) }
        case .scrubbed(let work, let faults): scrubbed(work, faults, into: &effects)
        }
        releaseBackup(into: &effects)
        goOnStopping(into: &effects)
    }
}
