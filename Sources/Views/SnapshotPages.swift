internal import Bytes
internal import Files
internal import Keys

/// What a page of a snapshot is. Role and number are under the seal, so the order is, and so is the end.
enum SnapshotRole: UInt8 {
    /// Stand, number of pieces, and the runs; always page 0.
    case stand = 1
    /// A piece of the book.
    case book = 2
    /// A part of what the replica keeps.
    case extra = 3
    /// The number of pages before it; without it the file is not whole.
    case end = 4
}

/// Constants of a snapshot's file: `CLSNAP` and a version of two bytes, then for each page a byte of role, u32 length
/// of what follows, nonce ‖ ciphertext ‖ tag.
enum SnapshotFormat {
    static let magic = Array("CLSNAP".utf8)
    static let version: UInt16 = 1
    static let headerBytes = 8
    static let plainBytesMax = 65_536
    static let runsMax = 4096
}

/// Writes a snapshot's pages one after the other; memory holds one at a time.
struct SnapshotWriter<Store: FileStore> {
    let store: Store
    let file: FileHandle
    let seal: PageSeal
    private var page = 0
    private var offset = 0
    private var unwritten: [UInt8] = []

    init(store: Store, file: FileHandle, seal: PageSeal) {
        self.store = store
        self.file = file
        self.seal = seal
    }

    mutating func write(_ snapshot: Snapshot, dice: inout some Dice) throws(ViewError) {
        unwritten = SnapshotFormat.magic + [UInt8(SnapshotFormat.version), 0]
        try put(.stand, Self.stand(of: snapshot), dice: &dice)
        var encoder = BookEncoder(snapshot.book)
        while let piece = encoder.next() { try put(.book, piece, dice: &dice) }
        for first in stride(from: 0, to: snapshot.extra.count, by: SnapshotFormat.plainBytesMax) {
            let end = min(snapshot.extra.count, first + SnapshotFormat.plainBytesMax)
            try put(.extra, Array(snapshot.extra[first..<end]), dice: &dice)
        }
        var end = ByteWriter()
        end.u64(UInt64(page))
        try put(.end, end.bytes, dice: &dice)
        try writeOut()
    }

    private static func stand(of snapshot: Snapshot) -> [UInt8] {
        precondition(snapshot.runs.count <= SnapshotFormat.runsMax)
        var writer = ByteWriter()
        writer.u64(snapshot.stand.index)
        writer.u64(snapshot.stand.position)
        writer.u64(snapshot.stand.record)
        writer.u64(UInt64(bitPattern: snapshot.stand.stamp.microseconds))
        writer.u64(UInt64(snapshot.extra.count))
        writer.varint(snapshot.runs.count)
        for run in snapshot.runs {
            writer.u64(run.number)
            writer.u8(run.level)
            writer.u64(run.entries)
        }
        return writer.bytes
    }

    private mutating func put(_ role: SnapshotRole, _ plain: [UInt8], dice: inout some Dice) throws(ViewError) {
        precondition(plain.count <= SnapshotFormat.plainBytesMax)
        var head = ByteWriter()
        head.u8(role.rawValue)
        head.u32(UInt32(plain.count + Crypto.overheadBytes))
        unwritten.append(contentsOf: head.bytes)
        try seal.seal(plain, page: page, role: role.rawValue, dice: &dice, onto: &unwritten)
        page += 1
        if unwritten.count >= SnapshotFormat.plainBytesMax { try writeOut() }
    }

    private mutating func writeOut() throws(ViewError) {
        let (store, file, offset, bytes) = (store, file, offset, unwritten)
        try asViews { () throws(FileError) in try store.write(file, at: offset, bytes) }
        self.offset += bytes.count
        unwritten.removeAll(keepingCapacity: true)
    }
}

/// Reads a snapshot's pages one after the other, each proven before it is looked at.
struct SnapshotReader<Store: FileStore> {
    private let store: Store
    private let file: FileHandle
    private let seal: PageSeal
    private var page = 0
    private var offset = SnapshotFormat.headerBytes
    /// Bytes of the file read ahead, and where they begin.
    private var ahead: [UInt8] = []
    private var aheadAt = 0
    private let bytesAhead: Int

    static func read(
        _ number: UInt64, on store: Store, _ place: ViewPlace, _ crypto: Crypto, beside: any Beside
    ) throws(ViewError) -> Snapshot {
        var reader = try SnapshotReader(number, on: store, place, crypto, bytesAhead: 1 << 20)
        defer { store.close(reader.file) }
        return try reader.snapshot(beside)
    }

    /// The runs it names, read from its first page alone.
    static func runs(
        of number: UInt64, on store: Store, _ place: ViewPlace, _ crypto: Crypto
    ) throws(ViewError) -> [IdentityRun] {
        try stand(of: number, on: store, place, crypto).runs
    }

    /// Where it stands and the runs it names, read from its first page alone.
    static func stand(
        of number: UInt64, on store: Store, _ place: ViewPlace, _ crypto: Crypto
    ) throws(ViewError) -> (stand: SnapshotStand, runs: [IdentityRun]) {
        var reader = try SnapshotReader(number, on: store, place, crypto, bytesAhead: 0)
        defer { store.close(reader.file) }
        let page = try reader.standPage()
        return (page.stand, page.runs)
    }

    private init(
        _ number: UInt64, on store: Store, _ place: ViewPlace, _ crypto: Crypto, bytesAhead: Int
    ) throws(ViewError) {
        self.bytesAhead = bytesAhead
        let seal = place.seal(.snapshot, number, crypto)
        let path = place.directory + "/" + seal.name
        let file = try asViews { () throws(FileError) in try store.open(path, .read) }
        self.store = store
        self.seal = seal
        self.file = file
        do throws(ViewError) {
            let header = try asViews { () throws(FileError) in
                try store.read(file, at: 0, count: SnapshotFormat.headerBytes)
            }
            guard header.count == SnapshotFormat.headerBytes, header.starts(with: SnapshotFormat.magic) else {
                throw .damaged(file: seal.name, page: 0)
            }
            guard UInt16(header[6]) | UInt16(header[7]) << 8 == SnapshotFormat.version else {
                throw .unknownVersion(file: seal.name)
            }
        } catch {
            store.close(file)
            throw error
        }
    }

    private struct StandPage {
        var stand: SnapshotStand
        var extraBytes: Int
        var runs: [IdentityRun]
    }

    private var damaged: ViewError { .damaged(file: seal.name, page: page) }

    private mutating func snapshot(_ beside: any Beside) throws(ViewError) -> Snapshot {
        let first = try standPage()
        var decoder = BookDecoder(beside: beside)
        var extra: [UInt8] = []
        while true {
            let (role, plain) = try next()
            switch role {
            case .stand: throw damaged
            case .book:
                do { try decoder.take(plain) } catch { throw damaged }
            case .extra:
                extra.append(contentsOf: plain)
            case .end:
                var end = ByteReader(plain)
                guard let pages = try? end.u64(), pages == UInt64(page - 1), extra.count == first.extraBytes else {
                    throw damaged
                }
                let (store, file, offset) = (store, file, offset)
                guard try asViews({ () throws(FileError) in try store.read(file, at: offset, count: 1) }).isEmpty else {
                    throw damaged
                }
                guard let book = try? decoder.finish(), book.position == first.stand.position,
                    book.record == first.stand.record
                else { throw damaged }
                return Snapshot(stand: first.stand, book: book, runs: first.runs, extra: extra)
            }
        }
    }

    private mutating func standPage() throws(ViewError) -> StandPage {
        let (role, plain) = try next()
        guard role == .stand else { throw damaged }
        var reader = ByteReader(plain)
        do {
            let stand = SnapshotStand(
                index: try reader.u64(), position: try reader.u64(), record: try reader.u64(),
                stamp: Instant(microseconds: Int64(bitPattern: try reader.u64())))
            let extraBytes = Int(truncatingIfNeeded: try reader.u64())
            var runs: [IdentityRun] = []
            for _ in 0..<(try reader.count(atMost: SnapshotFormat.runsMax)) {
                runs.append(
                    IdentityRun(number: try reader.u64(), level: try reader.u8(), entries: try reader.u64()))
            }
            return StandPage(stand: stand, extraBytes: extraBytes, runs: runs)
        } catch { throw damaged }
    }

    /// The next page, opened.
    private mutating func next() throws(ViewError) -> (SnapshotRole, [UInt8]) {
        let head = try look(at: offset, 5)
        guard head.count == 5, let role = SnapshotRole(rawValue: ahead[head.lowerBound]) else { throw damaged }
        var length = 0
        for index in 0..<4 { length |= Int(ahead[head.lowerBound + 1 + index]) << (8 * index) }
        guard length >= Crypto.overheadBytes, length <= SnapshotFormat.plainBytesMax + Crypto.overheadBytes else {
            throw damaged
        }
        let sealed = try look(at: offset + 5, length)
        guard sealed.count == length else { throw damaged }
        let plain = try seal.open(ahead, in: sealed, page: page, role: role.rawValue)
        page += 1
        self.offset += 5 + length
        return (role, plain)
    }

    /// Where in `ahead` these bytes of the file stand; fewer at its end.
    private mutating func look(at offset: Int, _ count: Int) throws(ViewError) -> Range<Int> {
        if offset < aheadAt || offset + count > aheadAt + ahead.count {
            let (store, file, wanted) = (store, file, max(count, bytesAhead))
            ahead = try asViews { () throws(FileError) in try store.read(file, at: offset, count: wanted) }
            aheadAt = offset
        }
        return offset - aheadAt..<min(offset - aheadAt + count, ahead.count)
    }
}
