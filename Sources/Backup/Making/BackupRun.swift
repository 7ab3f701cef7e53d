package import Files
internal import Bytes
internal import Keys
internal import SegmentedLog

/// The making of one backup: one object a step, the manifest last.
///
/// Whoever calls `step` decides how fast it goes. After an error the same step may be tried again; after a crash a new
/// run, with a newer stand, goes on from what is there: a closed segment that the newest manifest names is not read
/// again, any other object that is there is compared, and none is ever written over.
///
/// A run refuses, before it writes anything but a fresh destination's marker: another cluster's destination, a parent's
/// among them; a newest backup that this log does not go on from; registers that the destination has seen further; a
/// newest manifest that cannot be believed.
package struct BackupRun<Store: FileStore, Destination: BackupDestination> {
    private let stand: BackupStand
    private let views: [BackupView]
    private let store: Store
    private let destination: Destination
    private let signer: any BackupSigner
    private let trust: BackupTrust
    private var phase = Phase.beginning
    private var work: [Item] = []
    private var objects: [ManifestObject] = []
    private var newest: SignedManifest?
    /// Views of the newest manifest that are there.
    private var knownViews: [ManifestObject] = []
    package private(set) var progress = BackupProgress()

    private enum Phase {
        case beginning
        /// The next of `work`.
        case copying(Int)
        case concluding
        case finished(Manifest)
    }

    private enum Item {
        case slice(LogSlice)
        case view(BackupView)
    }

    /// - Parameters:
    ///   - views: A snapshot that stands at the stand's last entry or before it, file by file; none: the backup has none.
    ///   - store: Where the log of the stand lies, for this thread.
    ///   - trust: Must take what `signer` signs.
    /// - Precondition: each of the stand's segments was written under the cluster that its lineage says.
    package init(
        _ stand: BackupStand, views: [BackupView] = [], from store: Store, to destination: Destination,
        signer: any BackupSigner, trust: BackupTrust
    ) {
        precondition(
            stand.slices.allSatisfy { slice in
                stand.lineage.last { $0.firstSegment <= slice.segment }?.cluster == slice.header.cluster
            })
        self.stand = stand
        self.views = views
        self.store = store
        self.destination = destination
        self.signer = signer
        self.trust = trust
    }

    /// Does the next thing.
    package mutating func step() throws(BackupError) -> BackupStep<Manifest> {
        switch phase {
        case .beginning:
            try begin()
            phase = work.isEmpty ? .concluding : .copying(0)
        case .copying(let place):
            try copy(work[place])
            phase = place + 1 == work.count ? .concluding : .copying(place + 1)
        case .concluding:
            phase = .finished(try conclude())
        case .finished: break
        }
        if case .finished(let manifest) = phase { return .finished(manifest) }
        return .going
    }

    // MARK: Beginning

    private mutating func begin() throws(BackupError) {
        try BackupMarker.claim(destination, for: stand.cluster, lineage: stand.lineage)
        try destination.tidy()
        newest = try SignedManifest.newest(in: destination, cluster: stand.cluster, trust: trust)
        if let newest { try checkGoesOn(from: newest.manifest.head) }
        var seen = newest?.manifest.registers ?? []
        if let note = try RegisterNote.newest(in: destination, cluster: stand.cluster, trust: trust) {
            seen = seen.furthest(note.registers)
        }
        let older = stand.registers.behind(seen)
        guard older.isEmpty else { throw .olderRegisters(older) }
        try plan()
    }

    /// The log holds what was backed up last.
    private func checkGoesOn(from head: LogHead) throws(BackupError) {
        guard let slice = stand.slices.last(where: { $0.firstIndex <= head.index }), head.index <= stand.head.index
        else { throw .ahead(index: head.index) }
        let hash: Digest?
        do throws(LogError) { hash = try slice.hash(at: head.index, from: store) } catch { throw .log(error) }
        guard hash == head.hash else { throw .otherHistory(index: head.index) }
    }

    private mutating func plan() throws(BackupError) {
        let listed = try Listing([BackupLayout.segments, BackupLayout.views], of: destination)
        let known = newest?.manifest.objects ?? []
        knownViews = known.filter { $0.kind == .view && listed.holds($0) }
        progress = BackupProgress()
        work = []
        objects = []
        for slice in stand.slices {
            // Objects begin with the segments, from 1 on.
            let place = Int(slice.segment) - 1
            if known.indices.contains(place), case let object = known[place], slice.isKept(as: object),
                listed.holds(object)
            {
                objects.append(object)
                progress.bytesKept += object.bytes
                continue
            }
            work.append(.slice(slice))
            progress.bytesOf += slice.bytes
        }
        for view in views {
            work.append(.view(view))
            progress.bytesOf += view.bytes
        }
        progress.objectsOf = work.count
    }

    // MARK: Copying

    private mutating func copy(_ item: Item) throws(BackupError) {
        switch item {
        case .slice(let slice):
            let bytes: [UInt8]
            do throws(LogError) { bytes = try slice.read(from: store) } catch { throw .log(error) }
            try put(
                ManifestObject(
                    kind: slice.isClosed ? .closed : .tail, name: slice.objectName, bytes: bytes.count,
                    hash: SHA256.digest(bytes), segment: slice.segment, firstIndex: slice.firstIndex,
                    lastIndex: slice.lastIndex, firstPosition: slice.header.firstPosition), bytes)
            progress.bytesDone += slice.bytes
        case .view(let view):
            if let bytes = try read(view), !bytes.isEmpty {
                let hash = SHA256.digest(bytes)
                let object = ManifestObject(
                    kind: .view, name: BackupLayout.view(view.file, hash: hash), bytes: bytes.count, hash: hash)
                guard !knownViews.contains(object) else { return keep(object, counted: view.bytes) }
                try put(object, bytes)
            }
            progress.bytesDone += view.bytes
        }
        progress.objectsDone += 1
    }

    private func read(_ view: BackupView) throws(BackupError) -> [UInt8]? {
        do throws(BackupError) {
            return try view.read()
        } catch {
            if case .missing = error { return nil }
            throw error
        }
    }

    /// A part of the views that is as it was when the newest backup was made.
    private mutating func keep(_ object: ManifestObject, counted: Int) {
        objects.append(object)
        progress.bytesKept += counted
        progress.bytesOf -= counted
        progress.objectsOf -= 1
    }

    private mutating func put(_ object: ManifestObject, _ bytes: [UInt8]) throws(BackupError) {
        try destination.put(object.name, bytes)
        objects.append(object)
    }

    // MARK: Concluding

    /// - Throws: `.missing` when an object is not there any more: somebody else is at work at the destination. Begin anew.
    private func conclude() throws(BackupError) -> Manifest {
        let listed = try Listing([BackupLayout.segments, BackupLayout.tails, BackupLayout.views], of: destination)
        if let lost = objects.first(where: { !listed.holds($0) }) { throw .missing(object: lost.name) }
        let segments = objects.filter { $0.kind != .view }.sorted { $0.segment < $1.segment }
        var kept = objects.filter { $0.kind == .view }.sorted { $0.name < $1.name }
        // A snapshot is of use whole or not at all.
        if kept.count < views.count { kept = [] }
        let manifest = Manifest(
            cluster: stand.cluster, number: (newest?.manifest.number ?? 0) + 1, previous: newest?.hash ?? .zero,
            madeAt: max(stand.madeAt, newest?.manifest.madeAt ?? stand.madeAt), replica: stand.replica,
            head: stand.head, digests: stand.digests, registers: stand.registers, epochs: stand.epochs,
            lineage: stand.lineage, objects: segments + kept)
        let name = BackupLayout.manifest(manifest.number)
        guard manifest.isInOrder else { throw .flawed(object: name, .form) }
        let signed = try SignedManifest(manifest, signer: signer)
        try destination.put(name, signed.bytes)
        // Where two write at once, one of them has the number.
        guard try destination.read(name, atMost: signed.bytes.count) == signed.bytes else {
            throw .occupied(object: name)
        }
        return manifest
    }
}

extension LogSlice {
    /// Whether it is closed and the object is what it was backed up as; what its hash is, tells who reads it.
    fileprivate func isKept(as object: ManifestObject) -> Bool {
        isClosed
            && object
                == ManifestObject(
                    kind: .closed, name: objectName, bytes: bytes, hash: object.hash, segment: segment,
                    firstIndex: firstIndex, lastIndex: lastIndex, firstPosition: header.firstPosition)
    }

    /// What its object is called: by what its bytes are, so that another log's never has the name.
    var objectName: String {
        if let trailer { return BackupLayout.segment(segment, footer: trailer.hash) }
        return BackupLayout.tail(segment, through: lastIndex, hash: end.hash)
    }
}
